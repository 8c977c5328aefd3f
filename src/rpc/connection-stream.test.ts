// A connection and its stream: writes, and peers that read slowly or not at all.

import { afterEach, describe, expect, mock, spyOn, test } from "bun:test";
import { utils } from "capnp-es";
import type { Payload } from "capnp-es/capnp/rpc";
import { BOX_INTERFACE, Box, hosting, METHOD } from "../../test/builders/box.ts";
import { EMPTY_TABLES, expectEmptyTables, RawPeer, turn } from "../../test/builders/connections.ts";
import { cutAt } from "../../test/builders/frames.ts";
import {
  bootstrapFrame,
  callFrame,
  contentOf,
  finishFrame,
  messageFrame,
  releaseFrame,
  returnBootstrapFrame,
} from "../../test/builders/rpc-messages.ts";
import type { StructView } from "../wire/struct-view.ts";
import { readInt32 } from "../wire/words.ts";
import { BusyClock } from "./busy-clock.ts";
import { MAX_UNSENT_BYTES } from "./connection.ts";
import { HotReader } from "./hot-reader.ts";

afterEach(expectEmptyTables);

const call = { target: { importedCap: 0 }, interfaceId: BOX_INTERFACE, methodId: 0 };

/** A peer that holds an object of ours whose calls the hot path answers. */
async function peerOfHotObject(): Promise<RawPeer> {
  const bootstrap = hosting(() => {});
  const peer = new RawPeer({ bootstrap });
  peer.connection.exports.setHotReader(bootstrap, new HotReader(BOX_INTERFACE, () => true));
  await peer.ask(bootstrapFrame(0));
  peer.writes.length = 0;
  return peer;
}

const hotCall = (questionId: number) => callFrame({ questionId, ...call, fill: (payload) => contentOf(payload, 0, 0) });

describe("writes", () => {
  test("all answers to one chunk are one write", async () => {
    const peer = await peerOfHotObject();
    peer.send(...[1, 2, 3, 4].map(hotCall));
    expect(peer.hotCalls).toBe(4);
    expect(peer.take()).toHaveLength(4);
    expect(peer.writes).toHaveLength(1);
    peer.send(finishFrame(0, true));
  });

  test("so are exceptions and unimplemented messages", async () => {
    const peer = await peerOfHotObject();
    const noSuchExport = { ...call, target: { importedCap: 77 } };
    peer.send(
      callFrame({ questionId: 1, ...noSuchExport }),
      messageFrame((root) => root._initProvide()),
      hotCall(2),
      callFrame({ questionId: 3, ...noSuchExport }),
    );
    expect(peer.take()).toHaveLength(4);
    expect(peer.writes).toHaveLength(1);
    peer.send(finishFrame(0, true));
  });

  test("a chunk without a call causes none", async () => {
    const peer = await peerOfHotObject();
    peer.send(finishFrame(7, true), finishFrame(8, true));
    expect(peer.writes).toEqual([]);
    peer.send(finishFrame(0, true));
  });

  test("a call of ours is sent at once", async () => {
    const peer = new RawPeer();
    const bootstrap = peer.connection.bootstrap();
    expect(peer.take()).toEqual([{ bootstrap: { questionId: 0 } }]);
    peer.send(returnBootstrapFrame(0, { senderHosted: 0 }));
    (await bootstrap).close();
  });

  test("a call is answered when its last byte has arrived, and no earlier", async () => {
    const peer = await peerOfHotObject();
    const frame = hotCall(1);
    for (const chunk of cutAt(frame, [1, 8, 9, frame.length - 1])) {
      expect(peer.take()).toEqual([]);
      peer.send(chunk);
    }
    expect(peer.take()).toHaveLength(1);
    peer.send(finishFrame(0, true));
  });
});

describe("a stream that accepts only a part of each write", () => {
  test("gets the rest in order as it drains", async () => {
    const peer = await peerOfHotObject();
    peer.takesBytes = 10;
    peer.send(...[1, 2, 3].map(hotCall));
    let drains = 0;
    while (peer.writes.at(-1) === 10) {
      peer.connection.drained();
      drains++;
    }
    expect(drains).toBeGreaterThan(5);
    const answers = peer.take() as { return: { answerId: number } }[];
    expect(answers.map((answer) => answer.return.answerId)).toEqual([1, 2, 3]);
    peer.takesBytes = Number.POSITIVE_INFINITY;
    peer.send(finishFrame(0, true));
  });

  test("or nothing gets everything later", async () => {
    const peer = await peerOfHotObject();
    peer.takesBytes = 0;
    for (let questionId = 1; questionId <= 100; questionId++) peer.send(hotCall(questionId));
    expect(peer.take()).toEqual([]);
    peer.takesBytes = Number.POSITIVE_INFINITY;
    peer.connection.drained();
    expect(peer.take()).toHaveLength(100);
    peer.connection.drained();
    expect(peer.take()).toEqual([]);
    peer.send(finishFrame(0, true));
  });
});

