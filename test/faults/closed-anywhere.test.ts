// The stream ends after any byte of any message that was recorded from a real node. Complete calls are counted and answered,
// incomplete ones are not, and the tables are empty. test/executable/reconnecting.test.ts closes a real socket at each step of
// a session.

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { EMPTY_TABLES, expectEmptyTables, RawPeer, turn } from "../builders/connections.ts";
import { expectedEvents } from "../builders/event-log.ts";
import { type RecordedFrame, recordedFrames } from "../builders/recorded-frames.ts";
import { subscribed } from "../builders/subscriber.ts";

setDefaultTimeout(30_000);
afterEach(expectEmptyTables);

/** Of a longer frame: both ends, around the head that is read early of a large one, and some bytes between. */
const ALL_BYTES_UP_TO = 800;
const EDGE_BYTES = 48;
const HEAD_BYTES = 1024;
const STEPS = 16;

/** After how many bytes the stream ends. */
function ends({ frame }: RecordedFrame): number[] {
  const { length } = frame;
  if (length <= ALL_BYTES_UP_TO) return [...frame.keys()];
  const edge = [...Array(EDGE_BYTES).keys()];
  const between = Array.from({ length: STEPS }, (_, step) => Math.floor((step * length) / STEPS));
  const around = edge.map((at) => HEAD_BYTES - EDGE_BYTES / 2 + at).filter((at) => at < length);
  return [...new Set([...edge, ...around, ...between, ...edge.map((at) => length - 1 - at)])];
}

const REASON = "the node closed the socket";
const CHUNK_BYTES = 65_536;

function receiveInChunks(peer: RawPeer, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) peer.connection.receive(bytes.slice(at, at + CHUNK_BYTES));
}

const calls = recordedFrames("pr-trace").filter(({ message }) => message !== "return" && message !== "release");

describe.each(["hot", "slow"] as const)("a stream of calls that ends anywhere, on the %s path", (path) => {
  test.each(calls.map((recorded) => [recorded.file, recorded] as const))("%s", async (_, recorded) => {
    for (const at of ends(recorded)) {
      const { peer, take } = await subscribed(path);
      // One complete call before it, which counts.
      const before = calls.find(({ call }) => call === "UtxoCacheTrace.add")!;
      receiveInChunks(peer, Buffer.concat([before.frame, recorded.frame.subarray(0, at)]));
      await turn();
      peer.connection.disconnected(REASON);
      expect(peer.connection.ended?.message).toBe(REASON);
      expect(take()).toEqual(expectedEvents(before));
      expect(peer.take()).toMatchObject([{ return: { answerId: before.questionId } }]);
      expect(peer.connection.sizes).toEqual(EMPTY_TABLES);
    }
  });
});

describe.each(["pr-trace", "master"] as const)(
  "a stream of returns that ends anywhere, recorded from %s",
  (capture) => {
    const returns = recordedFrames(capture).filter(({ message }) => message === "return");

    test.each(returns.map((recorded) => [recorded.file, recorded] as const))("%s", async (_, recorded) => {
      for (const at of ends(recorded)) {
        const peer = new RawPeer();
        // Enough questions that the recorded answer belongs to one of them.
        const questions = Array.from({ length: recorded.answerId! + 1 }, () => peer.connection.bootstrap());
        const settled = Promise.allSettled(questions);
        receiveInChunks(peer, recorded.frame.subarray(0, at));
        await turn();
        expect(peer.connection.sizes.questions).toBe(questions.length);
        peer.connection.disconnected(REASON);
        for (const { reason } of (await settled) as PromiseRejectedResult[]) {
          expect(reason).toMatchObject({ kind: "disconnected", message: `bootstrap: ${REASON}` });
        }
        expect(peer.connection.sizes).toEqual(EMPTY_TABLES);
      }
    });
  },
);

test("the end of the stream also ends an answer that is half written", async () => {
  const { peer } = await subscribed("hot");
  const add = calls.find(({ call }) => call === "UtxoCacheTrace.add")!;
  for (let bytes = 0; bytes < 72; bytes++) {
    const { peer, take } = await subscribed("hot");
    peer.takesBytes = bytes;
    receiveInChunks(peer, add.frame);
    peer.connection.disconnected(REASON);
    expect(take()).toEqual(expectedEvents(add));
    expect(peer.connection.sizes).toEqual(EMPTY_TABLES);
  }
  const object = peer.connection.bootstrap().catch((error: unknown) => error);
  peer.connection.disconnected(REASON);
  expect(await object).toMatchObject({ kind: "disconnected" });
});

test("a question after the end of the stream is rejected and writes nothing", async () => {
  const peer = new RawPeer();
  peer.connection.disconnected(REASON);
  await expect(peer.connection.bootstrap()).rejects.toMatchObject({ kind: "disconnected" });
  expect(peer.take()).toEqual([]);
});
