// Chunks that were read: large ones are freed at once, small ones are collected in good time.

import { expect, test } from "bun:test";
import { ChunkMemory } from "./chunk-memory.ts";

const LARGE_BYTES = 64 * 1024 + 1;

test("a large chunk is freed, a small one is left", () => {
  const memory = new ChunkMemory();
  const large = new Uint8Array(LARGE_BYTES);
  const small = new Uint8Array(LARGE_BYTES - 1).fill(7);
  memory.release(large);
  memory.release(small);
  expect(large.length).toBe(0);
  expect(small.length).toBe(LARGE_BYTES - 1);
  expect(small.at(-1)).toBe(7);
});

test.each([
  ["with another thread", new SharedArrayBuffer(LARGE_BYTES)],
  ["with another chunk", new ArrayBuffer(LARGE_BYTES + 1)],
])("memory that is shared %s is not freed", (_, buffer) => {
  const chunk = new Uint8Array(buffer, 0, LARGE_BYTES);
  new ChunkMemory().release(chunk);
  expect(chunk.length).toBe(LARGE_BYTES);
});

test("garbage is collected after 4 MiB of it, again and again, and after no large chunk", () => {
  let collections = 0;
  const memory = new ChunkMemory(() => collections++);
  const small = new Uint8Array(1024 - 500);
  for (let chunks = 1; chunks < 4096; chunks++) memory.release(small);
  for (let chunks = 0; chunks < 100; chunks++) memory.release(new Uint8Array(LARGE_BYTES));
  expect(collections).toBe(0);
  memory.release(small);
  expect(collections).toBe(1);
  for (let chunks = 0; chunks < 10 * 4096; chunks++) memory.release(small);
  expect(collections).toBe(11);
});
