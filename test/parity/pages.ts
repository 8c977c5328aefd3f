// Pages for the tests: fixtures, synthetic and recorded, pages made of values, and rounds of them.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Round } from "../../scripts/parity/scrape.ts";
import { type Page, readPage } from "../../scripts/text-format.ts";

/** The synthetic pages of each exporter, all of the same node. `original` and so on are the names of their maps. */
export const FIXTURES = {
  original: ["original"],
  "usdt-dash": ["usdt-dash-trace", "usdt-dash-rpc"],
  jvstein: ["jvstein"],
  lnliz: ["lnliz"],
} as const;
export type Exporter = keyof typeof FIXTURES;
export const EXPORTERS = Object.keys(FIXTURES) as Exporter[];

/** What the original and ours showed of a real node at one moment. Both had counted from the same event on. */
export const RECORDED = { theirs: "recorded-original", ours: "recorded-ours" } as const;

export function fixtureText(name: string): string {
  return readFileSync(join(import.meta.dirname, "fixtures", `${name}.prom`), "utf8");
}

export function ourFixture(): Page {
  return readPage(fixtureText("ours"));
}

export function theirFixture(exporter: Exporter): Page {
  return new Map(FIXTURES[exporter].flatMap((name) => [...readPage(fixtureText(name))]));
}

/** A page of gauges, or of counters where the name ends in `_total`, by series. */
export function pageOf(samples: Readonly<Record<string, number>>): Page {
  const names = new Set(Object.keys(samples).map((series) => series.replace(/\{.*/, "")));
  const families = [...names].map((name) => {
    const lines = Object.entries(samples).filter(([series]) => series.replace(/\{.*/, "") === name);
    const type = name.endsWith("_total") ? "counter" : "gauge";
    return `# TYPE ${name} ${type}\n${lines.map(([series, value]) => `${series} ${value}\n`).join("")}`;
  });
  return readPage(families.join(""));
}

/** Two rounds in which nothing happens. */
export function quietRounds(theirs: Page, ours: Page): Round[] {
  const round = { before: ours, theirs, after: ours };
  return [round, round];
}
