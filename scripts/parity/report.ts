// Shows a comparison: a table for people, JSON for programs.

import { type Comparison, MISMATCHES, OUTCOMES, type Outcome, type Row } from "./compare.ts";
import type { ExporterMap } from "./map.ts";
import type { ParityOptions } from "./options.ts";

const TITLES: Readonly<Partial<Record<Outcome, string>>> = {
  "missing-here": "missing here",
  within: "within tolerance",
  "other-meaning": "other meaning",
  none: "no counterpart",
  "missing-there": "missing there",
};
const titleOf = (outcome: Outcome) => TITLES[outcome] ?? outcome;
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
  const cells = [["", "theirs", "there", "here", "ours"], ...lines.map((line) => line.cells)];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const table = cells.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd(),
  );
  const onlyOurs = rows.filter(({ theirs }) => theirs === undefined).map(({ ours }) => ours);
  const counts = countsOf(rows).map(([outcome, count]) => `${count} ${titleOf(outcome)}`);
  return [
    ...table.flatMap((line, index) => [line, ...(lines[index - 1]?.below ?? []).map((text) => `    ${text}`)]),
    "",
    ...(onlyOurs.length === 0 ? [] : [`only here: ${onlyOurs.join(", ")}`, ""]),
    `compared with ${exporter}, tolerance ${tolerancePct} %: ${counts.join(", ")}`,
  ].join("\n");
}

function countsOf(rows: readonly Row[]): [Outcome, number][] {
  const counts = OUTCOMES.map((outcome): [Outcome, number] => [
    outcome,
    rows.filter((row) => row.outcome === outcome).length,
  ]);
  return counts.filter(([, count]) => count > 0);
}

function lineOf({ outcome, theirs = "", ours = "", series, note }: Row): { cells: string[]; below: string[] } {
  const shown = (side: "theirs" | "ours") => {
    const values = series.flatMap((one) => one[side] ?? []);
    return values.length > 1 ? `${values.length} series` : (values[0] ?? NO_VALUE);
  };
  const cells = [titleOf(outcome), theirs, shown("theirs"), shown("ours"), ours === theirs ? "the same name" : ours];
  if (outcome === "equal" || outcome === "within") return { cells, below: [] };
  const worst = series.filter((one) => one.labels !== "" && one.outcome === outcome && MISMATCHES.includes(outcome));
  const below = worst
    .slice(0, MAX_SERIES)
    .map(({ labels, theirs = NO_VALUE, ours = NO_VALUE }) => `${labels} there ${theirs}, here ${ours}`);
  if (worst.length > MAX_SERIES) below.push(`and ${worst.length - MAX_SERIES} more`);
  return { cells, below: [...(note === undefined ? [] : [note]), ...below] };
}
