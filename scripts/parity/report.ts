// Shows a comparison: a table for people, JSON for programs.

import { type Comparison, MISMATCHES, OUTCOMES, type Outcome, type Row } from "./compare.ts";
import type { ExporterMap } from "./map.ts";
import type { ParityOptions } from "./options.ts";

const NO_VALUE = "–";
/** Series shown of a family that disagrees. */
const MAX_SERIES = 5;

export function jsonReport({ rows, isGood }: Comparison, { exporter }: ExporterMap, options: ParityOptions): string {
  const { ours, theirs, samples, intervalMs, tolerancePct } = options;
  const conditions = { ours, theirs, samples, intervalS: intervalMs / 1000, tolerancePct };
  const counts = Object.fromEntries(countsOf(rows));
  return JSON.stringify({ exporter, ...conditions, isGood, counts, rows }, undefined, 2);
}

/** Families that only this exporter has are one list at the end. */
export function tableReport({ rows }: Comparison, { exporter }: ExporterMap, { tolerancePct }: ParityOptions): string {
  const lines = rows.filter(({ theirs }) => theirs !== undefined).map(lineOf);
  const table = [{ cells: ["", "theirs", "there", "here", "ours"], below: [] }, ...lines];
  const widthOf = (column: number) => Math.max(...table.map(({ cells }) => cells[column]!.length));
  const widths = table[0]!.cells.map((_, column) => widthOf(column));
  const onlyOurs = rows.flatMap(({ theirs, ours }) => (theirs === undefined ? ours! : []));
  const counts = countsOf(rows).map(([outcome, count]) => `${count} ${titleOf(outcome)}`);
  return [
    ...table.flatMap(({ cells, below }) => [
      cells
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("  ")
        .trimEnd(),
      ...below.map((text) => `    ${text}`),
    ]),
    "",
    ...(onlyOurs.length === 0 ? [] : [`only here: ${onlyOurs.join(", ")}`, ""]),
    `compared with ${exporter}, tolerance ${tolerancePct} %: ${counts.join(", ")}`,
  ].join("\n");
}

function titleOf(outcome: Outcome): string {
  return outcome === "within" ? "within tolerance" : outcome.replace("-", " ");
}

function countsOf(rows: readonly Row[]): [Outcome, number][] {
  const countOf = (outcome: Outcome) => rows.filter((row) => row.outcome === outcome).length;
  return OUTCOMES.map((outcome): [Outcome, number] => [outcome, countOf(outcome)]).filter(([, count]) => count > 0);
}

function lineOf({ outcome, theirs = "", ours = "", series, note }: Row): { cells: string[]; below: string[] } {
  const shown = (side: "theirs" | "ours") => {
    const values = series.flatMap((one) => one[side] ?? []);
    return values.length > 1 ? `${values.length} series` : (values[0] ?? NO_VALUE);
  };
  const cells = [titleOf(outcome), theirs, shown("theirs"), shown("ours"), ours === theirs ? "the same name" : ours];
  if (outcome === "equal" || outcome === "within") return { cells, below: [] };
  const below = series
    .filter((one) => one.labels !== "" && one.outcome === outcome && MISMATCHES.includes(outcome))
    .map(({ labels, theirs = NO_VALUE, ours = NO_VALUE }) => `${labels} there ${theirs}, here ${ours}`);
  const more = below.length > MAX_SERIES ? [`and ${below.length - MAX_SERIES} more`] : [];
  return { cells, below: [...(note === undefined ? [] : [note]), ...below.slice(0, MAX_SERIES), ...more] };
}
