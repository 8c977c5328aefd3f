// Every outcome of a comparison, on small maps and pages; then parity's own maps on the fixtures, and that of the original on
// two recorded pages of a real node.

import { describe, expect, test } from "bun:test";
import { isMismatch, type Outcome } from "../../scripts/parity/agreement.ts";
import { compare, type Row } from "../../scripts/parity/compare.ts";
import { type Entry, MAPS, mapFor } from "../../scripts/parity/maps.ts";
import type { Page } from "../../src/metrics/text-format-reader.ts";
import { EXPORTERS, fixture, pageOf, quietScrapes, RECORDED, theirFixture } from "./pages.ts";

function compareWith(entries: readonly Entry[], theirs: Page, ours: Page): Row[] {
  return compare(quietScrapes(theirs, ours), { exporter: "a test", source: "none", entries }, 0.01);
}

type Samples = Readonly<Record<string, number>>;

function rows(entries: readonly Entry[], theirs: Samples, ours: Samples): Row[] {
  return compareWith(entries, pageOf(theirs), pageOf(ours));
}

function outcomes(entries: readonly Entry[], theirs: Samples, ours: Samples): Outcome[] {
  return rows(entries, theirs, ours).map(({ outcome }) => outcome);
}

const A: Entry = { theirs: "a", ours: "b" };

test.each<[Outcome, boolean, Entry[], Samples, Samples]>([
  ["equal", true, [A], { a: 5 }, { b: 5 }],
  ["within", true, [A], { a: 1000 }, { b: 1001 }],
  ["different", false, [A], { a: 1000 }, { b: 1100 }],
  ["missing-here", false, [A], { a: 5 }, {}],
  ["missing-there", true, [A], {}, { b: 5 }],
  ["missing-there", true, [], {}, { b: 5 }],
  ["unknown", false, [], { a: 5 }, {}],
  ["none", true, [{ theirs: "a" }], { a: 5 }, {}],
  ["other-meaning", true, [{ ...A, differs: true }], { a: 5 }, { b: 6 }],
  ["missing-there", true, [{ ...A, differs: true }], {}, { b: 6 }],
  ["equal", true, [{ ...A, conversion: "/ 1e8" }], { a: 0.12345678 }, { b: 12345678 }],
  ["different", false, [{ ...A, conversion: "/ 1e8" }], { a: 5 }, { b: 5 }],
  ["equal", true, [{ ...A, theirs: "a_total", ours: "b_total" }], { a_total: 9 }, { b_total: 700 }],
  [
    "different",
    false,
    [{ ...A, theirs: "a_total", ours: "b_total", compare: "value" }],
    { a_total: 9 },
    { b_total: 700 },
  ],
  ["equal", true, [{ ...A, ours: "b_total" }], { a: 9 }, { b_total: 9 }],
  ["different", false, [{ ...A, ours: "b_total" }], { a: 9 }, { b_total: 700 }],
])("%s, good: %p", (outcome, isGood, entries, theirs, ours) => {
  const compared = rows(entries, theirs, ours);
  expect(compared).toMatchObject([{ outcome }]);
  expect(!compared.some(isMismatch)).toBe(isGood);
});

test("a family that neither exposes is not in the comparison", () => {
  expect(rows([A, { theirs: "c" }], {}, {})).toEqual([]);
});

test("a family without samples counts as exposed", () => {
  const empty = (name: string): Page => new Map([[name, { name, type: "gauge", samples: [] }]]);
  expect(compareWith([A], empty("a"), empty("b"))).toMatchObject([{ outcome: "equal" }]);
  expect(compareWith([A], empty("a"), pageOf({}))).toMatchObject([{ outcome: "missing-here" }]);
  expect(compareWith([A], pageOf({ a: 5 }), empty("b"))).toMatchObject([{ outcome: "missing-here" }]);
  expect(compareWith([A], empty("a"), pageOf({ b: 5 }))).toMatchObject([{ outcome: "missing-there" }]);
});

test("a value of theirs that means unknown is no value", () => {
  const empty: Page = new Map([["b", { name: "b", type: "gauge", samples: [] }]]);
  expect(compareWith([{ ...A, absent: -1 }], pageOf({ a: -1 }), empty)).toMatchObject([
    { outcome: "equal", series: [] },
  ]);
  expect(outcomes([{ ...A, absent: -1 }], { a: -1 }, { b: 5 })).toEqual(["missing-there"]);
  expect(outcomes([{ ...A, absent: -1 }], { a: 5 }, { b: 5 })).toEqual(["equal"]);
});

describe("labels", () => {
  test("are compared one by one, the worst counts, and one that is missing is 0", () => {
    const ours = { 'b{x="1"}': 5, 'b{x="2"}': 0, 'b{x="3"}': 1000 };
    expect(rows([A], { 'a{x="1"}': 5, 'a{x="3"}': 1001 }, ours)).toMatchObject([
      { outcome: "within", series: [{ outcome: "equal" }, { outcome: "equal" }, { outcome: "within" }] },
    ]);
    expect(rows([A], { 'a{x="1"}': 5 }, ours)).toMatchObject([
      { outcome: "different", series: [{}, {}, { labels: '{x="3"}', theirs: "0", ours: "1000" }] },
    ]);
  });

  test("are missing when the family has no sample", () => {
    expect(outcomes([A], { 'a{x="1"}': 5 }, {})).toEqual(["missing-here"]);
  });

  test("of only one exporter are a difference", () => {
    expect(outcomes([A], { a: 5 }, { 'b{x="1"}': 5 })).toEqual(["different"]);
  });

  test("are selected and summed as the map says", () => {
    const ours = { 'b{way="in",net="1"}': 5, 'b{way="in",net="2"}': 6, 'b{way="out",net="1"}': 7 };
    const entry = { ...A, ours: "sum without (net) (b)" };
    expect(outcomes([entry], { 'a{way="in"}': 11, 'a{way="out"}': 7 }, ours)).toEqual(["equal"]);
    expect(outcomes([{ ...A, ours: "sum without (net) (b{way='in'})" }], { a: 11 }, ours)).toEqual(["equal"]);
    expect(outcomes([{ ...A, theirs: "a{x!='1'}" }], { 'a{x="1"}': 1, 'a{x="2"}': 2 }, { 'b{x="2"}': 2 })).toEqual([
      "equal",
    ]);
  });
});

