// The hot path against the slow one, on calls of every layout and on damaged recordings: where the hot path takes a call, it
// sees what the slow path sees and answers what the slow path answers.

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { expectEmptyTables, turn } from "../../test/builders/connections.ts";
import { frameOf, segmentsOf } from "../../test/builders/frames.ts";
import { recordedCalls } from "../../test/builders/recorded-frames.ts";
import type { PlainMessage } from "../../test/builders/rpc-messages.ts";
import { CHAIN_NOTIFICATIONS, type Subscriber, subscribed, UTXO_CACHE_TRACE } from "../../test/builders/subscriber.ts";
import {
  type Layout,
  PLAIN_LAYOUT,
  type PointerNode,
  type StructNode,
  wordMessage,
} from "../../test/builders/word-messages.ts";
import { ChainNotifications$Client } from "../schema/chain.ts";
import { UtxoCacheTrace$Client } from "../schema/tracing.ts";

afterEach(expectEmptyTables);
setDefaultTimeout(30_000);

/** What a frame caused. */
interface Outcome {
  readonly isHot: boolean;
  readonly events: string[];
  readonly messages: PlainMessage[];
  /** Why the connection ended, if it did. */
  readonly ended: string | undefined;
}

/** Two subscribers that get the same frames, one on each path. New ones take over when a frame ended a connection. */
class BothPaths {
  readonly #inPieces: boolean;
  #hot: Subscriber | undefined;
  #slow: Subscriber | undefined;

  /** With `inPieces` the hot path gets each frame in two chunks, and of a large one only the head. */
  constructor(inPieces = false) {
    this.#inPieces = inPieces;
  }

