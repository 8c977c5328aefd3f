// Random messages, with a seed, to a connection as a subscribed exporter has it. Each message is well formed, but their order is
// random; they arrive whole or damaged, in chunks of any size. src/rpc/connection-damage.test.ts changes bytes of recorded
// frames, and src/node/hot-and-slow.test.ts also has every layout that the encoding allows.
//
// FUZZ_RUNS=100000 makes it longer, and FUZZ_SEED=7 selects another sequence.

import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { Message_Which } from "capnp-es/capnp/rpc";
import fc from "fast-check";
import { BOX_INTERFACE, METHOD, silent } from "../builders/box.ts";
import { EMPTY_TABLES, expectEmptyTables, turn } from "../builders/connections.ts";
import { cutAt, frameOf } from "../builders/frames.ts";
import { recordedCalls } from "../builders/recorded-frames.ts";
import {
  abortFrame,
  bootstrapFrame,
  callFrame,
  contentOf,
  type Descriptor,
  disembargoFrame,
  finishFrame,
  messageFrame,
  plainMessage,
  releaseFrame,
  resolveCapFrame,
  resolveExceptionFrame,
  returnBootstrapFrame,
  returnCapsFrame,
  returnExceptionFrame,
  returnFrame,
  type Target,
  unimplementedFrame,
} from "../builders/rpc-messages.ts";
import { type Subscriber, subscribed } from "../builders/subscriber.ts";

const RUNS = Number(process.env["FUZZ_RUNS"] ?? 1500);
const SEED = Number(process.env["FUZZ_SEED"] ?? 20_261_122);
setDefaultTimeout(30_000 + RUNS * 10);
afterEach(expectEmptyTables);

/** A message that takes longer than this, even on a busy machine, hangs. */
const HANGS_MS = 20_000;

// ---- messages ----

/** Few ids, so that messages refer to each other; some ids do not exist. */
const id = fc.oneof({ weight: 8, arbitrary: fc.nat({ max: 5 }) }, fc.constantFrom(77, 2 ** 31, 2 ** 32 - 1));
const promised = fc.record({ question: id, path: fc.array(fc.nat({ max: 3 }), { maxLength: 3 }) });
const target: fc.Arbitrary<Target> = fc.oneof(fc.record({ importedCap: id }), fc.record({ promisedAnswer: promised }));
const descriptor: fc.Arbitrary<Descriptor> = fc.oneof(
  fc.constant("none" as const),
  fc.record({ senderHosted: id }),
  fc.record({ senderPromise: id }),
  fc.record({ receiverHosted: id }),
  fc.record({ receiverAnswer: promised }),
  fc.record({ thirdPartyHosted: id }),
);
const caps = fc.array(descriptor, { maxLength: 3 });

const call = fc
  .record({
    questionId: id,
    target,
    interfaceId: fc.constantFrom(BOX_INTERFACE, 0n, 2n ** 64n - 1n),
    methodId: fc.nat({ max: 8 }),
    caps,
    sendResultsTo: fc.constantFrom(undefined, 0, 1, 2),
    words: fc.nat({ max: 4 }),
  })
  .map(({ words, sendResultsTo, ...fields }) =>
    callFrame({
      ...fields,
      fill: (payload) => contentOf(payload, words, words),
      ...(sendResultsTo === undefined ? {} : { sendResultsTo }),
    }),
  );
const kinds = Object.values(Message_Which).filter((kind): kind is Message_Which => typeof kind === "number");

/** One well-formed message; the last kind has any pointer at its root. */
const anyMessage: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 4, arbitrary: call },
  { weight: 4, arbitrary: fc.constantFrom(...recordedCalls().map(({ frame }) => frame)) },
  id.map(bootstrapFrame),
  fc.tuple(id, caps).map(([answer, list]) => returnCapsFrame(answer, ...list)),
  fc.tuple(id, descriptor).map(([answer, cap]) => returnBootstrapFrame(answer, cap)),
  fc.tuple(id, fc.nat({ max: 9 })).map(([answer, type]) => returnExceptionFrame(answer, type, "fuzz")),
  fc.tuple(id, id).map(([answer, other]) =>
    returnFrame(answer, (body) => {
      body.takeFromOtherQuestion = other;
    }),
  ),
  fc.tuple(id, fc.boolean()).map(([question, releases]) => finishFrame(question, releases)),
  fc.tuple(id, fc.nat({ max: 2 })).map(([held, count]) => releaseFrame(held, count)),
  fc.tuple(id, descriptor).map(([promise, cap]) => resolveCapFrame(promise, cap)),
  id.map((promise) => resolveExceptionFrame(promise, 0, "fuzz")),
  fc.tuple(target, id).map(([to, embargo]) => disembargoFrame(to, { senderLoopback: embargo })),
  call.map(unimplementedFrame),
  fc.constantFrom(...kinds).map((kind) =>
    messageFrame((root) => {
      root.segment.setUint16(root.byteOffset, kind);
    }),
  ),
  fc.constant(abortFrame(0, "fuzz")),
  fc
    .array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { minLength: 1, maxLength: 12 })
    .map((words) => frameOf(new Uint8Array(new BigUint64Array(words).buffer))),
);

