// Behind the socket is something that breaks the protocol: the exporter says why, closes, tries again, and holds no more
// than before when a node is there at last. What a connection makes of each violation, in process, is in
// src/rpc/connection-violations.test.ts; listeners that hang up, are silent or speak another protocol are in
// test/executable/unreachable-node.test.ts.

import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
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
import { registered, TEST_TIMEOUT_MS, withFirstPause } from "../executable/sessions.ts";
import { COMPILE_DEADLINE_MS, compiledExporter } from "../exporter-command.ts";
import { ExporterProcess } from "../exporter-process.ts";
import { buildReferenceNode, buildTimeoutMs } from "../reference-node/build.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import { openFds, residentBytes } from "./usage.ts";

setDefaultTimeout(TEST_TIMEOUT_MS);
beforeAll(buildReferenceNode, buildTimeoutMs);
beforeAll(compiledExporter, COMPILE_DEADLINE_MS);

type Peer = Socket<{ heardBytes: number }>;

/** What a listener does when the exporter has asked for its bootstrap capability, and what the log says of it. */
interface Hostility {
  readonly what: string;
  readonly answer: (peer: Peer) => void;
  readonly reason: RegExp;
}

const says = (what: string, reason: RegExp, ...frames: Uint8Array[]): Hostility => ({
  what,
  reason,
  answer: (peer) => void peer.write(Buffer.concat(frames)),
});
/** Says this and hangs up. */
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
/** As many that their answers are more than may wait for a peer that does not read. */
const STORMS = 5;
/** How often all of them are met. */
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
  says("2^32 segments", /^(bootstrap: )?frame of 4294967296 segments is over the limit of 512/, words(0xffff_ffffn)),
  says(
    "a segment of 2^32 words",
    /frame of 4294967295 words is over the limit of 8388608/,
    words(0xffff_ffff_0000_0000n),
  ),
  says(
    "512 segments of 2^32 words",
    /frame of \d{13} words is over the limit of 8388608/,
    segmentTable(new Array(512).fill(0xffff_ffff)),
  ),
  says("a frame without a root", /frame whose first segment has no root pointer$/, segmentTable([0, 9])),
  says("a far pointer to itself", MALFORMED, frameOf(words(far(0, 0)))),
  says("a double far pointer to itself", MALFORMED, frameOf(words(far(0, 0, true), far(0, 0, true)))),
  says("far pointers in a ring", MALFORMED, frameOf(words(far(1, 0)), words(far(2, 0)), words(far(0, 0)))),
  says("a far pointer to a segment that is not there", MALFORMED, frameOf(words(far(9, 0)))),
  says("garbage", /./, garbage(1, 4096)),
  says("garbage in a frame", /./, frameOf(garbage(2, 8192))),
  says("a return for an unknown question", /return for unknown question 77$/, emptyReturn(77)),
  says("two returns", /return for unknown question 0$/, welcome, emptyReturn(0)),
  says("its refusal", /^for the test$/, returnExceptionFrame(0, 0, "for the test")),
  says("an object that is none", /./, emptyReturn(0)),
  says("unknown ids in a capability table", /names unknown export 8$/, returnCapsFrame(0, { receiverHosted: 8 })),
  says(
    "unknown answers in a capability table",
    /promised answer 9 has no results$/,
    returnCapsFrame(0, { receiverAnswer: { question: 9, path: [0] } }),
  ),
  says(
    "a promise that becomes what is not there",
    /names unknown export 3$/,
    resolveCapFrame(0, { receiverHosted: 3 }),
  ),
  says("a release of what it does not hold", /release of 9 references to export 4,/, releaseFrame(4, 9)),
  says("a call twice", /return for unknown question 66$/, anyCall(1), anyCall(1), emptyReturn(66)),
  says("an abort", /the peer aborted the connection: for the test$/, abortFrame(0, "for the test")),
  says(
    "a message of no known kind and then an abort",
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

/** Writes all of it, as the other side takes it. */
function send(peer: Peer, bytes: Uint8Array): void {
  const sent = Math.max(0, peer.write(bytes));
  if (sent < bytes.length) setTimeout(() => send(peer, bytes.subarray(sent)), 1);
}

test("each is told, and the next one is met", async () => {
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
    const told = async (count: number) => (await exporter.logs(attempt, count)).map((line) => attempt.exec(line)![1]!);
    const first = await told(HOSTILITIES.length);
    const { length } = HOSTILITIES;
    const heldFds = openFds(exporter.pid);
    const heldBytes = residentBytes(exporter.pid);
    const reasons = await told(ROUNDS * length);
    for (const [index, reason] of reasons.slice(0, ROUNDS * length).entries()) {
      const { what, reason: expected } = HOSTILITIES[index % length]!;
      expect(reason, what).toMatch(expected);
    }
    expect(first).toEqual(reasons.slice(0, first.length));
    const metrics = await exporter.metrics();
    expect(metrics.get("bitcoin_ipc_up")).toBe(0);
    expect(metrics.get("bitcoin_ipc_connects_total")).toBe(0);
    // The socket that it is at may be open, and that of this scrape.
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