  async outcomes(frame: Uint8Array): Promise<{ hot: Outcome; slow: Outcome }> {
    this.#hot ??= await subscribed("hot");
    this.#slow ??= await subscribed("slow");
    const hotCalls = this.#hot.peer.hotCalls;
    if (this.#inPieces) {
      this.#hot.peer.send(frame.subarray(0, -1));
      this.#hot.peer.send(frame.subarray(-1));
    } else {
      this.#hot.peer.send(frame);
    }
    this.#slow.peer.send(frame);
    await turn();
    const isHot = this.#hot.peer.hotCalls > hotCalls;
    const outcomes = { hot: outcome(this.#hot, isHot), slow: outcome(this.#slow, false) };
    // Whatever a damaged frame left behind, in tables or as the begin of a longer frame, the next one finds none of it.
    if (isOver(outcomes.hot) || isOver(outcomes.slow)) this.end();
    return outcomes;
  }

  end(): void {
    for (const subscriber of [this.#hot, this.#slow]) subscriber?.peer.connection.close();
    this.#hot = this.#slow = undefined;
  }
}

/** Whether a connection that this happened on can be used no more: it ended, or waits for the rest of a frame. */
function isOver({ ended, messages }: Outcome): boolean {
  return ended !== undefined || messages.length === 0;
}

function outcome({ peer, take }: Subscriber, isHot: boolean): Outcome {
  return { isHot, events: take(), messages: peer.take(), ended: peer.connection.ended?.message };
}

// ---- calls of every layout ----

const WORD = 8;
const word = (low: number, high = 0) => BigInt(low >>> 0) | (BigInt(high >>> 0) << 32n);
const anyInt32 = fc.oneof(fc.integer(), fc.constantFrom(0, 1, -1, 0x7fffffff, -0x80000000));
const anyInt64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const anyWord = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const anyBytes = fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(...[5000, 20_000].map(filledBytes)));

function filledBytes(length: number): Uint8Array {
  return new Uint8Array(length).fill(7);
}

/** The struct as a schema of another age has it: with fewer fields, or with more. */
function otherAge(struct: fc.Arbitrary<StructNode>): fc.Arbitrary<StructNode> {
  const sizes = fc.record({ data: fc.integer({ min: -3, max: 2 }), pointers: fc.integer({ min: -3, max: 2 }) });
  const changed = fc.tuple(struct, sizes, anyWord).map(([{ data, pointers }, change, filler]) => ({
    data: resized(data, change.data, filler),
    pointers: resized<PointerNode>(pointers, change.pointers, null),
  }));
  return fc.oneof({ weight: 6, arbitrary: struct }, { weight: 1, arbitrary: changed });
}

function resized<T>(items: readonly T[], by: number, filler: T): T[] {
  return by < 0 ? items.slice(0, by) : [...items, ...new Array<T>(by).fill(filler)];
}

/** Bits of ChainstateRole. */
const VALIDATED = 1n;
const HISTORICAL = 2n;

const anyContext = fc.constantFrom<PointerNode>(
  null,
  { data: [], pointers: [{ capability: 0 }, { capability: 1 }] },
  { data: [], pointers: [null, { capability: 0 }] },
);
const anyRole = otherAge(fc.nat({ max: 3 }).map<StructNode>((bits) => ({ data: [BigInt(bits)], pointers: [] })));
const anyBlock = otherAge(
  fc.tuple(anyInt32, fc.nat({ max: 9 }), anyWord, fc.nat(), anyBytes).map(([height, file, position, time, data]) => ({
    data: [word(height ^ -1, file), position, word(time)],
    pointers: [{ bytes: new Uint8Array(32).fill(1) }, { bytes: new Uint8Array(32).fill(2) }, { bytes: data }],
  })),
);
const anyCoin = otherAge(
  fc.tuple(fc.nat(), fc.nat(), anyInt64, fc.boolean()).map(([n, height, value, isCoinbase]) => ({
    data: [word(n, height), value, BigInt(isCoinbase)],
    pointers: [{ bytes: new Uint8Array(32).fill(3) }],
  })),
);

/** One value in most cases, others now and then. */
function mostly<T>(usual: T, ...others: T[]): fc.Arbitrary<T> {
  return fc.oneof({ weight: 8, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) });
}
const orNull = (node: fc.Arbitrary<PointerNode>) => fc.option(node, { freq: 12 });
const params = (data: fc.Arbitrary<bigint[]>, ...pointers: fc.Arbitrary<PointerNode>[]) =>
  otherAge(fc.record({ data, pointers: fc.tuple(...pointers) }));
const noData = fc.constant<bigint[]>([]);
const anyTx = anyBytes.map((bytes) => ({ bytes }));

/** Parameters of the methods, by their ids. */
const CHAIN_PARAMS = [
  params(noData, anyContext),
  params(noData, anyContext, orNull(anyTx)),
  params(
    anyInt32.map((reason) => [word(reason)]),
    anyContext,
    orNull(anyTx),
  ),
  params(noData, anyContext, orNull(anyRole), orNull(anyBlock)),
  params(noData, anyContext, orNull(anyBlock)),
  params(noData, anyContext),
  params(noData, anyContext, orNull(anyRole), orNull(anyTx)),
];
const UTXO_PARAMS = [params(noData, anyContext), ...new Array(3).fill(params(noData, orNull(anyCoin)))];
const OTHER_PARAMS = params(noData, anyContext);

interface CallNode {
  readonly exportId: number;
  readonly interfaceId: bigint;
  readonly methodId: number;
  readonly content: PointerNode;
}

const callsOn = (exportId: number, interfaceId: bigint, byMethod: readonly fc.Arbitrary<StructNode>[]) =>
  fc
    .oneof({ weight: 6, arbitrary: fc.integer({ min: 1, max: byMethod.length - 1 }) }, fc.nat({ max: 9 }))
    .chain((methodId) =>
      fc
        .option(byMethod[methodId] ?? OTHER_PARAMS, { freq: 20 })
        .map((content): CallNode => ({ exportId, interfaceId, methodId, content })),
    );
const chainCalls = callsOn(CHAIN_NOTIFICATIONS, ChainNotifications$Client.interfaceId, CHAIN_PARAMS);
const utxoCalls = callsOn(UTXO_CACHE_TRACE, UtxoCacheTrace$Client.interfaceId, UTXO_PARAMS);
const astray = fc
  .tuple(fc.oneof(chainCalls, utxoCalls), fc.nat({ max: 3 }), fc.constantFrom(0n, 1n, 1n << 63n))
  .map(([call, exportId, flipped]) => ({ ...call, exportId, interfaceId: call.interfaceId ^ flipped }));
const anyCall = fc.oneof(
  { weight: 5, arbitrary: chainCalls },
  { weight: 4, arbitrary: utxoCalls },
  { weight: 1, arbitrary: astray },
);

const anyDescriptor = fc.tuple(fc.constantFrom(0, 1, 2), fc.nat({ max: 9 })).map<StructNode>(([which, id]) => ({
  data: [word(which, id)],
  pointers: [null],
}));
const anyCapTable = fc.option(fc.array(anyDescriptor, { maxLength: 3 }).map((structs) => ({ structs })));

const anyMessage = fc
  .record({
    call: anyCall,
    questionId: fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 2 ** 32 - 1 })),
    flags: mostly(0n, 1n, 2n),
    capTable: anyCapTable,
    // Of rpc.capnp's own structs, too, a peer may have an older or a newer schema. A target without an id is export 0.
    targetWords: mostly(1, 0, 2),
    targetPointers: mostly(1, 0, 2),
    payloadPointers: mostly(2, 1, 3),
    callPointers: mostly(3, 2, 4),
    messagePointers: mostly(1, 2),
  })
  .map(({ call, questionId, flags, capTable, ...sizes }) => {
    const data = resized([BigInt(call.exportId)], sizes.targetWords - 1, 0n);
    const exportId = sizes.targetWords === 0 ? 0 : call.exportId;
    const target = { data, pointers: new Array(sizes.targetPointers).fill(null) };
    const payload = { data: [], pointers: [call.content, capTable, null].slice(0, sizes.payloadPointers) };
    const body = {
      data: [word(questionId, call.methodId), call.interfaceId, flags],
      pointers: [target, payload, null, null].slice(0, sizes.callPointers),
    };
    const message: StructNode = { data: [2n], pointers: [body, null].slice(0, sizes.messagePointers) };
    return { call: { ...call, exportId }, questionId, message };
  });

