// What the maps know, for people: the tables and recording rules of docs/migration.md. `bun scripts/parity/migration.ts`
// writes them into the page, between the comments that mark their places; a test sees to it that they are there.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Entry, type ExporterMap, filledIn, isCompared, type Kind } from "./exporter-map.ts";
import { readExpression, readSelector } from "./expression.ts";
import { MAPS } from "./maps.ts";

export const GUIDE = join(import.meta.dirname, "..", "..", "docs", "migration.md");

const KINDS: Readonly<Record<Kind, string>> = {
  same: "same",
  unit: "other unit",
  "other-meaning": "other meaning",
  none: "none",
};
const PLACE = /(<!-- (table|rules): ([\w-]+) -->\n).*?(<!-- end -->)/gs;

/** The guide with its tables and rules as the maps say. */
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
    const here = query === undefined ? "–" : query === entry.theirs ? "the same name" : code(query);
    return `| ${code(entry.theirs)} | ${KINDS[entry.kind]} | ${here} | ${entry.note ?? ""} |`;
  });
  const lookedUp = `Looked up at ${source}.`;
  return [lookedUp, "", "| there | here | query here | note |", "|---|---|---|---|", ...rows].join("\n");
}

/**
 * Rules that give their names to what is shown here, in Prometheus's YAML. Left out is what has the same name here: a
 * family that is the same needs no rule, and one that means something else must not be mixed with theirs.
 */
export function recordingRules(name: string, map: ExporterMap): string {
  const rules = recordings(map).map(({ record, query }) => `      - record: ${record}\n        expr: ${query}\n`);
  return `groups:\n  - name: bitcoin-names-of-${name}\n    rules:\n${rules.join("")}`;
}

export function recordings({ entries }: ExporterMap): { readonly record: string; readonly query: string }[] {
  const taken = new Set(entries.flatMap(({ ours }) => (ours === undefined ? [] : readExpression(ours).metric)));
  return entries
    .flatMap((entry) => entry.values?.map((value) => filledIn(entry, value)) ?? [entry])
    .flatMap((entry) => {
      const record = readSelector(entry.theirs).metric;
      const query = queryOf(entry);
      return query === undefined || taken.has(record) ? [] : [{ record, query }];
    });
}

/** PromQL that shows here what the entry's family shows there. Undefined when there is none. */
function queryOf(entry: Entry): string | undefined {
  if (!isCompared(entry)) return entry.query;
  const { ours, factor = 1, labels = {} } = entry;
  const scaled = factor === 1 ? ours! : factor < 1 ? `${ours} / ${short(1 / factor)}` : `${ours} * ${short(factor)}`;
  return Object.entries(labels).reduce(
    (query, [our, their]) => `label_replace(${query}, "${their}", "$1", "${our}", "(.*)")`,
    scaled,
  );
}

/** 100000000 as 1e8. */
function short(factor: number): string {
  const exponent = Math.round(Math.log10(factor));
  return exponent > 3 && Math.abs(factor / 10 ** exponent - 1) < 1e-12 ? `1e${exponent}` : String(factor);
}

function code(text: string): string {
  return `\`${text}\``;
}

if (import.meta.main) writeFileSync(GUIDE, withGenerated(readFileSync(GUIDE, "utf8")));
