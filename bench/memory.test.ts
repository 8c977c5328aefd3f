import { expect, test } from "bun:test";
import { growthOf } from "./memory.ts";

/** As many samples as in the bench. */
const samples = (of: (index: number) => number) => Array.from({ length: 50 }, (_, index) => of(index));

test("constant growth counts", () => {
  expect(growthOf(samples((index) => 40 + index))).toBe(30);
});

test("memory allocated at first does not count as growth", () => {
  expect(growthOf(samples((index) => (index < 9 ? 38 : 50)))).toBe(0);
});

test("what garbage collection frees again does not count as growth", () => {
  expect(growthOf(samples((index) => 40 + 8 * (index % 2)))).toBe(0);
});
