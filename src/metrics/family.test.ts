// What may be registered, and how series are made and bounded.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { CellStore, Counter, Gauge } from "./cells.ts";
import { Page } from "./exposition.ts";
import { Family, type FamilyOptions } from "./family.ts";

function newFamily(options: Partial<FamilyOptions<readonly string[]>>, capacity = 100) {
  const all = { name: "a_total", help: "Help.", type: "counter", labels: ["l"], maxSeries: 3, ...options } as const;
  return new Family(all, Counter, new CellStore(capacity));
}

function linesOf(family: ReturnType<typeof newFamily>): string[] {
  const page = new Page();
  family.writeTo(page);
  return new TextDecoder().decode(page.finish()).trimEnd().split("\n").slice(2);
}

test.each([
  [{ name: "" }, "not a metric name"],
  [{ name: "1_total" }, "not a metric name"],
  [{ name: "a-b_total" }, "not a metric name"],
  [{ name: "a:b_total" }, "not a metric name"],
  [{ name: "a_total\n" }, "not a metric name"],
  [{ name: "a" }, "counters, and only they, end in _total"],
  [{ type: "gauge" as const }, "counters, and only they, end in _total"],
  [{ help: "" }, "help is empty"],
  [{ help: " \n" }, "help is empty"],
  [{ labels: [""] }, '"" is not a label name'],
  [{ labels: ["a:b"] }, '"a:b" is not a label name'],
  [{ labels: ["__a"] }, '"__a" is not a label name'],
  [{ labels: ["le"] }, '"le" is not a label name'],
  [{ labels: ["a", "b", "a"] }, "two labels have one name"],
])("refuses %j", (options, why) => {
  const name = "name" in options ? options.name : "a_total";
  expect(() => newFamily(options)).toThrow(new Error(`cannot register metric "${name}": ${why}`));
});

test("accepts the names that Prometheus accepts", () => {
  newFamily({ name: "_A9_total", labels: ["_A9", "b"] });
});

test("refuses more series than the store can hold when it is made, not later", () => {
  expect(() => newFamily({ maxSeries: 100 }, 100)).toThrow(RangeError);
  expect(() => newFamily({ maxSeries: -1 })).toThrow(RangeError);
  newFamily({ maxSeries: 99 }, 100);
});

test("a series is made once and keeps its place", () => {
  const family = newFamily({});
  family.with("b").inc();
  family.with("a");
  family.with("b").inc();
  expect(family.with("b")).toBe(family.with("b"));
  expect(linesOf(family)).toEqual(['a_total{l="b"} 2', 'a_total{l="a"} 0']);
});

test("series beyond the bound share the one called other", () => {
  const family = newFamily({ labels: ["l", "m"], maxSeries: 2 });
  family.with("a", "1").inc();
  family.with("b", "2").inc();
  for (let i = 0; i < 1000; i++) family.with("hostile", String(i)).inc();
  family.with("a", "1").inc();
  expect(linesOf(family)).toEqual([
    'a_total{l="a",m="1"} 2',
    'a_total{l="b",m="2"} 1',
    'a_total{l="other",m="other"} 1000',
  ]);
});

test("a series that the collector names other is the same one", () => {
  const family = newFamily({ maxSeries: 1 });
  family.with("other").inc();
  family.with("a").inc();
  expect(linesOf(family)).toEqual(['a_total{l="other"} 2']);
});

test("with any label values, each label text is one sample and nothing is lost", () => {
  const anyValue = fc.oneof(fc.string({ unit: "binary", maxLength: 2 }), fc.constantFrom("\ud800", "\udbff", "a", "b"));
  fc.assert(
    fc.property(fc.array(anyValue), fc.nat({ max: 20 }), (values, maxSeries) => {
      const family = newFamily({ maxSeries });
      for (const value of values) family.with(value).inc();
      const lines = linesOf(family);
      expect(lines.length).toBeLessThanOrEqual(maxSeries + 1);
      expect(new Set(lines.map((line) => line.replace(/ \d+$/, ""))).size).toBe(lines.length);
      expect(lines.reduce((sum, line) => sum + Number(/\d+$/.exec(line)), 0)).toBe(values.length);
    }),
  );
});

test("iterates over its cells", () => {
  const family = newFamily({});
  const cells = [family.with("a"), family.with("b")];
  expect([...family]).toEqual(cells);
});

test("clear removes all series, and as many others fit again", () => {
  const family = newFamily({ maxSeries: 2 });
  for (let round = 0; round < 5; round++) {
    family.clear();
    expect(linesOf(family)).toEqual([]);
    for (const value of ["a", "b", "c"]) family.with(`${value}${round}`).inc();
    expect(linesOf(family)).toEqual([`a_total{l="a${round}"} 1`, `a_total{l="b${round}"} 1`, 'a_total{l="other"} 1']);
  }
});

test("a gauge in the place of a cleared one has no value yet", () => {
  const options = { name: "a", help: "Help.", type: "gauge", labels: ["l"], maxSeries: 1 } as const;
  const family = new Family(options, Gauge, new CellStore(2));
  family.with("before").set(5);
  family.clear();
  expect(family.with("after").read()).toBeUndefined();
});
