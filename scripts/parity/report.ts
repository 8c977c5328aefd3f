// Shows a comparison: a table for people, JSON for programs.

import { isMismatch, type Outcome } from "./agreement.ts";
import type { Row } from "./compare.ts";
import type { ExporterMap } from "./maps.ts";
import type { ParityOptions } from "./options.ts";

const HEAD = ["", "theirs", "there", "here", "ours"];
const NO_VALUE = "–";
/** Series shown of a family that disagrees. */
const MAX_SERIES = 5;

export function jsonReport(rows: readonly Row[], { exporter }: ExporterMap, options: ParityOptions): string {
  const { map, json, ...conditions } = options;
  const counts = Object.fromEntries(countsOf(rows));
  return JSON.stringify({ exporter, ...conditions, isGood: !rows.some(isMismatch), counts, rows }, undefined, 2);
}

/** Families that only this exporter has are one list at the end. */
export function tableReport(rows: readonly Row[], { exporter }: ExporterMap, { tolerancePct }: ParityOptions): string {
  const listed = rows.filter(({ theirs }) => theirs !== undefined);
  const table = [HEAD, ...listed.map(cellsOf)];
  const widths = HEAD.map((_, column) => Math.max(...table.map((cells) => cells[column]!.length)));
  const [head, ...lines] = table.map((cells) => {
    const padded = cells.map((cell, column) => cell.padEnd(widths[column]!));
    return padded.join("  ").trimEnd();
  });
  const onlyOurs = rows.flatMap(({ theirs, ours }) => (theirs === undefined ? ours! : []));
  const counts = countsOf(rows).map(([outcome, count]) => `${count} ${titleOf(outcome)}`);
  return [
    head,
    ...listed.flatMap((row, index) => [lines[index], ...detailsOf(row).map((text) => `    ${text}`)]),
    "",
    ...(onlyOurs.length === 0 ? [] : [`only here: ${onlyOurs.join(", ")}`, ""]),
    `compared with ${exporter}, tolerance ${tolerancePct} %: ${counts.join(", ")}`,
  ].join("\n");
}

function cellsOf({ outcome, theirs = "", ours = "", series }: Row): string[] {
  const shown = (values: readonly string[]) =>
    values.length > 1 ? `${values.length} series` : (values[0] ?? NO_VALUE);
  const there = shown(series.flatMap((one) => one.theirs ?? []));
  const here = shown(series.flatMap((one) => one.ours ?? []));
  return [titleOf(outcome), theirs, there, here, ours === theirs ? "the same name" : ours];
}

/** The note, and some of the series that disagree. */
function detailsOf({ outcome, series, note }: Row): string[] {
  if (outcome === "equal" || outcome === "within") return [];
  const lines = series
    .filter((one) => one.labels !== "" && one.outcome === outcome && isMismatch(one))
    .map(({ labels, theirs = NO_VALUE, ours = NO_VALUE }) => `${labels} there ${theirs}, here ${ours}`);
  const more = lines.length > MAX_SERIES ? [`and ${lines.length - MAX_SERIES} more`] : [];
  return [note ?? [], lines.slice(0, MAX_SERIES), more].flat();
}

function titleOf(outcome: Outcome): string {
  return outcome === "within" ? "within tolerance" : outcome.replace("-", " ");
}

/** The worst first, as the rows are. */
function countsOf(rows: readonly Row[]): [Outcome, number][] {
  return [...Map.groupBy(rows, ({ outcome }) => outcome)].map(([outcome, { length }]) => [outcome, length]);
}
