import { expect, test } from "bun:test";
import { backoffMs } from "./backoff.ts";

test("doubles from half a second to half a minute", () => {
  expect([1, 2, 3, 4, 5, 6, 7, 8].map((failures) => backoffMs(failures, 0))).toEqual([
    500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000,
  ]);
});

test("the random part is at most a quarter, and no pause exceeds the longest", () => {
  expect(backoffMs(1, 0.999)).toBeCloseTo(625, 0);
  expect(backoffMs(7, 0.999)).toBe(30_000);
});

test("stays at the longest however often it failed", () => {
  expect(backoffMs(10_000)).toBe(30_000);
});
