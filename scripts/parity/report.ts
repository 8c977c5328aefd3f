// Shows a comparison: a table for people, JSON for machines.

import { type Comparison, MISMATCHES, OUTCOMES, type Outcome, type Row, type Series } from "./compare.ts";
import type { ExporterMap } from "./exporter-map.ts";
import type { ParityOptions } from "./options.ts";

const TITLES: Readonly<Record<Outcome, string>> = {
  different: "different",
  "missing-here": "missing here",
  unknown: "unknown",
  within: "within tolerance",
  equal: "equal",
  "other-meaning": "other meaning",
  none: "no counterpart",
  "missing-there": "missing there",
};
const HEAD = ["", "theirs", "there", "here", "ours"] as const;
const NOTHING = "–";
/** Of the series of a family that disagree, these many are shown. */
const MAX_SERIES = 5;

export function jsonReport({ rows, isGood }: Comparison, map: ExporterMap, options: ParityOptions): string {
  const { ours, theirs, samples, intervalMs, tolerancePct } = options;
  const conditions = { ours, theirs, samples, intervalS: intervalMs / 1000, tolerancePct };
  return JSON.stringify({ exporter: map.exporter, ...conditions, isGood, counts: countsOf(rows), rows }, undefined, 2);
}

/** Families that only we show come as a list: there may be many, and nobody misses them. */
export function tableReport({ rows }: Comparison, map: ExporterMap, { tolerancePct }: ParityOptions): string {
  const onlyOurs = rows.filter(({ theirs }) => theirs === undefined);
  const lines = rows.filter(({ theirs }) => theirs !== undefined).map(lineOf);
  const counts = Object.entries(countsOf(rows)).map(([outcome, count]) => `${count} ${TITLES[outcome as Outcome]}`);
  return [
    ...aligned([HEAD.map(String), ...lines.map(({ cells }) => cells)]).flatMap((line, index) => [
      line,
      ...(lines[index - 1]?.below ?? []).map((text) => `    ${text}`),
    ]),
    "",
    ...(onlyOurs.length === 0 ? [] : [`only here: ${onlyOurs.map(({ ours }) => ours).join(", ")}`, ""]),
    `compared with ${map.exporter}, tolerance ${tolerancePct} %: ${counts.join(", ")}`,
  ].join("\n");
}

/** How often each outcome came, without those that did not. */
function countsOf(rows: readonly Row[]): Partial<Record<Outcome, number>> {
  const counts = OUTCOMES.map((outcome) => [outcome, rows.filter((row) => row.outcome === outcome).length] as const);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

function lineOf({ outcome, theirs = "", ours = "", series, note }: Row): { cells: string[]; below: string[] } {
  const shown = (side: "theirs" | "ours") => {
    const values = series.flatMap((one) => one[side] ?? []);
    return values.length > 1 ? `${values.length} series` : (values[0] ?? NOTHING);
  };
  const cells = [TITLES[outcome], theirs, shown("theirs"), shown("ours"), ours === theirs ? "the same name" : ours];
  if (outcome === "equal" || outcome === "within") return { cells, below: [] };
  const worst = series.filter((one) => one.labels !== "" && one.outcome === outcome && MISMATCHES.includes(outcome));
  const below = worst.slice(0, MAX_SERIES).map(seriesLine);
  if (worst.length > MAX_SERIES) below.push(`and ${worst.length - MAX_SERIES} more`);
  return { cells, below: [...(note === undefined ? [] : [note]), ...below] };
}

function seriesLine({ labels, theirs = NOTHING, ours = NOTHING }: Series): string {
  return `${labels} there ${theirs}, here ${ours}`;
}

/** In columns, the last of which is as wide as it likes. */
function aligned(rows: readonly string[][]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd(),
  );
}
