import { expect, test } from "bun:test";
import { inTurn, median, percentile } from "./statistics.ts";

test("median", () => {
  expect(median([3])).toBe(3);
  expect(median([10, 9, 1])).toBe(9);
  expect(median([4, 1, 3, 100])).toBe(3.5);
  expect(median([])).toBeNaN();
});

test("percentile", () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(percentile(values, 0.99)).toBe(99);
  expect(percentile(values, 1)).toBe(100);
  expect(percentile(values, 0.001)).toBe(1);
  expect(percentile([7], 0.99)).toBe(7);
  expect(percentile([], 0.5)).toBeNaN();
});

test("neither changes its argument", () => {
  const values = [3, 1, 2];
  median(values);
  percentile(values, 0.5);
  expect(values).toEqual([3, 1, 2]);
});

test("contestants take turns", async () => {
  const order: string[] = [];
  const results = await inTurn(2, ["a", "b"], async (name) => {
    order.push(name);
    return order.length;
  });
  expect(order).toEqual(["a", "b", "a", "b"]);
  expect(results).toEqual({ a: [1, 3], b: [2, 4] });
});
