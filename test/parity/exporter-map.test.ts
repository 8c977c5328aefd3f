// What a map must be, and that those that come along speak of families that exist.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MapError, readMap } from "../../scripts/parity/exporter-map.ts";
import { readExpression, readSelector } from "../../scripts/parity/expression.ts";
import { MAPS, mapNamed } from "../../scripts/parity/maps.ts";
import { type Page, readPage } from "../../scripts/text-format.ts";
import { familyNames, OUR_FAMILIES } from "./our-families.ts";
import { FIXTURES, fixtureText, ourFixture, RECORDED, theirFixture } from "./pages.ts";

const folder = mkdtempSync(join(tmpdir(), "parity-map-"));
afterAll(() => rmSync(folder, { recursive: true }));

const SAME = { theirs: "a", kind: "same", ours: "b" };

function mapOf(...entries: unknown[]) {
  return { exporter: "a test", source: "none", entries };
}

test.each([
  [null, "a map has the fields exporter, source and entries"],
  [[], "a map has the fields exporter, source and entries"],
  [{ exporter: "a", entries: [] }, "a map has the fields exporter, source and entries"],
  [mapOf("a"), "entry 1: is no object"],
  [mapOf(SAME, { kind: "same" }), "entry 2: has no theirs or no kind"],
  [mapOf({ ...SAME, kind: "equal" }), "entry a: bad value of kind"],
  [mapOf({ ...SAME, our: "b" }), "entry a: unknown field our"],
  [mapOf({ ...SAME, toString: 1 }), "entry a: unknown field toString"],
  [mapOf({ ...SAME, factor: 0 }), "entry a: bad value of factor"],
  [mapOf({ ...SAME, labels: { a: 1 } }), "entry a: bad value of labels"],
  [mapOf({ ...SAME, values: "a" }), "entry a: bad value of values"],
  [mapOf({ ...SAME, compare: "growth" }), "entry a: bad value of compare"],
  [mapOf({ theirs: "a", kind: "same" }), "entry a: has ours if and only if there is a counterpart"],
  [mapOf({ ...SAME, kind: "none", note: "c" }), "entry a: has ours if and only if there is a counterpart"],
  [mapOf({ ...SAME, factor: 2 }), "entry a: has a factor if and only if the unit differs"],
  [mapOf({ ...SAME, kind: "unit", note: "c" }), "entry a: has a factor if and only if the unit differs"],
  [mapOf({ theirs: "a", kind: "none" }), "entry a: has no note that says why"],
  [mapOf({ ...SAME, query: "c" }), "entry a: has a query although ours is one"],
  [
    mapOf({ ...SAME, theirs: "a_<n>" }),
    "entry a_<n>: has values if and only if it has a placeholder and a counterpart",
  ],
  [mapOf({ ...SAME, values: ["1"] }), "entry a: has values if and only if it has a placeholder and a counterpart"],
  [mapOf({ ...SAME, ours: "b_<n>" }), "entry a: <n> is not in theirs"],
  [mapOf({ ...SAME, theirs: "sum without (b) (a)" }), "entry sum without (b) (a): no selector: sum without (b) (a)"],
  [mapOf({ ...SAME, ours: "b + 1" }), "entry a: no selector: b + 1"],
  [mapOf(SAME, SAME), "entry a → b: there twice"],
])("refuses %j", (json, why) => {
  expect(() => readMap(json)).toThrow(new MapError(why));
});

test("one family may have two entries, if these are about different families of ours", () => {
  const map = readMap(mapOf(SAME, { ...SAME, kind: "other-meaning", ours: "a", note: "c" }));
  expect(map.entries).toHaveLength(2);
});

test("a map is found by its name, or else read from a file", () => {
  expect(mapNamed("jvstein")).toBe(MAPS["jvstein"]!);
  const file = join(folder, "map.json");
  writeFileSync(file, JSON.stringify(mapOf(SAME)));
  expect(mapNamed(file)).toMatchObject(mapOf(SAME));
  writeFileSync(file, "{");
  expect(() => mapNamed(file)).toThrow(MapError);
  expect(() => mapNamed("toString")).toThrow(
    'no map "toString": it is none of original, usdt-dash, jvstein, lnliz, and as a file: ENOENT',
  );
});

describe.each(Object.entries(MAPS))("the map %s", (_, { entries }) => {
  test("names families of ours that there are", () => {
    const named = entries.flatMap(({ ours, query }) => [
      ...(ours === undefined ? [] : [readExpression(ours).metric]),
      ...familyNames(query ?? ""),
    ]);
    expect(named.filter((name) => !OUR_FAMILIES.has(name) && name !== "process_<name>")).toEqual([]);
  });

  test("says of each family that has the name of one of ours whether it is the same", () => {
    const theirs = new Set(entries.map((entry) => readSelector(entry.theirs).metric));
    const clashes = [...theirs].filter((name) => OUR_FAMILIES.has(name));
    const unsaid = clashes.filter((name) => !entries.some((entry) => entry.theirs === name && entry.ours === name));
    expect(unsaid).toEqual([]);
  });

  test("names families of ours in its notes that there are", () => {
    expect(entries.flatMap(({ note }) => familyNames(note ?? "")).filter((name) => !OUR_FAMILIES.has(name))).toEqual(
      [],
    );
  });

  test("says which family it is that means something else", () => {
    const unsaid = entries.filter(({ kind, theirs, ours, note }) => {
      return (
        kind === "other-meaning" &&
        theirs !== ours &&
        !note!.includes(readExpression(ours!).metric.replace("<name>", ""))
      );
    });
    expect(unsaid).toEqual([]);
  });
});

test("the fixture of ours has the families of ours", () => {
  const own = [...ourFixture().keys()].filter((name) => name.startsWith("bitcoin_"));
  expect(own.filter((name) => !OUR_FAMILIES.has(name))).toEqual([]);
});

test("the fixtures say whether they are synthetic or recorded", () => {
  for (const name of ["ours", ...Object.values(FIXTURES).flat()])
    expect(fixtureText(name)).toStartWith("# Synthetic: ");
  for (const name of Object.values(RECORDED)) expect(fixtureText(name)).toStartWith("# Recorded: ");
});

test("the synthetic page of the original has the families of the recorded one", () => {
  const types = (page: Page) => [...page.values()].map(({ name, type }) => [name, type]).sort();
  expect(types(theirFixture("original"))).toEqual(types(readPage(fixtureText(RECORDED.theirs))));
});
