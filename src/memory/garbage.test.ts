import { expect, test } from "bun:test";
import { Garbage } from "./garbage.ts";

const MIB = 1024 * 1024;

/** Garbage, and the collections that ran, in order. */
function counted(): { garbage: Garbage; collections: ("young" | "old" | "all")[] } {
  const collections: ("young" | "old" | "all")[] = [];
  const garbage = new Garbage({
    collectYoung: () => collections.push("young"),
    collectOld: () => collections.push("old"),
    collectAll: () => collections.push("all"),
  });
  return { garbage, collections };
}

test("every 4 MiB are collected, old garbage each 32nd time", () => {
  const { garbage, collections } = counted();
  for (let kib = 1; kib < 4096; kib++) garbage.add(1024);
  expect(collections).toEqual([]);
  garbage.add(1024);
  expect(collections).toEqual(["young"]);
  for (let kib = 0; kib < 63 * 4096; kib++) garbage.add(1024);
  const round = [...Array<string>(31).fill("young"), "old"];
  expect(collections).toEqual([...round, ...round] as typeof collections);
});

test("an early collection resets the count", () => {
  const { garbage, collections } = counted();
  garbage.add(3 * MIB);
  garbage.collect();
  garbage.add(3 * MIB);
  garbage.collectAll();
  garbage.add(3 * MIB);
  expect(collections).toEqual(["young", "all"]);
  garbage.add(MIB);
  expect(collections).toEqual(["young", "all", "young"]);
});

test("31 young collections follow one of all garbage, or of old garbage", () => {
  const { garbage, collections } = counted();
  for (let times = 0; times < 30; times++) garbage.collect();
  garbage.collectAll();
  for (let times = 0; times < 64; times++) garbage.collect();
  expect(collections.indexOf("all")).toBe(30);
  expect(collections.indexOf("old")).toBe(62);
  expect(collections.lastIndexOf("old")).toBe(94);
});

test("the ballast takes no memory", () => {
  const script = `
    const before = process.memoryUsage().rss;
    const { garbage } = await import(${JSON.stringify(import.meta.resolve("./garbage.ts"))});
    console.log(JSON.stringify([garbage.ballast.byteLength, process.memoryUsage().rss - before]));`;
  const { stdout } = Bun.spawnSync([process.execPath, "-e", script]);
  const [sizeBytes, residentBytes] = JSON.parse(stdout.toString());
  expect(sizeBytes).toBe(64 * MIB);
  expect(residentBytes).toBeLessThan(32 * MIB);
});
