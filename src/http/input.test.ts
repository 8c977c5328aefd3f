import { expect, test } from "bun:test";
import { Input } from "./input.ts";

const LARGE_BYTES = 16 * 1024 + 1;

const large = () => Buffer.from(new ArrayBuffer(LARGE_BYTES));

/** All that it returns, in pieces of at most `limit` bytes. */
function drain(input: Input, limit: number): string[] {
  const pieces: string[] = [];
  while (!input.isEmpty) pieces.push(input.next(limit).toString());
  return pieces;
}

test("returns what was added, in order, in pieces that do not cross chunks", () => {
  const input = new Input();
  expect(input.isEmpty).toBe(true);
  expect(input.next(4)).toHaveLength(0);
  for (const text of ["abcdef", "g", "hijk"]) input.add(Buffer.from(text));
  expect(drain(input, 4)).toEqual(["abcd", "ef", "g", "hijk"]);
  input.add(Buffer.from("lm"));
  expect(drain(input, 4)).toEqual(["lm"]);
});

test("a piece is valid until it is released, a chunk until its last piece is released", () => {
  const input = new Input();
  const chunk = large();
  input.add(chunk);
  const pieces = [input.next(LARGE_BYTES - 1), input.next(LARGE_BYTES)];
  expect(pieces.map(({ length }) => length)).toEqual([LARGE_BYTES - 1, 1]);
  expect(input.sizeBytes).toBe(LARGE_BYTES);
  expect(input.isEmpty).toBe(true);
  expect(chunk).toHaveLength(LARGE_BYTES);
  input.release();
  expect(chunk).toHaveLength(0);
  expect(input.sizeBytes).toBe(0);
  input.release();
  expect(input.isEmpty).toBe(true);
});

test("cleared, it is empty, and its chunks are freed", () => {
  const input = new Input();
  const chunks = [large(), large()];
  for (const chunk of chunks) input.add(chunk);
  input.next(10);
  input.clear();
  expect(input.isEmpty).toBe(true);
  expect(chunks.map(({ length }) => length)).toEqual([0, 0]);
  expect(input.sizeBytes).toBe(0);
  input.add(Buffer.from("after"));
  expect(drain(input, 10)).toEqual(["after"]);
});