/** What a call should cause, read from the tree that it was made of. A field that is not there has its default, zero. */
function expectedOutcome(call: CallNode): { events: string[]; isAnswered: boolean } {
  const { exportId, interfaceId, methodId, content } = call;
  const structAt = (slot: number) => (content as StructNode | null)?.pointers[slot];
  const dataOf = (node: PointerNode | undefined, index: number) =>
    (node && "data" in node ? node.data[index] : undefined) ?? 0n;
  const bytesIn = (node: PointerNode | undefined) => (node && "bytes" in node ? node.bytes.length : 0);
  const int32 = (node: PointerNode | undefined) => Number(BigInt.asIntN(32, dataOf(node, 0)));
  const isHistorical = (dataOf(structAt(1), 0) & HISTORICAL) !== 0n;
  if (exportId === CHAIN_NOTIFICATIONS && interfaceId === ChainNotifications$Client.interfaceId) {
    const events = [
      "",
      `transactionAddedToMempool ${bytesIn(structAt(1))}`,
      `transactionRemovedFromMempool ${int32(content)}`,
      isHistorical ? "" : `blockConnected ${int32(structAt(2)) ^ -1}`,
      `blockDisconnected ${int32(structAt(1)) ^ -1}`,
      "updatedBlockTip",
      "chainStateFlushed",
    ].slice(methodId, methodId + 1);
    return { events: events.filter((event) => event !== ""), isAnswered: methodId <= 6 };
  }
  if (exportId === UTXO_CACHE_TRACE && interfaceId === UtxoCacheTrace$Client.interfaceId) {
    const value = BigInt.asIntN(64, dataOf(structAt(0), 1));
    const name = ["", "add", "spend", "uncache"][methodId] ?? "";
    return { events: name === "" ? [] : [`${name} ${value}`], isAnswered: methodId <= 3 };
  }
  return { events: [], isAnswered: false };
}

/** Layouts of one segment, of a large object in a segment of its own as C++ makes them, and of any other kind. */
const anyLayout = fc
  .record({
    segments: fc.integer({ min: 1, max: 4 }),
    segmentOf: fc.array(fc.nat({ max: 3 }), { minLength: 1 }),
    paddingOf: fc.array(fc.nat({ max: 2 }), { minLength: 1 }),
    pointerTo: fc.array(fc.constantFrom("near" as const, "far" as const, "double far" as const), { minLength: 1 }),
    /** Objects above this depth are laid out as C++ does: the message, the call, its target and payload. */
    plainDepth: mostly(9, 0, 2, 3, 4, 5),
  })
  .map(({ segments, segmentOf, paddingOf, pointerTo, plainDepth }) => (): Layout => {
    const choose = <T>(choices: readonly T[], plain: T) => {
      let chosen = 0;
      return (depth: number) => (depth < plainDepth ? plain : choices[chosen++ % choices.length]!);
    };
    return {
      segments,
      segmentOf: choose(segmentOf, 0),
      paddingOf: choose(paddingOf, 0),
      pointerTo: choose(pointerTo, "near"),
    };
  });

