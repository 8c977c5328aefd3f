// Recorded frames of every kind with some bytes changed: nothing is thrown, nothing hangs, and after the end of the
// connection every question is settled and every table empty.

import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { hosting, METHOD, silent } from "../../test/builders/box.ts";
import { EMPTY_TABLES, expectEmptyTables, RawPeer, turn } from "../../test/builders/connections.ts";
import { recordedFrames } from "../../test/builders/recorded-frames.ts";
import { bootstrapFrame } from "../../test/builders/rpc-messages.ts";

afterEach(expectEmptyTables);
setDefaultTimeout(30_000);

const DAMAGED_BYTES = 300;

const recorded = [...recordedFrames("pr-trace"), ...recordedFrames("master")].filter(({ bytes }) => bytes < 30_000);

/** A connection with entries in each of its tables, for damaged frames to refer to. */
async function busyPeer(): Promise<{ peer: RawPeer; settled: Promise<unknown> }> {
  const peer = new RawPeer({ bootstrap: hosting((_, results) => Object.assign(results, { first: silent() })) });
  const object = await peer.bootstrap({ senderHosted: 0 }, bootstrapFrame(100));
  const questions = Array.from({ length: 6 }, () =>
    object.ask(METHOD, (params) => Object.assign(params, { first: silent() })),
  );
  return { peer, settled: Promise.allSettled(questions.map(({ results }) => results)) };
}

test("no damage makes a frame throw, hang or leave anything behind", async () => {
  const anyDamage = fc.record({
    frame: fc.constantFrom(...recorded.map(({ frame }) => frame)),
    changes: fc.array(fc.tuple(fc.nat({ max: DAMAGED_BYTES }), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 3,
    }),
  });
  let aborted = 0;
  const property = fc.asyncProperty(anyDamage, async ({ frame, changes }) => {
    const damaged = frame.slice();
    for (const [at, flip] of changes) damaged[at % damaged.length]! ^= flip;
    const { peer, settled } = await busyPeer();
    peer.send(damaged);
    await turn();
    if (peer.connection.ended !== undefined) aborted++;
    peer.connection.disconnected("the end");
    await settled;
    expect(peer.connection.sizes).toEqual(EMPTY_TABLES);
  });
  const numRuns = 500;
  await fc.assert(property, { numRuns });
  // Some damage ends the connection, some changes only values.
  expect(aborted).toBeWithin(numRuns / 20, numRuns);
});
