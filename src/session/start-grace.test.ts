import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../../test/temporary-folder.ts";
import { startGraceMs } from "./start-grace.ts";

const folder = temporaryFolder();

const MINUTE = 60_000;
const made = statSync(folder).ctimeMs;

test.each([
  ["now", 0, 5],
  ["a minute ago", 1, 4],
  ["five minutes ago", 5, 0],
  ["a year ago", 525_600, 0],
  ["in a year, by a clock that was set back", -525_600, 5],
])("a socket that was made %s", (_, ageMinutes, graceMinutes) => {
  expect(startGraceMs(folder, made + ageMinutes * MINUTE, 600_000 * MINUTE)).toBe(graceMinutes * MINUTE);
});

test("a socket that is older than its host, by a clock that was set forward", () => {
  expect(startGraceMs(folder, made + 525_600 * MINUTE, 2 * MINUTE)).toBe(3 * MINUTE);
});

test("a socket that no longer exists", () => {
  expect(startGraceMs(join(folder, "none"), made)).toBe(5 * MINUTE);
});