// ---- the connection ----

/** A subscriber with entries in each of its tables. */
async function busy(path: "hot" | "slow"): Promise<{ subscriber: Subscriber; settled: Promise<unknown> }> {
  const subscriber = await subscribed(path);
  const { peer } = subscriber;
  const bootstrap = peer.connection.bootstrap();
  const [{ bootstrap: question }] = peer.take() as [{ bootstrap: { questionId: number } }];
  peer.send(returnBootstrapFrame(question.questionId, { senderHosted: 0 }));
  const object = await bootstrap;
  const questions = Array.from({ length: 4 }, () =>
    object.ask(METHOD, (params) => Object.assign(params, { first: silent() })),
  );
  peer.take();
  return { subscriber, settled: Promise.allSettled(questions.map(({ results }) => results)) };
}

test.each(["hot", "slow"] as const)(
  "random messages on the %s path: nothing throws or hangs, and the tables are empty at the end",
  async (path) => {
    const anything = fc.record({
      messages: fc.array(anyMessage, { minLength: 1, maxLength: 10 }),
      cuts: fc.array(fc.nat(), { maxLength: 6 }),
      damage: fc.option(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { freq: 3 }),
    });
    let ended = 0;
    let answered = 0;
    const property = fc.asyncProperty(anything, async ({ messages, cuts, damage }) => {
      const { subscriber, settled } = await busy(path);
      const { peer } = subscriber;
      const stream = new Uint8Array(Buffer.concat(messages));
      if (damage !== null) stream[damage[0] % stream.length]! ^= damage[1];
      const begin = performance.now();
      const at = cuts.map((cut) => cut % stream.length);
      for (const chunk of cutAt(stream, at)) peer.connection.receive(chunk);
      await turn();
      expect(performance.now() - begin).toBeLessThan(HANGS_MS);
      // Our messages are well formed, whatever we received.
      const sent = peer.takeFrames().map(plainMessage);
      answered += sent.filter((message) => "return" in message).length;
      if (peer.connection.ended !== undefined) {
        ended++;
        expect(peer.connection.ended.message).not.toBe("");
        expect(peer.connection.sizes).toEqual(EMPTY_TABLES);
      }
      peer.connection.disconnected("the end");
      await settled;
      expect(peer.connection.sizes).toEqual(EMPTY_TABLES);
    });
    await fc.assert(property, { numRuns: RUNS, seed: SEED });
    // Some runs break the protocol, some do not.
    expect(ended).toBeWithin(RUNS / 10, RUNS);
    expect(answered).toBeGreaterThan(RUNS / 4);
  },
);

test("valid messages, in any order and any chunks, leave the tables unchanged", async () => {
  const anyTurn = fc.record({
    kind: fc.constantFrom("call", "recorded", "bootstrap", "promise", "unknown"),
    caps: fc.array(fc.record({ senderHosted: fc.nat({ max: 3 }) }), { maxLength: 3 }),
  });
  const rounds = fc.record({
    turns: fc.array(anyTurn, { minLength: 1, maxLength: 20 }),
    cuts: fc.array(fc.nat(), { maxLength: 8 }),
  });
  const subscriber = await subscribed("hot");
  const { peer } = subscriber;
  const base = peer.connection.sizes;
  // Only calls that the hot path answers at once: their ids are free again.
  const recorded = recordedCalls().filter(({ call }) => !/\.(destroy|chainStateFlushed)$/.test(call!));
  let calls = 0;
  const property = fc.asyncProperty(rounds, async ({ turns, cuts }) => {
    const frames = turns.flatMap(({ kind, caps }, index) => {
      const questionId = 1_000_000 + index;
      calls++;
      switch (kind) {
        case "bootstrap":
          return [bootstrapFrame(questionId), finishFrame(questionId, true)];
        case "promise":
          return [
            bootstrapFrame(questionId),
            callFrame({
              questionId: questionId + 1000,
              target: { promisedAnswer: { question: questionId, path: [] } },
              interfaceId: BOX_INTERFACE,
              methodId: 0,
              caps,
            }),
            finishFrame(questionId, true),
            finishFrame(questionId + 1000, true),
          ];
        case "recorded":
          return [recorded[calls % recorded.length]!.frame];
        case "unknown":
          return [messageFrame((root) => root._initProvide())];
        default:
          return [
            callFrame({
              questionId,
              target: { importedCap: index % 4 },
              interfaceId: BOX_INTERFACE,
              methodId: 0,
              caps,
            }),
            finishFrame(questionId, true),
          ];
      }
    });
    const stream = new Uint8Array(Buffer.concat(frames));
    const at = cuts.map((cut) => cut % stream.length);
    for (const chunk of cutAt(stream, at)) peer.connection.receive(chunk);
    await turn();
    await turn();
    expect(peer.connection.ended).toBeUndefined();
    peer.takeFrames();
    expect(peer.connection.sizes).toEqual(base);
  });
  await fc.assert(property, { numRuns: Math.ceil(RUNS / 3), seed: SEED });
  subscriber.unsubscribe();
});
