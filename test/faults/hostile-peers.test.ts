// The listener behind the socket breaks the protocol: the exporter logs why, closes the connection, retries, and uses no more
// memory than before once a node answers. src/rpc/connection-violations.test.ts has each violation in process, and
// test/executable/unreachable-node.test.ts has listeners that hang up, send nothing, or use another protocol.

import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Socket } from "bun";
import { frameOf, segmentTable } from "../builders/frames.ts";
import { recordedFrames } from "../builders/recorded-frames.ts";
import {
  abortFrame,
  callFrame,
  finishFrame,
  messageFrame,
  releaseFrame,
  resolveCapFrame,
  returnBootstrapFrame,
  returnCapsFrame,
  returnExceptionFrame,
  returnFrame,
} from "../builders/rpc-messages.ts";
import { compileFirst, registered, withFirstPause } from "../executable/sessions.ts";
import { ExporterProcess } from "../exporter-process.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import { openFds, residentBytes } from "./usage.ts";

compileFirst();

type Peer = Socket<{ heardBytes: number }>;

/** What a listener does on the request for its bootstrap capability, and the reason that the log then has. */
interface Hostility {
  readonly what: string;
  readonly answer: (peer: Peer) => void;
  readonly reason: RegExp;
}

const sends = (what: string, reason: RegExp, ...frames: Uint8Array[]): Hostility => ({
  what,
  reason,
  answer: (peer) => void peer.write(Buffer.concat(frames)),
});
/** Sends these bytes and hangs up. */
const cuts = (what: string, ...frames: Uint8Array[]): Hostility => ({
  what,
  reason: GONE,
  answer: (peer) => void peer.end(Buffer.concat(frames)),
});

const GONE = /^(bootstrap: )?(the node closed the socket|.*connection reset by peer.*)$/;
const MALFORMED = /^(bootstrap: )?malformed message: /;

const welcome = returnBootstrapFrame(0, { senderHosted: 0 });
const recordedWelcome = recordedFrames("pr-trace")[0]!.frame;
const emptyReturn = (answerId: number) => returnFrame(answerId, (body) => body._initResults());
const anyCall = (questionId: number) =>
  callFrame({ questionId, target: { importedCap: 5 }, interfaceId: 0x1234n, methodId: 0 });
const STORM_CALLS = 8000;
/** Their answers exceed what may wait for a peer that does not read. */
const STORMS = 5;
/** How often the exporter connects to each of them. */
const ROUNDS = 2;
const storm = Buffer.concat(Array.from({ length: STORM_CALLS }, (_, id) => anyCall(id)));

/** A far pointer to a word of a segment; a double one has a landing pad of two words. */
const far = (segment: number, word: number, isDouble = false) =>
  (BigInt(segment) << 32n) | (BigInt(word) << 3n) | (isDouble ? 6n : 2n);
const words = (...values: bigint[]) => new Uint8Array(new BigUint64Array(values).buffer);

/** The same bytes in each run. */
function garbage(seed: number, sizeBytes: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: sizeBytes }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 16;
  });
}

