// Pages for the tests: fixtures, synthetic and recorded, and pages made of values; the families of METRICS.md.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Scrapes } from "../../scripts/parity/compare.ts";
import type { Entry } from "../../scripts/parity/maps.ts";
import { type Page, readPage } from "../../src/metrics/text-format-reader.ts";

const METRICS = readFileSync(join(import.meta.dirname, "..", "..", "METRICS.md"), "utf8");

/** The families that METRICS.md lists, which maps and guide may name. */
export const OUR_FAMILIES: ReadonlySet<string> = new Set(
  [...METRICS.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name!),
);

/** The names in a text, such as PromQL, that look like families of this exporter and are not. */
export function unknownFamilies(text: string): string[] {
  return (text.match(/\bbitcoin_\w+/g) ?? []).filter((name) => !OUR_FAMILIES.has(name));
}

/** The synthetic pages of each exporter, by the name of its map, all of the same node. */
export const FIXTURES = {
  original: ["original"],
  "usdt-dash": ["usdt-dash-trace", "usdt-dash-rpc"],
  jvstein: ["jvstein"],
  lnliz: ["lnliz"],
  "peer-observer": ["peer-observer"],
} as const;
export type ExporterName = keyof typeof FIXTURES;
export const EXPORTERS = Object.keys(FIXTURES) as ExporterName[];

/** Two pages of one real node at one moment. Both exporters had counted from the same event on. */
export const RECORDED = { theirs: "recorded-original", ours: "recorded-ours" } as const;

/** Whether the values of the two should agree. */
export function isCompared({ ours, differs }: Entry): boolean {
  return ours !== undefined && !differs;
}

export function fixtureText(name: string): string {
  return readFileSync(join(import.meta.dirname, "fixtures", `${name}.prom`), "utf8");
}

export function fixture(...names: readonly string[]): Page {
  return new Map(names.flatMap((name) => [...readPage(fixtureText(name))]));
}

export function theirFixture(exporter: ExporterName): Page {
  return fixture(...FIXTURES[exporter]);
}

/** A page of gauges, or of counters where the name ends in `_total`, by series. */
export function pageOf(samples: Readonly<Record<string, number>>): Page {
  const byFamily = Map.groupBy(Object.entries(samples), ([series]) => series.replace(/\{.*/, ""));
  const families = [...byFamily].map(([name, family]) => {
    const lines = family.map(([series, value]) => `${series} ${value}\n`);
    return `# TYPE ${name} ${name.endsWith("_total") ? "counter" : "gauge"}\n${lines.join("")}`;
  });
  return readPage(families.join(""));
}

/** Scrapes between which no value changes. */
export function quietScrapes(theirs: Page, ours: Page): Scrapes {
  return { theirs: [theirs, theirs], ours: [ours, ours, ours, ours] };
}
