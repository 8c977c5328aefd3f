// Writes what the maps say into docs/migration.md, as tables and recording rules between the comments that mark their
// places: `bun scripts/parity/migration.ts`. A test checks that the page is up to date.

import { readFileSync, writeFileSync } from "node:fs";
import { parse } from "./expression.ts";
import { type Entry, type ExporterMap, filledIn, MAPS } from "./maps.ts";

export const GUIDE = new URL("../../docs/migration.md", import.meta.url);

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
    const { relation, query } = counterpartOf(entry);
    const here = query === undefined ? "–" : query === entry.theirs ? "the same name" : `\`${query}\``;
    return `| \`${entry.theirs}\` | ${relation} | ${here} | ${entry.note ?? ""} |`;
  });
  return [`Source: ${source}.`, "", "| there | here | query here | note |", "|---|---|---|---|", ...rows].join("\n");
}

/** The query is PromQL for this exporter that shows what the entry's family shows there; undefined when there is none. */
function counterpartOf({ ours, differs, conversion, query }: Entry): { relation: string; query: string | undefined } {
  if (ours === undefined) return { relation: query === undefined ? "none" : "query", query };
  if (differs) return { relation: "other meaning", query };
  if (conversion === undefined) return { relation: "same", query: ours };
  return { relation: "other unit", query: `${ours} ${conversion}` };
}

/** Rules in Prometheus's YAML that record families of this exporter under the names of the other. */
export function recordingRules(name: string, map: ExporterMap): string {
  const rules = recordings(map).map(({ record, query }) => `      - record: ${record}\n        expr: ${query}\n`);
  return `groups:\n  - name: bitcoin-names-of-${name}\n    rules:\n${rules.join("")}`;
}

/** A name that is also a family here gets no rule: it is either the same, or would mix two meanings. */
export function recordings({ entries }: Pick<ExporterMap, "entries">): { record: string; query: string }[] {
  const taken = entries.flatMap(({ ours }) => (ours === undefined ? [] : parse(ours).metric));
  return entries
    .flatMap((entry) => filledIn(entry, entry.values))
    .map((entry) => ({ record: parse(entry.theirs).metric, query: counterpartOf(entry).query ?? "" }))
    .filter(({ record, query }) => query !== "" && !taken.includes(record));
}

if (import.meta.main) writeFileSync(GUIDE, withGenerated(readFileSync(GUIDE, "utf8")));