const HOSTILITIES: readonly Hostility[] = [
  cuts("hangs up"),
  { what: "resets", reason: GONE, answer: (peer) => peer.terminate() },
  cuts("hangs up in a segment table", welcome.subarray(0, 3)),
  cuts("hangs up in the head of a message", recordedWelcome.subarray(0, 20)),
  cuts("hangs up before the last byte", recordedWelcome.subarray(0, -1)),
  { what: "shuts down its side and reads on", reason: GONE, answer: (peer) => peer.shutdown() },
  sends("2^32 segments", /^(bootstrap: )?frame of 4294967296 segments is over the limit of 512/, words(0xffff_ffffn)),
  sends(
    "a segment of 2^32 words",
    /frame of 4294967295 words is over the limit of 8388608/,
    words(0xffff_ffff_0000_0000n),
  ),
  sends(
    "512 segments of 2^32 words",
    /frame of \d{13} words is over the limit of 8388608/,
    segmentTable(new Array(512).fill(0xffff_ffff)),
  ),
  sends("a frame without a root", /frame whose first segment has no root pointer$/, segmentTable([0, 9])),
  sends("a far pointer to itself", MALFORMED, frameOf(words(far(0, 0)))),
  sends("a double far pointer to itself", MALFORMED, frameOf(words(far(0, 0, true), far(0, 0, true)))),
  sends("far pointers in a ring", MALFORMED, frameOf(words(far(1, 0)), words(far(2, 0)), words(far(0, 0)))),
  sends("a far pointer to a missing segment", MALFORMED, frameOf(words(far(9, 0)))),
  sends("garbage", /./, garbage(1, 4096)),
  sends("garbage in a frame", /./, frameOf(garbage(2, 8192))),
  sends("a return for an unknown question", /return for unknown question 77$/, emptyReturn(77)),
  sends("two returns", /return for unknown question 0$/, welcome, emptyReturn(0)),
  sends("an exception for the bootstrap", /^for the test$/, returnExceptionFrame(0, 0, "for the test")),
  sends("a bootstrap without a capability", /./, emptyReturn(0)),
  sends("unknown ids in a capability table", /names unknown export 8$/, returnCapsFrame(0, { receiverHosted: 8 })),
  sends(
    "unknown answers in a capability table",
    /promised answer 9 has no results$/,
    returnCapsFrame(0, { receiverAnswer: { question: 9, path: [0] } }),
  ),
  sends(
    "a promise that resolves to an unknown capability",
    /names unknown export 3$/,
    resolveCapFrame(0, { receiverHosted: 3 }),
  ),
  sends("a release of references that it does not have", /release of 9 references to export 4,/, releaseFrame(4, 9)),
  sends("the same call twice", /return for unknown question 66$/, anyCall(1), anyCall(1), emptyReturn(66)),
  sends("an abort", /the peer aborted the connection: for the test$/, abortFrame(0, "for the test")),
  sends(
    "a message of an unknown kind and then an abort",
    /aborted the connection: enough$/,
    messageFrame((root) => root._initProvide()),
    finishFrame(1234, true),
    abortFrame(0, "enough"),
  ),
  {
    what: "calls by the thousands, and reads the answers",
    reason: /aborted the connection: the storm is over$/,
    answer: (peer) => {
      send(peer, Buffer.concat([storm, abortFrame(0, "the storm is over")]));
    },
  },
  {
    what: "calls by the thousands, and reads nothing",
    reason: /pending bytes are over the limit of 4194304 bytes: peer does not read$/,
    answer: (peer) => {
      peer.pause();
      send(peer, Buffer.concat(new Array(STORMS).fill(storm)));
    },
  },
];

/** Writes all of it, as fast as the other side reads. */
function send(peer: Peer, bytes: Uint8Array): void {
  const sent = Math.max(0, peer.write(bytes));
  if (sent < bytes.length) setTimeout(() => send(peer, bytes.subarray(sent)), 1);
}

test("the log has the reason for each, and the exporter connects to the next one", async () => {
  const folder = await mkdtemp(join(tmpdir(), "hostile-peers-"));
  const socketPath = join(folder, "node.sock");
  let sessions = 0;
  const listener = Bun.listen<{ heardBytes: number }>({
    unix: socketPath,
    allowHalfOpen: true,
    socket: {
      open: (peer) => {
        peer.data = { heardBytes: 0 };
      },
      data: (peer, bytes) => {
        const isFirst = peer.data.heardBytes === 0;
        peer.data.heardBytes += bytes.length;
        if (isFirst) HOSTILITIES[sessions++ % HOSTILITIES.length]!.answer(peer);
      },
      end: (peer) => void peer.end(),
      error: () => {},
    },
  });
  try {
    await using exporter = await ExporterProcess.start(socketPath, { ...withFirstPause(1), args: ["--debug"] });
    const attempt = /reach the node(?: at \S+)?: (.*); next attempt in \d+\.\d s$/;
    const reasonsOf = async (count: number) =>
      (await exporter.logs(attempt, count)).map((line) => attempt.exec(line)![1]!);
    const first = await reasonsOf(HOSTILITIES.length);
    const { length } = HOSTILITIES;
    const heldFds = openFds(exporter.pid);
    const heldBytes = residentBytes(exporter.pid);
    const reasons = await reasonsOf(ROUNDS * length);
    for (const [index, reason] of reasons.slice(0, ROUNDS * length).entries()) {
      const { what, reason: expected } = HOSTILITIES[index % length]!;
      expect(reason, what).toMatch(expected);
    }
    expect(first).toEqual(reasons.slice(0, first.length));
    const metrics = await exporter.metrics();
    expect(metrics.get("bitcoin_ipc_up")).toBe(0);
    expect(metrics.get("bitcoin_ipc_connects_total")).toBe(0);
    // The socket of the current attempt may be open, and the one of this scrape.
    expect(openFds(exporter.pid)).toBeWithin(heldFds - 2, heldFds + 3);
    expect(residentBytes(exporter.pid) - heldBytes).toBeLessThan(48 * 1024 * 1024);

    listener.stop(true);
    await rm(socketPath, { force: true });
    await using node = await ReferenceNode.start({ socketPath });
    await registered(node);
    await exporter.connected();
  } finally {
    listener.stop(true);
    await rm(folder, { recursive: true, force: true });
  }
});
