// Compares what two exporters have shown, family by family, as a map pairs them.

import type { Family, Page } from "../text-format.ts";
import { type Agreement, judge } from "./agreement.ts";
import { type ExporterMap, isCompared, metricPattern } from "./exporter-map.ts";
import { evaluate, isCounter, type Vector } from "./expression.ts";
import { type Pair, pairsOf } from "./pairs.ts";
import type { Round } from "./scrape.ts";

/**
 * What became of a family, the worst first. missing-here: they show it, and we should; missing-there: only we show it;
 * unknown: they show it, and the map does not say what it is; other-meaning and none: as the map says.
 */
export const OUTCOMES = [
  "different",
  "missing-here",
  "unknown",
  "within",
  "equal",
  "other-meaning",
  "none",
  "missing-there",
] as const satisfies readonly (Agreement | "unknown" | "other-meaning" | "none")[];
export type Outcome = (typeof OUTCOMES)[number];

/** What no map explains. */
export const MISMATCHES: readonly Outcome[] = ["different", "missing-here", "unknown"];

export interface Row {
  readonly outcome: Outcome;
  readonly theirs?: string;
  readonly ours?: string;
  readonly series: readonly Series[];
  readonly note?: string;
}

/** Values are in their unit; of counters it is how much they grew, with a plus sign. */
export interface Series {
  readonly outcome: Outcome;
  readonly labels: string;
  readonly theirs?: string;
  readonly ours?: string;
}

export interface Comparison {
  /** The worst first. */
  readonly rows: readonly Row[];
  readonly isGood: boolean;
}

/** @param tolerance the share that two values may differ by, such as 0.01 */
export function compare(rounds: readonly Round[], map: ExporterMap, tolerance: number): Comparison {
  const { theirs, after } = rounds.at(-1)!;
  const pairs = pairsOf(map, new Set([...theirs.values()].flatMap(namesOf)));
  const rows = [
    ...pairs.flatMap((pair) => rowOf(pair, rounds, tolerance) ?? []),
    ...unknownRows(pairs, theirs),
    ...unpairedRows(pairs, after),
  ].sort((a, b) => rank(a.outcome) - rank(b.outcome));
  return { rows, isGood: !rows.some(({ outcome }) => MISMATCHES.includes(outcome)) };
}

/** Undefined when neither shows it. */
function rowOf(pair: Pair, rounds: readonly Round[], tolerance: number): Row | undefined {
  const { theirs, ours, note, kind } = pair.entry;
  const row = { theirs, ...(ours !== undefined && { ours }), ...(note !== undefined && { note }) };
  const doWeShow = isOurs(pair, rounds.at(-1)!.after);
  if (pair.metrics.length === 0) return doWeShow ? { ...row, outcome: "missing-there", series: [] } : undefined;
  const series = seriesOf(pair, rounds, tolerance);
  if (kind === "none" || kind === "other-meaning") {
    return { ...row, outcome: kind, series: series.map((one) => ({ ...one, outcome: kind })) };
  }
  // A family without samples on both sides: neither knows a value.
  if (series.length === 0) return { ...row, outcome: doWeShow ? "equal" : "missing-here", series };
  const worst = Math.min(...series.map(({ outcome }) => rank(outcome)));
  return { ...row, outcome: OUTCOMES[worst]!, series };
}

function seriesOf({ entry, theirs, ours }: Pair, rounds: readonly Round[], tolerance: number): Series[] {
  const { factor = 1, absent, labels } = entry;
  const ourVector = (page: Page) => ours && scaled(evaluate(ours, page, labels), factor);
  const vectors = rounds.map((round) => ({
    before: ourVector(round.before),
    theirs: withoutValue(evaluate(theirs, round.theirs), absent),
    after: ourVector(round.after),
  }));
  const last = rounds.at(-1)!;
  const areCounters = ours !== undefined && isCounter(theirs.metric, last.theirs) && isCounter(ours.metric, last.after);
  const doTheyKnow = vectors.some((round) => round.theirs !== undefined);
  const doWeKnow = vectors.some(({ before, after }) => (before ?? after) !== undefined);
  // Where a family has series, one that is not among them counts as 0: it may get its first while we look.
  const valueAt = (vector: Vector | undefined, key: string, isKnown: boolean) =>
    vector?.get(key) ?? (isKnown && key !== "" && isCompared(entry) ? 0 : undefined);
  const keys = vectors.flatMap((round) => Object.values(round).flatMap((vector) => [...(vector?.keys() ?? [])]));
  return [...new Set(keys)].sort().map((key) => {
    const readings = vectors.map((round) => ({
      before: valueAt(round.before, key, doWeKnow),
      theirs: valueAt(round.theirs, key, doTheyKnow),
      after: valueAt(round.after, key, doWeKnow),
    }));
    const terms = { growth: areCounters && entry.compare !== "value", tolerance, absentIsZero: key !== "" };
    const { agreement, ...values } = judge(readings, terms);
    return { outcome: agreement, labels: key, ...values };
  });
}

function scaled(vector: Vector | undefined, factor: number): Vector | undefined {
  return vector && new Map([...vector].map(([labels, value]) => [labels, value * factor]));
}

function withoutValue(vector: Vector | undefined, absent: number | undefined): Vector | undefined {
  const known = [...(vector ?? [])].filter(([, value]) => value !== absent);
  return known.length === 0 ? undefined : new Map(known);
}

function isOurs({ ours }: Pair, page: Page): boolean {
  if (ours === undefined) return false;
  const pattern = metricPattern(ours.metric);
  return [...page.values()].flatMap(namesOf).some((name) => pattern.test(name));
}

/** What they show and no pair is about. */
function unknownRows(pairs: readonly Pair[], theirs: Page): Row[] {
  const known = new Set(pairs.flatMap(({ metrics }) => metrics));
  return [...theirs.values()]
    .filter((family) => !namesOf(family).some((name) => known.has(name)))
    .map(({ name }) => ({ outcome: "unknown", theirs: name, series: [], note: "the map does not say what it is" }));
}

/** What we show and no pair is about. */
function unpairedRows(pairs: readonly Pair[], ours: Page): Row[] {
  const patterns = pairs.flatMap((pair) => (pair.ours === undefined ? [] : metricPattern(pair.ours.metric)));
  return [...ours.values()]
    .filter((family) => !namesOf(family).some((name) => patterns.some((pattern) => pattern.test(name))))
    .map(({ name }) => ({ outcome: "missing-there", ours: name, series: [] }));
}

function namesOf({ name, samples }: Family): string[] {
  return [...new Set([name, ...samples.map((sample) => sample.name)])];
}

function rank(outcome: Outcome): number {
  return OUTCOMES.indexOf(outcome);
}
