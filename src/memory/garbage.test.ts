import { expect, test } from "bun:test";
import { eventually } from "../../test/eventually.ts";
import { Garbage } from "./garbage.ts";

const MIB = 1024 * 1024;

type Collection = "young" | "background" | "all";

/** Garbage, and the collections that ran, in order. */
function counted(): { garbage: Garbage; collections: Collection[] } {
  const collections: Collection[] = [];
  const garbage = new Garbage({
    collectYoung: () => collections.push("young"),
    collectInBackground: () => collections.push("background"),
    collectAll: () => collections.push("all"),
  });
  return { garbage, collections };
}

test("every 4 MiB are collected, each 32nd time in the background", () => {
  const { garbage, collections } = counted();
  for (let kib = 1; kib < 4096; kib++) garbage.add(1024);
  expect(collections).toEqual([]);
  garbage.add(1024);
  expect(collections).toEqual(["young"]);
  for (let kib = 0; kib < 63 * 4096; kib++) garbage.add(1024);
  const round: Collection[] = [...Array<Collection>(31).fill("young"), "background"];
  expect(collections).toEqual([...round, ...round]);
});

test("a collection of all garbage starts the count again", () => {
  const { garbage, collections } = counted();
  garbage.add(3 * MIB);
  garbage.collectInBackground();
  garbage.add(3 * MIB);
  garbage.collectAll();
  garbage.add(3 * MIB);
  expect(collections).toEqual(["background", "all"]);
  garbage.add(MIB);
  expect(collections).toEqual(["background", "all", "young"]);
});

test.each(["collectInBackground", "collectAll"] as const)("31 young collections follow %s", (collect) => {
  const { garbage, collections } = counted();
  for (let times = 0; times < 30; times++) garbage.add(4 * MIB);
  garbage[collect]();
  collections.length = 0;
  for (let times = 0; times < 32; times++) garbage.add(4 * MIB);
  expect(collections.indexOf("background")).toBe(31);
});

test("a collection in the background frees memory", async () => {
  const objects = Array.from({ length: 1000 }, () => new WeakRef({}));
  // An object is kept for the turn in which its WeakRef was made or read.
  await Bun.sleep(0);
  new Garbage().collectInBackground();
  await Bun.sleep(100);
  const freed = () => objects.filter((object) => object.deref() === undefined).length;
  await eventually("most objects are freed", () => freed() > 500);
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