/** Fails unless both paths had the expected effect. Returns whether the hot path handled the call. */
async function checkCall(paths: BothPaths, call: CallNode, questionId: number, frame: Uint8Array): Promise<boolean> {
  const { hot, slow } = await paths.outcomes(frame);
  const { events, isAnswered } = expectedOutcome(call);
  expect(slow).toEqual({ isHot: false, events, messages: [expect.anything()], ended: undefined });
  const outcome = isAnswered ? { results: [] } : { exception: expect.anything() };
  const answer = { answerId: questionId, releaseParamCaps: true, noFinishNeeded: true, ...outcome };
  expect(slow.messages[0]).toEqual({ return: answer });
  expect({ ...hot, isHot: false }).toEqual(slow);
  return hot.isHot;
}

/** The call with question id 9. */
function callOf({ exportId, interfaceId, methodId, content }: CallNode): Uint8Array {
  const target = { data: [BigInt(exportId)], pointers: [null] };
  const payload = { data: [], pointers: [content, null] };
  const body = { data: [word(9, methodId), interfaceId, 0n], pointers: [target, payload, null] };
  // Between the structs lie other values, which must not be read in place of what is not there.
  const layout = { ...PLAIN_LAYOUT, paddingOf: (depth: number) => (depth < 2 ? 0 : 2) };
  return wordMessage({ data: [2n], pointers: [body] }, layout);
}

test.each([
  ["", false],
  [" in pieces", true],
])("calls%s of every method, size and layout have the same, expected effect on both paths", async (_, inPieces) => {
  const paths = new BothPaths(inPieces);
  const counts = { hot: 0, slow: 0, events: 0 };
  const property = fc.asyncProperty(anyMessage, anyLayout, async ({ call, questionId, message }, layout) => {
    const isHot = await checkCall(paths, call, questionId, wordMessage(message, layout()));
    counts[isHot ? "hot" : "slow"]++;
    counts.events += expectedOutcome(call).events.length;
  });
  const numRuns = 500;
  await fc.assert(property, { numRuns });
  paths.end();
  // Both paths were taken, and most calls were about something.
  expect(Math.min(counts.hot, counts.slow)).toBeGreaterThan(numRuns / 5);
  expect(counts.events).toBeGreaterThan(numRuns / 2);
});

describe("calls of every method, and of unknown methods,", () => {
  const full: StructNode = { data: [7n, 8n, 9n], pointers: [null] };
  const bytes = { bytes: new Uint8Array(3) };
  const empty: StructNode = { data: [], pointers: [] };
  /** The pointers that the methods have, by their ids; after those there are more than any method has. */
  const CHAIN_POINTERS = [
    [full],
    [full, bytes],
    [full, bytes],
    [full, { data: [~HISTORICAL & 0xffn], pointers: [null] }, full],
    [full, full],
    [],
    [full, full, bytes],
  ];
  const objects: [string, number, bigint, PointerNode[][]][] = [
    ["ChainNotifications", CHAIN_NOTIFICATIONS, ChainNotifications$Client.interfaceId, CHAIN_POINTERS],
    ["UtxoCacheTrace", UTXO_CACHE_TRACE, UtxoCacheTrace$Client.interfaceId, []],
  ];

  describe.each(objects)("on %s", (_, exportId, interfaceId, pointers) => {
    test.each<[string, (methodId: number) => StructNode]>([
      ["full structs", (methodId) => ({ data: [5n], pointers: pointers[methodId] ?? [full, full, full] })],
      ["structs of no size", () => ({ data: [], pointers: [empty, empty, empty] })],
      ["no structs", () => empty],
    ])("with %s", async (__, contentOf) => {
      const paths = new BothPaths();
      for (let methodId = 0; methodId < 12; methodId++) {
        const call = { exportId, interfaceId, methodId, content: contentOf(methodId) };
        await checkCall(paths, call, 9, callOf(call));
      }
      paths.end();
    });
  });

  test("on a target without an id, which is export 0, whatever lies in its place", async () => {
    const call = { exportId: 1, interfaceId: UtxoCacheTrace$Client.interfaceId, methodId: 1, content: empty };
    const [segment] = segmentsOf(callOf({ ...call, content: { data: [], pointers: [full] } }));
    // The target's pointer, word 6, now says that it has no data; its only word, export 1, is a pointer then.
    new DataView(segment!.buffer).setUint16(6 * WORD + 4, 0, true);
    const paths = new BothPaths();
    await checkCall(paths, { ...call, exportId: 0 }, 9, frameOf(segment!));
    paths.end();
  });
});

