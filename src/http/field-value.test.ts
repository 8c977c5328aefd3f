import { expect, test } from "bun:test";
import { membersOf, trimmed } from "./field-value.ts";

test.each([
  ["", ""],
  [" \t ", ""],
  ["a", "a"],
  ["\t a b \t", "a b"],
  ["\xa0a\xa0", "\xa0a\xa0"],
  [" \u2003a", "\u2003a"],
])("%j without white space around it is %j", (value, expected) => {
  expect(trimmed(value)).toBe(expected);
});

test("members of lists", () => {
  expect(membersOf("a, b c\t,,\xa0d")).toEqual(["a", "b c", "", "\xa0d"]);
  expect(membersOf("gzip ; q=0", ";")).toEqual(["gzip", "q=0"]);
});
