import { expect, test } from "bun:test";
import { growthOf } from "./memory.ts";

/** As many samples as the bench takes. */
const samples = (of: (index: number) => number) => Array.from({ length: 50 }, (_, index) => of(index));

test("what grows all the time has grown by the end", () => {
  expect(growthOf(samples((index) => 40 + index))).toBe(30);
});

test("what is taken at first is no growth", () => {
  expect(growthOf(samples((index) => (index < 9 ? 38 : 50)))).toBe(0);
});

test("nor is what the garbage collector takes and gives back", () => {
  expect(growthOf(samples((index) => 40 + 8 * (index % 2)))).toBe(0);
});