describe("a peer that does not read", () => {
  test("ends the connection above the limit, which the error names", async () => {
    const peer = new RawPeer({ bootstrap: hosting(() => {}) });
    const object = await peer.bootstrap();
    peer.takesBytes = 0;
    const question = object.ask(METHOD, (params: Box) => {
      params.text = "x".repeat(MAX_UNSENT_BYTES);
    });
    const reason = await peer.ended;
    expect(reason).toMatchObject({ name: "ProtocolError" });
    expect(reason.message).toMatch(
      new RegExp(`^\\d+ pending bytes are over the limit of ${MAX_UNSENT_BYTES} bytes: peer does not read$`),
    );
    await expect(question.results).rejects.toMatchObject({ kind: "disconnected" });
    expect(peer.isClosed).toBe(true);
    // What it does not read is dropped.
    expect(peer.takeFrames()).toEqual([]);
    expect(peer.connection.sizes).toEqual(EMPTY_TABLES);
  });

  test("does not end it at the limit", async () => {
    const peer = await peerOfHotObject();
    peer.takesBytes = 0;
    const answerBytes = 72;
    const answers = Math.floor(MAX_UNSENT_BYTES / answerBytes);
    const frame = hotCall(1);
    const calls = 1000;
    const chunk = Buffer.concat(new Array(calls).fill(frame));
    for (let count = 0; count + calls <= answers; count += calls) peer.connection.receive(chunk);
    expect(peer.connection.ended).toBeUndefined();
    peer.connection.receive(chunk);
    peer.connection.receive(chunk);
    expect(peer.connection.ended?.message).toContain("peer does not read");
  });
});

test("close passes the unsent bytes on for a last attempt", async () => {
  const peer = await peerOfHotObject();
  peer.takesBytes = 0;
  peer.send(hotCall(1), hotCall(2));
  expect(peer.take()).toEqual([]);
  peer.connection.close();
  expect(peer.take()).toHaveLength(2);
});

test("chunks after the end are not read", async () => {
  const peer = await peerOfHotObject();
  peer.connection.close();
  peer.send(hotCall(1));
  peer.connection.drained();
  await turn();
  expect(peer.hotCalls).toBe(0);
  expect(peer.take()).toEqual([]);
});

