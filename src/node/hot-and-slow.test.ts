// The hot path against the slow one, on calls of every layout and on damaged recordings: where the hot path takes a call, it
// sees what the slow path sees and answers what the slow path answers.

import { afterEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { expectEmptyTables, turn } from "../../test/builders/connections.ts";
import { frameOf, segmentsOf } from "../../test/builders/frames.ts";
import { recordedCalls } from "../../test/builders/recorded-frames.ts";
import type { PlainMessage } from "../../test/builders/rpc-messages.ts";
import { CHAIN_NOTIFICATIONS, type Subscriber, subscribed, UTXO_CACHE_TRACE } from "../../test/builders/subscriber.ts";
import { type Layout, type PointerNode, type StructNode, wordMessage } from "../../test/builders/word-messages.ts";
import { ChainNotifications$Client } from "../schema/chain.ts";
import { UtxoCacheTrace$Client } from "../schema/tracing.ts";

afterEach(expectEmptyTables);

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
  #hot: Subscriber | undefined;
  #slow: Subscriber | undefined;

  async outcomes(frame: Uint8Array): Promise<{ hot: Outcome; slow: Outcome }> {
    this.#hot ??= await subscribed("hot");
    this.#slow ??= await subscribed("slow");
    const hotCalls = this.#hot.peer.connection.hotCalls;
    this.#hot.peer.send(frame);
    this.#slow.peer.send(frame);
    await turn();
    const isHot = this.#hot.peer.connection.hotCalls > hotCalls;
    const outcomes = { hot: outcome(this.#hot, isHot), slow: outcome(this.#slow, false) };
    // Whatever a damaged frame did to the tables, the next one finds none of it.
    if (outcomes.hot.ended !== undefined || outcomes.slow.ended !== undefined) this.end();
    return outcomes;
  }

  end(): void {
    for (const subscriber of [this.#hot, this.#slow]) subscriber?.peer.connection.close();
    this.#hot = this.#slow = undefined;
  }
}

function outcome({ peer, take }: Subscriber, isHot: boolean): Outcome {
  return { isHot, events: take(), messages: peer.take(), ended: peer.connection.ended?.message };
}

// ---- calls of every layout ----

const word = (low: number, high = 0) => BigInt(low >>> 0) | (BigInt(high >>> 0) << 32n);
const anyInt32 = fc.oneof(fc.integer(), fc.constantFrom(0, 1, -1, 0x7fffffff, -0x80000000));
const anyInt64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const anyWord = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const anyBytes = fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.constant(new Uint8Array(5000).fill(7)));

/** The struct as a schema of another age has it: with fewer fields, or with more. */
function otherAge(struct: fc.Arbitrary<StructNode>): fc.Arbitrary<StructNode> {
  const sizes = fc.record({ data: fc.integer({ min: -3, max: 2 }), pointers: fc.integer({ min: -3, max: 2 }) });
  const changed = fc.tuple(struct, sizes, anyWord).map(([{ data, pointers }, change, filler]) => ({
    data: resized(data, change.data, filler),
    pointers: resized<PointerNode>(pointers, change.pointers, null),
  }));
  return fc.oneof({ weight: 3, arbitrary: struct }, { weight: 1, arbitrary: changed });
}

function resized<T>(items: readonly T[], by: number, filler: T): T[] {
  return by < 0 ? items.slice(0, by) : [...items, ...new Array<T>(by).fill(filler)];
}

const anyContext = fc.constantFrom<PointerNode>(
  null,
  { data: [], pointers: [{ capability: 0 }, { capability: 1 }] },
  { data: [], pointers: [null, { capability: 0 }] },
);
const anyRole = fc.nat({ max: 3 }).map<StructNode>((bits) => ({ data: [BigInt(bits)], pointers: [] }));
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

const orNull = (node: fc.Arbitrary<PointerNode>) => fc.option(node, { freq: 8 });
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
    .nat({ max: byMethod.length + 1 })
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
    flags: fc.constantFrom(0n, 0n, 0n, 0n, 0n, 1n, 2n),
    capTable: anyCapTable,
    // Of rpc.capnp's own structs, too, a peer may have an older or a newer schema, but its target is never without an id.
    targetWords: fc.constantFrom(1, 1, 1, 2),
    targetPointers: fc.constantFrom(1, 1, 0, 2),
    payloadPointers: fc.constantFrom(2, 2, 2, 1, 3),
    callPointers: fc.constantFrom(3, 3, 3, 3, 2, 4),
    messagePointers: fc.constantFrom(1, 1, 1, 1, 2),
  })
  .map(({ call, questionId, flags, capTable, ...sizes }): StructNode => {
    const data = [BigInt(call.exportId), ...new Array(sizes.targetWords - 1).fill(0n)];
    const target = { data, pointers: new Array(sizes.targetPointers).fill(null) };
    const payload = { data: [], pointers: [call.content, capTable, null].slice(0, sizes.payloadPointers) };
    const body = {
      data: [word(questionId, call.methodId), call.interfaceId, flags],
      pointers: [target, payload, null, null].slice(0, sizes.callPointers),
    };
    return { data: [2n], pointers: [body, null].slice(0, sizes.messagePointers) };
  });

/** Layouts of one segment, of a large object in a segment of its own as C++ makes them, and of any other kind. */
const anyLayout = fc
  .record({
    segments: fc.integer({ min: 1, max: 4 }),
    segmentOf: fc.array(fc.nat({ max: 3 }), { minLength: 1 }),
    paddingOf: fc.array(fc.nat({ max: 2 }), { minLength: 1 }),
    pointerTo: fc.array(fc.constantFrom("near" as const, "far" as const, "double far" as const), { minLength: 1 }),
    /** Objects above this depth are laid out as C++ does: the message, the call, its target and payload. */
    plainDepth: fc.constantFrom(0, 2, 2, 3, 4, 5, 9),
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

test("calls of every method, size and layout: the same events, the same answers", async () => {
  const paths = new BothPaths();
  const counts = { hot: 0, slow: 0, events: 0 };
  const property = fc.asyncProperty(anyMessage, anyLayout, async (message, layout) => {
    const { hot, slow } = await paths.outcomes(wordMessage(message, layout()));
    expect(slow.ended).toBeUndefined();
    expect({ ...hot, isHot: false }).toEqual(slow);
    counts[hot.isHot ? "hot" : "slow"]++;
    counts.events += slow.events.length;
  });
  await fc.assert(property, { numRuns: Number(process.env["RUNS"] ?? 500) });
  paths.end();
  // Both paths were taken, and most calls were about something.
  expect(counts.hot).toBeGreaterThan(500);
  expect(counts.slow).toBeGreaterThan(500);
  expect(counts.events).toBeGreaterThan(1500);
});

export { BothPaths, describe, frameOf, recordedCalls, segmentsOf };
