// The maps are consistent, and name families that exist.

import { describe, expect, test } from "bun:test";
import { parse } from "../../scripts/parity/expression.ts";
import { CONVERSIONS, MAPS } from "../../scripts/parity/maps.ts";
import type { Page } from "../../src/metrics/text-format-reader.ts";
import {
  FIXTURES,
  fixture,
  fixtureText,
  isCompared,
  OUR_FAMILIES,
  RECORDED,
  theirFixture,
  unknownFamilies,
} from "./pages.ts";

describe.each(Object.entries(MAPS))("the map %s", (_, { entries }) => {
  test("has entries that are consistent", () => {
    for (const entry of entries) {
      const { theirs, ours, conversion, values, query, note, ...rest } = entry;
      expect(() => parse(theirs)).not.toThrow();
      if (ours !== undefined) expect(() => parse(ours)).not.toThrow();
      if (ours === undefined) expect({ conversion, ...rest }, theirs).toEqual({ conversion: undefined });
      if (!isCompared(entry) || conversion !== undefined) expect(note, theirs).toBeString();
      if (isCompared(entry)) expect(query, theirs).toBeUndefined();
      expect(values !== undefined, theirs).toBe(isCompared(entry) && /</.test(theirs));
      expect(theirs).toContain(/<\w+>/.exec(ours ?? "")?.[0] ?? "");
    }
    const rows = entries.map(({ theirs, ours }) => `${theirs} → ${ours}`);
    expect(new Set(rows).size).toBe(rows.length);
  });

  test("names families of this exporter that exist, in notes too", () => {
    const named = entries.flatMap(({ ours, query = "", note = "" }) => [
      ...(ours === undefined ? [] : [parse(ours).metric]).filter((name) => !OUR_FAMILIES.has(name)),
      ...unknownFamilies(query),
      ...unknownFamilies(note),
    ]);
    expect(named.filter((name) => name !== "process_<name>")).toEqual([]);
  });

  test("says whether a family that has the same name in both exporters is the same", () => {
    const clashes = entries.map(({ theirs }) => parse(theirs).metric).filter((name) => OUR_FAMILIES.has(name));
    const unsaid = clashes.filter((name) => !entries.some((entry) => entry.theirs === name && entry.ours === name));
    expect(unsaid).toEqual([]);
  });

  test("names the family that means something else in the note", () => {
    const differing = entries.filter(({ theirs, ours, differs }) => differs && theirs !== ours);
    const unsaid = differing.filter(({ ours, note }) => !note!.includes(parse(ours!).metric.replace("<name>", "")));
    expect(unsaid).toEqual([]);
  });

  test("compares more than five of its entries", () => {
    expect(entries.filter(isCompared).length).toBeGreaterThan(5);
  });
});

test.each(Object.entries(CONVERSIONS))("the conversion %s multiplies by %d", (text, factor) => {
  const [operator, number] = text.split(" ");
  expect(operator === "*" ? Number(number) : 1 / Number(number)).toBe(factor);
});

test("our fixture has families that exist", () => {
  const own = [...fixture("ours").keys()].filter((name) => name.startsWith("bitcoin_"));
  expect(own.filter((name) => !OUR_FAMILIES.has(name))).toEqual([]);
});

test("the fixtures say whether they are synthetic or recorded", () => {
  for (const name of ["ours", ...Object.values(FIXTURES).flat()]) {
    expect(fixtureText(name)).toStartWith("# Synthetic: ");
  }
  for (const name of Object.values(RECORDED)) expect(fixtureText(name)).toStartWith("# Recorded: ");
});

test("the synthetic page of the original has the families of the recorded one", () => {
  const types = (page: Page) => [...page.values()].map(({ name, type }) => [name, type]).sort();
  expect(types(theirFixture("original"))).toEqual(types(fixture(RECORDED.theirs)));
});
