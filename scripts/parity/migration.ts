// Writes what the maps say into docs/migration.md, as tables and recording rules between the comments that mark their
// places: `bun scripts/parity/migration.ts`. A test checks that the page is up to date.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { metricOf } from "./expression.ts";
import { type Entry, type ExporterMap, filledIn, isCompared } from "./map.ts";
import { MAPS } from "./maps.ts";

export const GUIDE = join(import.meta.dirname, "..", "..", "docs", "migration.md");

const PLACE = /(<!-- (table|rules): ([\w-]+) -->\n).*?(<!-- end -->)/gs;

/** The guide with the tables and rules of the maps. */
export function withGenerated(guide: string): string {
  return guide.replaceAll(PLACE, (place, head: string, what: string, name: string, end: string) => {
    const map = MAPS[name];
    if (map === undefined) throw new Error(`no map for ${place.slice(0, 40)}`);
    return `${head}\n${what === "table" ? table(map) : `\`\`\`yaml\n${recordingRules(name, map)}\`\`\``}\n\n${end}`;
  });
}

function table({ entries, source }: ExporterMap): string {
  const rows = entries.map((entry) => {
    const query = queryOf(entry);
    const here = query === undefined ? "–" : query === entry.theirs ? "the same name" : `\`${query}\``;
    return `| \`${entry.theirs}\` | ${relationOf(entry)} | ${here} | ${entry.note ?? ""} |`;
  });
  return [`Source: ${source}.`, "", "| there | here | query here | note |", "|---|---|---|---|", ...rows].join("\n");
}

function relationOf({ ours, differs, factor, query }: Entry): string {
  if (ours === undefined) return query === undefined ? "none" : "query";
  return differs ? "other meaning" : factor === undefined ? "same" : "other unit";
}

/** Rules in Prometheus's YAML that record families of this exporter under the names of the other. */
export function recordingRules(name: string, map: ExporterMap): string {
  const rules = recordings(map).map(({ record, query }) => `      - record: ${record}\n        expr: ${query}\n`);
  return `groups:\n  - name: bitcoin-names-of-${name}\n    rules:\n${rules.join("")}`;
}

/** A name that is also a family here gets no rule: it is either the same, or would mix two meanings. */
export function recordings({ entries }: Pick<ExporterMap, "entries">): { record: string; query: string }[] {
  const taken = new Set(entries.flatMap(({ ours }) => (ours === undefined ? [] : metricOf(ours))));
  return entries
    .flatMap((entry) => entry.values?.map((value) => filledIn(entry, value)) ?? [entry])
    .map((entry) => ({ record: metricOf(entry.theirs), query: queryOf(entry) ?? "" }))
    .filter(({ record, query }) => query !== "" && !taken.has(record));
}

/** PromQL for this exporter that shows what the entry's family shows there; undefined when there is none. */
function queryOf(entry: Entry): string | undefined {
  if (!isCompared(entry)) return entry.query;
  const { ours, factor = 1 } = entry;
  if (factor === 1) return ours;
  return factor < 1 ? `${ours} / ${short(1 / factor)}` : `${ours} * ${short(factor)}`;
}

/** 100000000 as 1e8. */
function short(factor: number): string {
  const exponent = Math.round(Math.log10(factor));
  return exponent > 3 && Math.abs(factor / 10 ** exponent - 1) < 1e-12 ? `1e${exponent}` : String(factor);
}

if (import.meta.main) writeFileSync(GUIDE, withGenerated(readFileSync(GUIDE, "utf8")));
