// When two series agree: values and growth, constant and changing between scrapes, with samples missing.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { judge, type Reading, type Terms } from "../../scripts/parity/agreement.ts";

const VALUE: Terms = { growth: false, tolerance: 0.01, absentIsZero: false };
const GROWTH: Terms = { ...VALUE, growth: true };

type Numbers = readonly [before: number | undefined, theirs: number | undefined, after: number | undefined];

function agreement(terms: Terms, ...rounds: readonly Numbers[]) {
  const readings: Reading[] = rounds.map(([before, theirs, after]) => ({ before, theirs, after }));
  return judge(readings, terms).outcome;
}

const none = undefined;

test.each<[string, ...Numbers[]]>([
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
  ["missing-here", [none, 5, none], [none, 5, none]],
  ["missing-there", [5, none, 5]],
])("values: %s", (expected, ...rounds) => {
  expect<string>(agreement(VALUE, ...rounds)).toBe(expected);
});

test.each<[string, ...Numbers[]]>([
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
  expect<string>(agreement(GROWTH, ...rounds)).toBe(expected);
});

test("a missing series counts as 0 where the terms say so", () => {
  const terms = { ...VALUE, absentIsZero: true };
  expect(agreement(terms, [none, 0, none])).toBe("equal");
  expect(agreement(terms, [0, none, 0])).toBe("equal");
  expect(agreement(terms, [none, 1, none])).toBe("missing-here");
  expect(agreement({ ...terms, growth: true }, [none, 7, none], [none, 7, none])).toBe("equal");
  expect(agreement({ ...terms, growth: true }, [7, none, 7], [8, none, 8])).toBe("missing-there");
  expect(agreement(VALUE, [none, 0, none])).toBe("missing-here");
});

test("shows what it compared", () => {
  const rounds = (...numbers: Numbers[]) => numbers.map(([before, theirs, after]) => ({ before, theirs, after }));
  expect(judge(rounds([1, 2, 3]), VALUE)).toMatchObject({ theirs: "2", ours: "3" });
  expect(judge(rounds([1, 2, 3], [5, 8, 9]), GROWTH)).toMatchObject({ theirs: "+6", ours: "+8" });
  expect(judge(rounds([1, 2, 1], [1, 0, 1]), GROWTH)).toMatchObject({ theirs: "fell from 2 to 0", ours: "+0" });
  expect(judge(rounds([4.2 * 1e-5, 4.2e-5, 4.2e-5]), VALUE)).toMatchObject({ theirs: "0.000042", ours: "0.000042" });
  expect(judge(rounds([none, 2, none]), VALUE)).toEqual({ outcome: "missing-here", theirs: "2" });
});

test("two exporters that count the same events agree, whenever they started and are scraped", () => {
  const anyRounds = fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat()), { minLength: 2 });
  fc.assert(
    fc.property(anyRounds, fc.nat(), fc.nat(), (rounds, oursBegan, theirsBegan) => {
      let events = 0;
      const readings = rounds.map(([one, two, three]) => {
        const before = events + one;
        const between = before + two;
        events = between + three;
        return { before: before + oursBegan, theirs: between + theirsBegan, after: events + oursBegan };
      });
      expect(judge(readings, { ...GROWTH, tolerance: 0 }).outcome).toBe("equal");
      const together = readings.map((one) => ({ ...one, theirs: one.theirs - theirsBegan + oursBegan }));
      expect(judge(together, { ...VALUE, tolerance: 0 }).outcome).toBe("equal");
    }),
  );
});

test("two whose counts differ by more than the tolerance disagree", () => {
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 1e9 }), fc.double({ min: 0, max: 0.98, noNaN: true }), (events, share) => {
      const counted = Math.floor(events * share);
      expect(agreement(GROWTH, [0, 0, 0], [counted, events, counted])).toBe("different");
      expect(agreement(GROWTH, [0, 0, 0], [events, counted, events])).toBe("different");
    }),
  );
});
