// Histograms against a count of the observations, as text; the registry's test shows promtool a page with one.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { CellStore } from "./cells.ts";
import { Page, valueText } from "./exposition.ts";
import { Histogram } from "./histogram.ts";

function newHistogram(bounds: readonly number[]): Histogram {
  return new Histogram({ name: "h", help: "Help.", bounds }, new CellStore(100));
}

function samplesOf(histogram: Histogram): string[] {
  const page = new Page();
  histogram.writeTo(page);
  const [help, type, ...samples] = new TextDecoder().decode(page.finish()).trimEnd().split("\n");
  expect([help, type]).toEqual(["# HELP h Help.", "# TYPE h histogram"]);
  return samples;
}

test("each bucket counts the observations up to its bound", () => {
  const anyBounds = fc.uniqueArray(fc.double({ noNaN: true, noDefaultInfinity: true }), {
    minLength: 1,
    maxLength: 20,
    comparator: (a, b) => a === b,
  });
  fc.assert(
    fc.property(anyBounds, fc.array(fc.integer()), fc.array(fc.nat()), (unsorted, integers, indexes) => {
      const bounds = unsorted.toSorted((a, b) => a - b);
      // Integers, whose sum is exact; and values that equal a bound.
      const onBounds = indexes.map((index) => bounds[index % bounds.length]!);
      const values = [...integers, ...onBounds];
      const histogram = newHistogram(bounds);
      histogram.start();
      for (const value of values) expect(histogram.observe(value)).toBe(true);
      const atMost = (bound: number) => values.filter((value) => value <= bound).length;
      expect(samplesOf(histogram)).toEqual([
        ...bounds.map((bound) => `h_bucket{le="${valueText(bound)}"} ${atMost(bound)}`),
        `h_bucket{le="+Inf"} ${values.length}`,
        `h_sum ${valueText(values.reduce((sum, value) => sum + value, 0))}`,
        `h_count ${values.length}`,
      ]);
    }),
  );
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])("observe(%p) changes nothing", (value) => {
  const histogram = newHistogram([1]);
  histogram.start();
  expect(histogram.observe(value)).toBe(false);
  expect(samplesOf(histogram)).toEqual(['h_bucket{le="1"} 0', 'h_bucket{le="+Inf"} 0', "h_sum 0", "h_count 0"]);
});

test("a histogram has no sample until it starts, and loses nothing", () => {
  const histogram = newHistogram([1]);
  histogram.observe(0.5);
  expect(samplesOf(histogram)).toEqual([]);
  histogram.start();
  histogram.start();
  expect(samplesOf(histogram)).toEqual(['h_bucket{le="1"} 1', 'h_bucket{le="+Inf"} 1', "h_sum 0.5", "h_count 1"]);
});

test.each([[[]], [[1, 1]], [[2, 1]], [[Number.NaN]], [[1, Number.POSITIVE_INFINITY]]])(
  "refuses the bounds %j",
  (bounds) => {
    expect(() => newHistogram(bounds)).toThrow('cannot register metric "h": bounds are not finite and ascending');
  },
);

test("refuses what the text format does not allow", () => {
  const make = (name: string, help: string) => () => new Histogram({ name, help, bounds: [1] }, new CellStore(9));
  expect(make("h-", "Help.")).toThrow("not a metric name");
  expect(make("h_total", "Help.")).toThrow("counters, and only they, end in _total");
  expect(make("h", "")).toThrow("help is empty");
});