describe.each([
  ["", false],
  [" in pieces", true],
])("a block%s that was connected", (_, inPieces) => {
  const roleOf = (...data: bigint[]): StructNode => ({ data, pointers: [] });
  // Large enough that of one in pieces only the head is kept.
  const block = { data: [word(121 ^ -1), 0n, 0n], pointers: [null, null, { bytes: filledBytes(20_000) }] };

  async function connected(role: PointerNode): Promise<{ isHot: boolean; events: string[] }> {
    const paths = new BothPaths(inPieces);
    const content = { data: [], pointers: [null, role, block] };
    const interfaceId = ChainNotifications$Client.interfaceId;
    const call = { exportId: CHAIN_NOTIFICATIONS, interfaceId, methodId: 3, content };
    const isHot = await checkCall(paths, call, 9, callOf(call));
    paths.end();
    return { isHot, events: expectedOutcome(call).events };
  }

  test.each([VALIDATED, 0n, ~HISTORICAL & 0xffn])("of the active chain is reported: role %p", async (role) => {
    expect(await connected(roleOf(role))).toEqual({ isHot: true, events: ["blockConnected 121"] });
  });

  test.each([HISTORICAL, HISTORICAL | VALIDATED, 0xffn])(
    "of a historical chain is only answered: role %p",
    async (role) => {
      expect(await connected(roleOf(role))).toEqual({ isHot: true, events: [] });
    },
  );

  test.each([
    ["no role", null],
    ["a role without data", roleOf()],
  ])("is reported with %s, on the slow path", async (__, role) => {
    expect(await connected(role)).toEqual({ isHot: false, events: ["blockConnected 121"] });
  });
});

// ---- damaged recordings ----

