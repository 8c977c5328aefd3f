import { expect, test } from "bun:test";
import { releaseChunk } from "./chunk.ts";

const LARGE_BYTES = 16 * 1024 + 1;
const OBJECTS_BYTES = 500;

test("a large chunk is freed, a small one is left to the collector", () => {
  const large = new Uint8Array(LARGE_BYTES);
  const small = new Uint8Array(LARGE_BYTES - 1).fill(7);
  expect(releaseChunk(large)).toBe(LARGE_BYTES / 16 + OBJECTS_BYTES);
  expect(releaseChunk(small)).toBe(LARGE_BYTES - 1 + OBJECTS_BYTES);
  expect(large.length).toBe(0);
  expect(small.length).toBe(LARGE_BYTES - 1);
  expect(small.at(-1)).toBe(7);
});

test.each([
  ["another thread", new SharedArrayBuffer(LARGE_BYTES)],
  ["another chunk", new ArrayBuffer(LARGE_BYTES + 1)],
])("memory shared with %s is not freed", (_, buffer) => {
  const chunk = new Uint8Array(buffer, 0, LARGE_BYTES);
  expect(releaseChunk(chunk)).toBe(LARGE_BYTES + OBJECTS_BYTES);
  expect(chunk.length).toBe(LARGE_BYTES);
});