describe("a large call that can be read by its head", () => {
  const CHUNK_BYTES = 4096;
  const TEXT_BYTES = 300_000;

  /** A peer that holds an object of ours; the hot path reads calls of method 0 by their heads if `isReadable`. */
  async function peerOfReader(isReadable: (number: number) => boolean) {
    const numbers: number[] = [];
    const slow: [number: number, textBytes: number][] = [];
    const bootstrap = hosting(({ number, text }) => void slow.push([number, text.length]));
    const peer = new RawPeer({ bootstrap });
    const read = (isRehearsal: boolean) => (methodId: number, params: StructView) => {
      const number = params.dataBytes < 4 ? -1 : readInt32(params.bytes, params.data);
      if (methodId !== 0 || !isReadable(number)) return false;
      if (!isRehearsal) numbers.push(number);
      return true;
    };
    peer.connection.exports.setHotReader(bootstrap, new HotReader(BOX_INTERFACE, read(false), read(true)));
    await peer.ask(bootstrapFrame(0), finishFrame(0, false));
    return { peer, numbers, slow, release: () => peer.send(releaseFrame(0, 1)) };
  }

  function largeCall(questionId: number, number: number): Uint8Array {
    return callFrame({
      questionId,
      ...call,
      caps: [{ senderHosted: 5 }, { senderPromise: 6 }],
      fill: (payload) => {
        const box = utils.initStructAt(0, Box, payload);
        box.number = number;
        box.text = "x".repeat(TEXT_BYTES);
      },
    });
  }

  function sendInChunks(peer: RawPeer, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) peer.connection.receive(bytes.slice(at, at + CHUNK_BYTES));
  }

  test("is answered once, at its last byte, and its capabilities are released", async () => {
    const { peer, numbers, slow, release } = await peerOfReader(() => true);
    const frame = largeCall(7, 42);
    sendInChunks(peer, frame.subarray(0, -1));
    expect(numbers).toEqual([]);
    expect(peer.take()).toEqual([]);
    peer.connection.receive(frame.slice(-1));
    expect(numbers).toEqual([42]);
    expect(peer.take()).toEqual([{ return: expect.objectContaining({ answerId: 7, releaseParamCaps: true }) }]);
    await turn();
    expect(slow).toEqual([]);
    expect(peer.connection.sizes).toEqual({ ...EMPTY_TABLES, exports: 1 });
    release();
  });

  test("is one of many, large and small, in order", async () => {
    const { peer, numbers, release } = await peerOfReader(() => true);
    const frames = Array.from({ length: 12 }, (_, id) => (id % 3 === 0 ? largeCall(id, id) : hotCall(id)));
    sendInChunks(peer, Buffer.concat(frames));
    expect(peer.hotCalls).toBe(12);
    expect(numbers).toEqual(frames.map((_, id) => (id % 3 === 0 ? id : -1)));
    expect(peer.take()).toMatchObject(frames.map((_, answerId) => ({ return: { answerId } })));
    release();
  });

  test("goes to the slow path whole if its head cannot be read", async () => {
    const { peer, numbers, slow, release } = await peerOfReader((number) => number !== 13);
    const frame = largeCall(7, 13);
    sendInChunks(peer, frame.subarray(0, -1));
    await turn();
    expect(slow).toEqual([]);
    peer.connection.receive(frame.slice(-1));
    await turn();
    expect(slow).toEqual([[13, TEXT_BYTES]]);
    expect(numbers).toEqual([]);
    expect(peer.take()).toMatchObject([{ return: { answerId: 7 } }]);
    expect(peer.connection.sizes).toEqual({ ...EMPTY_TABLES, exports: 1 });
    release();
  });

  test("gets an exception if its reader throws", async () => {
    const bootstrap = hosting(() => {});
    const peer = new RawPeer({ bootstrap });
    const throwing = () => {
      throw new Error("for the test");
    };
    peer.connection.exports.setHotReader(bootstrap, new HotReader(BOX_INTERFACE, throwing, () => true));
    await peer.ask(bootstrapFrame(0), finishFrame(0, false));
    sendInChunks(peer, largeCall(7, 1));
    await turn();
    expect(peer.take()).toEqual([
      {
        return: {
          answerId: 7,
          releaseParamCaps: true,
          noFinishNeeded: true,
          exception: { type: 0, reason: "the call could not be read" },
        },
      },
    ]);
    expect(peer.connection.ended).toBeUndefined();
    expect(peer.connection.sizes).toEqual({ ...EMPTY_TABLES, exports: 1 });
    peer.send(releaseFrame(0, 1));
  });
});

describe("the busy clock", () => {
  const TICK_MS = 3;

  afterEach(() => mock.restore());

  /** A peer with an object of ours, hot or slow, and a clock that advances by a tick at each reading. */
  async function timedPeer(isHot: boolean) {
    const busyClock = new BusyClock();
    const bootstrap = hosting(() => {});
    const peer = new RawPeer({ bootstrap, busyClock });
    if (isHot) {
      peer.connection.exports.setHotReader(
        bootstrap,
        new HotReader(
          BOX_INTERFACE,
          (id) => id === 0,
          () => true,
        ),
      );
    }
    let now = 0;
    spyOn(performance, "now").mockImplementation(() => {
      now += TICK_MS;
      return now;
    });
    await peer.ask(bootstrapFrame(0), finishFrame(0, false));
    return { peer, busyClock, release: () => peer.send(releaseFrame(0, 1)) };
  }

  test.each([true, false])("counts a chunk with calls once, hot: %p", async (isHot) => {
    const { peer, busyClock, release } = await timedPeer(isHot);
    expect(busyClock.busyMs).toBe(0);
    peer.send(hotCall(1), hotCall(2), hotCall(3));
    expect(busyClock.busyMs).toBe(TICK_MS);
    peer.send(hotCall(4));
    expect(busyClock.busyMs).toBe(2 * TICK_MS);
    await turn();
    release();
  });

  test("counts each chunk of a large call", async () => {
    const { peer, busyClock, release } = await timedPeer(true);
    const fill = (payload: Payload) => {
      utils.initStructAt(0, Box, payload).text = "x".repeat(100_000);
    };
    const frame = callFrame({ questionId: 1, ...call, fill });
    const chunks = cutAt(frame, [1, 2000, 20_000, 60_000]);
    for (const [index, chunk] of chunks.entries()) {
      peer.connection.receive(chunk);
      // The first byte does not show that it is a call.
      expect(busyClock.busyMs).toBe(index * TICK_MS);
    }
    expect(peer.hotCalls).toBe(1);
    release();
  });

  test("does not count other messages", async () => {
    const { peer, busyClock, release } = await timedPeer(true);
    const bootstrapped = peer.connection.bootstrap();
    peer.send(returnBootstrapFrame(0, { senderHosted: 0 }), finishFrame(9, true));
    (await bootstrapped).close();
    release();
    expect(busyClock.busyMs).toBe(0);
  });
});