describe("recorded calls with one byte changed", () => {
  /** One recording of each method and number of segments. Of a long one, the damage is done where its structs are. */
  const notHuge = recordedCalls().filter(({ bytes }) => bytes < 30_000);
  const originals = [...new Map(notHuge.map((call) => [`${call.call} ${call.segments}`, call])).values()];
  const DAMAGED_BYTES = 600;

  /**
   * The same frame without what the hot path does not read: the capability table, and of the parameters what no counter is
   * made of. Only near pointers lead to structs, or the hot path would not have taken the frame.
   */
  function withoutUnread(frame: Uint8Array): Uint8Array {
    const segments = segmentsOf(frame);
    const view = new DataView(segments[0]!.buffer);
    const structAt = (pointer: number) => {
      const data = pointer + WORD + (view.getInt32(pointer, true) >> 2) * WORD;
      const slots = data + view.getUint16(pointer + 4, true) * WORD;
      return { data, slots, count: view.getUint16(pointer + 6, true) };
    };
    const payload = structAt(7 * WORD);
    const content = structAt(payload.slots);
    const isUtxoCache = view.getUint32(structAt(6 * WORD).data, true) === UTXO_CACHE_TRACE;
    const methodId = view.getUint16(3 * WORD + 4, true);
    const read = isUtxoCache ? [0] : ({ 3: [1, 2], 4: [1] }[methodId] ?? []);
    // A transaction's pointer has its length.
    const data = !isUtxoCache && methodId === 1 ? [1] : [];
    const clearSlots = ({ slots, count }: typeof payload, kept: readonly number[]) => {
      for (let slot = 0; slot < count; slot++) if (!kept.includes(slot)) view.setBigUint64(slots + slot * WORD, 0n);
    };
    clearSlots(payload, [0]);
    clearSlots(content, [...read, ...data]);
    for (const slot of read) clearSlots(structAt(content.slots + slot * WORD), []);
    return frameOf(...segments);
  }

  /** Fails unless the hot path has the effect of the slow path. Returns which path handled the frame. */
  async function check(paths: BothPaths, frame: Uint8Array): Promise<"slow" | "equal" | "lenient"> {
    const { hot, slow } = await paths.outcomes(frame);
    if (!hot.isHot) {
      expect(hot).toEqual(slow);
      return "slow";
    }
    expect(hot.ended).toBeUndefined();
    if (Bun.deepEquals({ ...hot, isHot: false }, slow)) return "equal";
    // The slow path met damage in what only it reads. If it saw that after the event, it answered with an exception.
    if (slow.ended === undefined && Bun.deepEquals(slow.events, hot.events)) {
      expect(slow.messages).toEqual([{ return: expect.objectContaining({ exception: expect.anything() }) }]);
      return "lenient";
    }
    // If before, as in a capability table, it would have had the same event without that. It may have ended the connection,
    // or capnp-es, which makes room in a message while it reads it, has written over other values.
    const undamaged = await paths.outcomes(withoutUnread(frame));
    expect({ ...undamaged.hot, isHot: false }).toEqual(undamaged.slow);
    expect(undamaged.hot).toEqual(hot);
    return "lenient";
  }

  /** Where in the frame of a block that was connected the pointer to its role is, and the role. */
  function rolePlaces(frame: Uint8Array): number[] {
    const tableBytes = tableBytesOf(frame);
    const [segment] = segmentsOf(frame);
    const view = new DataView(segment!.buffer);
    const targetOf = (pointer: number) => pointer + WORD + (view.getInt32(pointer, true) >> 2) * WORD;
    const content = targetOf(targetOf(7 * WORD));
    const role = content + view.getUint16(targetOf(7 * WORD) + 4, true) * WORD + WORD;
    return [role, targetOf(role)].map((at) => tableBytes + at);
  }

  function tableBytesOf(frame: Uint8Array): number {
    return frame.length - segmentsOf(frame).reduce((sum, { length }) => sum + length, 0);
  }

  function damaged(original: Uint8Array, at: number, flip: number): Uint8Array {
    const frame = original.slice();
    frame[at]! ^= flip;
    return frame;
  }

  const anyDamage = fc.record({
    original: fc.constantFrom(...originals.map(({ frame }) => frame)),
    at: fc.nat({ max: DAMAGED_BYTES }),
    flip: fc.integer({ min: 1, max: 255 }),
  });

  test.each([
    ["in a segment", false],
    ["in a segment, and in pieces", true],
  ])("%s: the hot path reads what the slow path would read", async (_, inPieces) => {
    const paths = new BothPaths(inPieces);
    const counts = { slow: 0, equal: 0, lenient: 0 };
    const property = fc.asyncProperty(anyDamage, async ({ original, at, flip }) => {
      const tableBytes = tableBytesOf(original);
      const inSegments = tableBytes + (at % (original.length - tableBytes));
      counts[await check(paths, damaged(original, inSegments, flip))]++;
    });
    await fc.assert(property, { numRuns: 500 });
    paths.end();
    // Every way it can go was gone.
    expect(Math.min(...Object.values(counts))).toBeGreaterThan(0);
  });

  test.each([
    ["", false],
    [" and in pieces", true],
  ])("in the role of a block%s, each bit by itself", async (_, inPieces) => {
    const original = originals.find(({ call }) => call === "ChainNotifications.blockConnected")!.frame;
    const paths = new BothPaths(inPieces);
    const counts = { slow: 0, equal: 0, lenient: 0 };
    for (const word of rolePlaces(original)) {
      for (let bit = 0; bit < 8 * WORD; bit++) {
        counts[await check(paths, damaged(original, word + (bit >> 3), 1 << (bit & 7)))]++;
      }
    }
    paths.end();
    expect(Math.min(counts.slow, counts.equal)).toBeGreaterThan(0);
  });

  test("in the segment table: a different frame, which does no harm", async () => {
    const paths = new BothPaths();
    const property = fc.asyncProperty(anyDamage, async ({ original, at, flip }) => {
      const { hot, slow } = await paths.outcomes(damaged(original, at % tableBytesOf(original), flip));
      // What came before the damage showed is taken alike, unless a part of it was cut off that only the slow path reads.
      if (slow.events.length > 0) expect(hot.events).toEqual(slow.events);
    });
    await fc.assert(property, { numRuns: 150 });
    paths.end();
  });
});
