import { expect, test } from "bun:test";
import { memoryUsage } from "node:process";
import { Garbage } from "./garbage.ts";

const MIB = 1024 * 1024;

test("is collected after 4 MiB, again and again", () => {
  let collections = 0;
  const garbage = new Garbage(() => collections++);
  for (let kib = 1; kib < 4096; kib++) garbage.leave(1024);
  expect(collections).toBe(0);
  garbage.leave(1024);
  expect(collections).toBe(1);
  for (let kib = 0; kib < 10 * 4096; kib++) garbage.leave(1024);
  expect(collections).toBe(11);
});

test("what was collected before its time is not counted again", () => {
  let collections = 0;
  const garbage = new Garbage(() => collections++);
  garbage.leave(3 * MIB);
  garbage.collect();
  garbage.leave(3 * MIB);
  expect(collections).toBe(1);
  garbage.collectAll();
  garbage.leave(3 * MIB);
  expect(collections).toBe(1);
  garbage.leave(MIB);
  expect(collections).toBe(2);
});

test("the ballast is no memory", () => {
  const before = memoryUsage().rss;
  const garbage = new Garbage();
  expect(garbage.ballastBytes).toBe(64 * MIB);
  expect(memoryUsage().rss - before).toBeLessThan(32 * MIB);
});
