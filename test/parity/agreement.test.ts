// When two series agree: values and growth, constant and changing between scrapes, with samples missing.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { judge, type Values } from "../../scripts/parity/agreement.ts";

const VALUE = { labels: "", isGrowth: false, tolerance: 0.01 };
const GROWTH = { ...VALUE, isGrowth: true };

/** One round of scrapes: ours, theirs, ours. */
type Round = readonly [Values[number], Values[number], Values[number]];

function judged({ labels, isGrowth, tolerance }: typeof VALUE, ...rounds: readonly Round[]) {
  const theirs = rounds.map((round) => round[1]);
  const ours = rounds.flatMap(([before, , after]) => [before, after]);
  return judge(labels, theirs, ours, isGrowth, tolerance);
}

const none = undefined;

test.each<[string, ...Round[]]>([
  ["equal", [5, 5, 5], [5, 5, 5]],
  ["equal", [5, 5, 6], [7, 6.5, 6]],
  ["equal", [0.00001, 1000 * 1e-8, 0.00001]],
  ["equal", [0, 0, 0]],
  ["equal", [Number.NaN, Number.NaN, Number.NaN]],
  ["equal", [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]],
  ["equal", [none, none, none], [5, 5, 5]],
  ["equal", [none, 5, 5]],
  ["within", [100, 101, 100]],
  ["within", [-100, -101, -100]],
  ["within", [1, 9, 1], [9, 5, 9], [9, 2, 9]],
  ["within", [1, 1, 1], [none, 1, none]],
  ["different", [100, 102, 100]],
  ["different", [0, 1, 0]],
  ["different", [5, -5, 5]],
  ["different", [Number.NaN, 5, Number.NaN]],
  ["different", [5, Number.NaN, 5]],
  ["different", [5, Number.POSITIVE_INFINITY, 5]],
  ["different", [Number.NEGATIVE_INFINITY, 5, Number.NEGATIVE_INFINITY]],
  ["missing-here", [none, 5, none], [none, 5, none]],
  ["missing-there", [5, none, 5]],
])("values: %s", (expected, ...rounds) => {
  expect<string>(judged(VALUE, ...rounds).outcome).toBe(expected);
});

test.each<[string, ...Round[]]>([
  ["equal", [5, 105, 5], [5, 105, 5]],
  ["equal", [5, 105, 5], [9, 109, 9]],
  // Two events between ours and theirs in the first round, one in the last.
  ["equal", [5, 105, 7], [12, 111, 13]],
  ["equal", [1e17, 5, 1e17], [1e17, 5, 1e17]],
  ["within", [0, 0, 0], [1000, 1001, 1000]],
  ["different", [0, 0, 0], [1000, 1020, 1000]],
  ["different", [0, 0, 0], [0, 1, 0]],
  ["different", [0, 0, 0], [1, 0, 1]],
  ["different", [5, 5, 5], [4, 4, 4]],
  ["different", [5, 5, 4], [5, 5, 5]],
  ["missing-here", [none, 5, none], [none, 6, none]],
  ["missing-there", [5, none, 5], [6, none, 6]],
])("growth: %s", (expected, ...rounds) => {
  expect<string>(judged(GROWTH, ...rounds).outcome).toBe(expected);
});

test("a missing series with labels counts as 0", () => {
  const labelled = (isGrowth: boolean, ...rounds: Round[]) =>
    judged({ ...VALUE, labels: '{a="b"}', isGrowth }, ...rounds);
  expect(labelled(false, [none, 0, none])).toMatchObject({ outcome: "equal", labels: '{a="b"}' });
  expect(labelled(false, [0, none, 0]).outcome).toBe("equal");
  expect(labelled(false, [none, 1, none]).outcome).toBe("missing-here");
  expect(labelled(true, [none, 7, none], [none, 7, none]).outcome).toBe("equal");
  expect(labelled(true, [7, none, 7], [8, none, 8]).outcome).toBe("missing-there");
  expect(judged(VALUE, [none, 0, none]).outcome).toBe("missing-here");
});

test("shows what it compared", () => {
  expect(judged(VALUE, [1, 2, 3])).toMatchObject({ theirs: "2", ours: "3" });
  expect(judged(GROWTH, [1, 2, 3], [5, 8, 9])).toMatchObject({ theirs: "+6", ours: "+8" });
  expect(judged(GROWTH, [1, 2, 1], [1, 0, 1])).toMatchObject({ theirs: "fell from 2 to 0", ours: "+0" });
  expect(judged(VALUE, [4.2 * 1e-5, 4.2e-5, 4.2e-5])).toMatchObject({ theirs: "0.000042", ours: "0.000042" });
  expect(judged(VALUE, [none, 2, none])).toEqual({ labels: "", outcome: "missing-here", theirs: "2", ours: none });
});

test("two exporters that count the same events agree, whenever they started and are scraped", () => {
  const anyRounds = fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat()), { minLength: 2 });
  fc.assert(
    fc.property(anyRounds, fc.nat(), fc.nat(), (rounds, oursBegan, theirsBegan) => {
      let events = 0;
      const counts = rounds.map((round) => round.map((more) => (events += more)));
      const counted = (began: number) =>
        counts.map(([before, between, after]): Round => [before! + oursBegan, between! + began, after! + oursBegan]);
      expect(judged({ ...GROWTH, tolerance: 0 }, ...counted(theirsBegan)).outcome).toBe("equal");
      expect(judged({ ...VALUE, tolerance: 0 }, ...counted(oursBegan)).outcome).toBe("equal");
    }),
  );
});

test("two whose counts differ by more than the tolerance disagree", () => {
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 1e9 }), fc.double({ min: 0, max: 0.98, noNaN: true }), (events, share) => {
      const counted = Math.floor(events * share);
      expect(judged(GROWTH, [0, 0, 0], [counted, events, counted]).outcome).toBe("different");
      expect(judged(GROWTH, [0, 0, 0], [events, counted, events]).outcome).toBe("different");
    }),
  );
});
