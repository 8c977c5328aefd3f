import { expect, test } from "bun:test";
import { BRIEF, FULL } from "./bench.ts";
import { readOptions, UsageError } from "./options.ts";

const NAMES = ["callbacks", "start"];

test("all benches in full by default", () => {
  expect(readOptions([], NAMES)).toEqual({ effort: FULL, only: [], write: false });
});

test("less of them", () => {
  expect(readOptions(["--brief"], NAMES).effort).toEqual(BRIEF);
  expect(readOptions(["--share", "0.1", "--rounds", "3"], NAMES).effort).toEqual({ share: 0.1, rounds: 3 });
  expect(readOptions(["--only", "start", "--only", "callbacks"], NAMES).only).toEqual(["start", "callbacks"]);
  expect(readOptions(["--write"], NAMES).write).toBe(true);
});

test.each([
  [["--only", "none"], 'unknown bench "none": expected one of callbacks, start'],
  [["--share", "0"], 'bad value "0" for --share'],
  [["--share", "2"], "above 0 and up to 1"],
  [["--share", "-1"], "share"],
  [["--rounds", "0"], 'bad value "0" for --rounds'],
  [["--rounds", "1.5"], "from 1 to 99"],
  [["--brief", "--rounds", "2"], "leave out --share and --rounds"],
  [["--brief", "--write"], "leave out --brief and --only"],
  [["--write", "--only", "start"], "leave out --brief and --only"],
  [["--fast"], "--fast"],
  [["start"], "start"],
])("%p is refused", (args, reason) => {
  expect(() => readOptions(args, NAMES)).toThrow(UsageError);
  expect(() => readOptions(args, NAMES)).toThrow(reason);
});