describe("placeholders", () => {
  const fees: Entry = { theirs: "fee_<n>", ours: "b{target='<n>'}", values: ["2"] };

  test("stand for each metric on the page, in both names", () => {
    expect(rows([fees], { fee_2: 5, fee_10: 6 }, { 'b{target="2"}': 5, 'b{target="10"}': 7 })).toMatchObject([
      { outcome: "different", theirs: "fee_10", ours: "b{target='10'}" },
      { outcome: "equal", theirs: "fee_2" },
    ]);
  });

  test("do not stand for a metric that another entry names", () => {
    const named: Entry = { theirs: "fee_2" };
    expect(rows([fees, named], { fee_2: 5 }, {})).toMatchObject([{ outcome: "none", theirs: "fee_2" }]);
  });

  test("make one row when nothing is compared", () => {
    const runtime: Entry = { theirs: "go_<name>" };
    expect(rows([runtime], { go_threads: 5, go_info: 1 }, {})).toMatchObject([
      { outcome: "none", theirs: "go_<name>" },
    ]);
    expect(rows([fees], {}, { 'b{target="2"}': 5 })).toMatchObject([{ outcome: "missing-there", theirs: "fee_<n>" }]);
  });
});

test("the worst comes first", () => {
  const entries: Entry[] = [A, { theirs: "c" }, { theirs: "d", ours: "e" }];
  expect(outcomes(entries, { a: 1, c: 1, d: 1, x: 1 }, { b: 1, e: 2, y: 1 })).toEqual([
    "different",
    "unknown",
    "equal",
    "none",
    "missing-there",
  ]);
});

test("growth is from the first round to the last, and a counter that falls is different", () => {
  const growth = (theirs: number[], ours: number[]) => {
    const pages = (name: string, values: number[]) => values.map((value) => pageOf({ [name]: value }));
    const scrapes = { theirs: pages("a_total", theirs), ours: pages("b_total", ours) };
    const entries = [{ theirs: "a_total", ours: "b_total" }];
    return compare(scrapes, { exporter: "a test", source: "none", entries }, 0.01)[0]!;
  };
  expect(growth([10, 63, 110], [0, 1, 50, 55, 99, 100])).toMatchObject({
    outcome: "equal",
    series: [{ theirs: "+100", ours: "+100" }],
  });
  expect(growth([10, 63, 150], [0, 1, 50, 55, 99, 100]).outcome).toBe("different");
  expect(growth([9, 9], [9, 9, 3, 9])).toMatchObject({ outcome: "different", series: [{ ours: "fell from 9 to 3" }] });
});

test.each(EXPORTERS)(
  "the map of %s has entries only for families that exist, and those of other versions or settings",
  (exporter) => {
    const optional: Readonly<Record<string, string[]>> = {
      original: ["bitcoin_chain_height"],
      lnliz: ["bitcoin_ban_created", "bitcoin_banned_until"],
    };
    const map = MAPS[exporter]!;
    const rows = compare(quietScrapes(theirFixture(exporter), fixture("ours")), map, 0);
    const shown = new Set(rows.filter(({ outcome }) => outcome !== "missing-there").map(({ theirs }) => theirs));
    const entries = map.entries.filter(({ values }) => values === undefined).map(({ theirs }) => theirs);
    expect(entries.filter((theirs) => !shown.has(theirs))).toEqual(optional[exporter] ?? []);
  },
);

describe("the recorded pages of the original and this exporter", () => {
  const theirs = fixture(RECORDED.theirs);
  const { entries } = MAPS["original"]!;
  // Both counted from the same event on, so values of counters are equal, not only their growth.
  const byValue = { ...MAPS["original"]!, entries: entries.map((entry): Entry => ({ ...entry, compare: "value" })) };
  const compared = (page: Page) => compare(quietScrapes(page, fixture(RECORDED.ours)), byValue, 0);

  test("agree in every value of the original, each above 0 but one", () => {
    expect(mapFor(theirs)).toBe(MAPS["original"]);
    const rows = compared(theirs);
    const equal = rows.filter(({ outcome }) => outcome === "equal").map((row) => row.theirs);
    expect(equal.sort()).toEqual([...theirs.keys()].sort());
    expect(rows.filter(isMismatch)).toEqual([]);
    const zero = rows.filter(({ series }) => series.some((one) => one.theirs === "0"));
    expect(zero.map((row) => row.theirs)).toEqual(["bitcoin_ibd"]);
  });

  test("disagree when any value changes", () => {
    for (const [name, family] of theirs) {
      const samples = family.samples.map((sample) => ({ ...sample, value: sample.value * 1.001 + 1 }));
      const rows = compared(new Map(theirs).set(name, { ...family, samples }));
      expect(rows.filter(isMismatch)).toMatchObject([{ theirs: name, outcome: "different" }]);
    }
  });
});

test("one of the two pages of usdt-dash is detected, and an unknown page is not", () => {
  expect(mapFor(new Map([...theirFixture("usdt-dash")].slice(-8)))).toBe(MAPS["usdt-dash"]);
  expect(mapFor(pageOf({ up: 1 }))).toBeUndefined();
  expect(mapFor(pageOf({}))).toBeUndefined();
});
