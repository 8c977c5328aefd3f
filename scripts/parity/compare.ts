// Compares the pages of two exporters family by family, as a map pairs them.

import type { Family, Page } from "../text-format.ts";
import { judge } from "./agreement.ts";
import { evaluate, isCounter, readExpression, type Vector } from "./expression.ts";
import { type Entry, type ExporterMap, filledIn, isCompared, metricOf, metricPattern } from "./map.ts";
import type { Round } from "./scrape.ts";

/**
 * The worst first. missing-here: only they expose it, and we should; unknown: the map does not list it; other-meaning and
 * none: as the map says; missing-there: only we expose it.
 */
export const OUTCOMES = [
  ...(["different", "missing-here", "unknown"] as const),
  ...(["within", "equal", "other-meaning", "none", "missing-there"] as const),
];
export type Outcome = (typeof OUTCOMES)[number];
export const MISMATCHES: readonly Outcome[] = ["different", "missing-here", "unknown"];

export interface Row {
  readonly outcome: Outcome;
  readonly theirs?: string;
  readonly ours?: string;
  readonly series: readonly Series[];
  readonly note?: string;
}

/** Values are in their unit; of counters the growth, with a plus sign. */
export interface Series {
  readonly outcome: Outcome;
  readonly labels: string;
  readonly theirs?: string;
  readonly ours?: string;
}

export interface Comparison {
  /** The worst first. */
  readonly rows: readonly Row[];
  /** Whether no row is a mismatch. */
  readonly isGood: boolean;
}

/** An entry, filled in, and the metrics of their page that it is about. */
interface Pair {
  readonly entry: Entry;
  readonly metrics: readonly string[];
}

/** @param tolerance the share that two values may differ by, such as 0.01 */
export function compare(rounds: readonly Round[], map: ExporterMap, tolerance: number): Comparison {
  const [theirs, ours] = [[...rounds.at(-1)!.theirs.values()], [...rounds.at(-1)!.after.values()]];
  const pairs = pairsOf(map, new Set(theirs.flatMap(namesOf)));
  const known = new Set(pairs.flatMap(({ metrics }) => metrics));
  const patterns = pairs.flatMap(({ entry }) => entry.ours ?? []).map((text) => metricPattern(metricOf(text)));
  const isPaired = (name: string) => patterns.some((pattern) => pattern.test(name));
  const rows: Row[] = [
    ...pairs.flatMap((pair) => rowOf(pair, rounds, tolerance) ?? []),
    ...theirs
      .filter((family) => !namesOf(family).some((name) => known.has(name)))
      .map(({ name }): Row => ({ outcome: "unknown", theirs: name, series: [], note: "the map does not list it" })),
    ...ours
      .filter((family) => !namesOf(family).some(isPaired))
      .map(({ name }): Row => ({ outcome: "missing-there", ours: name, series: [] })),
  ].sort((a, b) => rank(a) - rank(b));
  return { rows, isGood: !rows.some(({ outcome }) => MISMATCHES.includes(outcome)) };
}

/**
 * A compared entry with a placeholder makes a pair for each metric that it stands for; an entry that names a metric outright
 * goes before one whose placeholder stands for it.
 */
function pairsOf(map: ExporterMap, theirs: ReadonlySet<string>): Pair[] {
  const named = new Set(map.entries.map((entry) => metricOf(entry.theirs)));
  return map.entries.flatMap((entry) => {
    const metric = metricOf(entry.theirs);
    const pattern = metricPattern(metric);
    const metrics = [...theirs].filter((name) => name === metric || (!named.has(name) && pattern.test(name)));
    if (!isCompared(entry) || metrics.length === 0) return [{ entry, metrics }];
    return metrics.map((name) => ({ entry: filledIn(entry, pattern.exec(name)![1] ?? ""), metrics: [name] }));
  });
}

/** Undefined when neither exposes it. */
function rowOf({ entry, metrics }: Pair, rounds: readonly Round[], tolerance: number): Row | undefined {
  const { theirs, ours, note } = entry;
  const row = { theirs, ...(ours !== undefined && { ours }), ...(note !== undefined && { note }) };
  const pattern = ours === undefined ? undefined : metricPattern(metricOf(ours));
  const isHere = [...rounds.at(-1)!.after.values()].flatMap(namesOf).some((name) => pattern?.test(name));
  if (metrics.length === 0) return isHere ? { ...row, outcome: "missing-there", series: [] } : undefined;
  const series = seriesOf(entry, rounds, tolerance);
  if (!isCompared(entry)) {
    const outcome = ours === undefined ? "none" : "other-meaning";
    return { ...row, outcome, series: series.map((one) => ({ ...one, outcome })) };
  }
  // Two families without samples are equal.
  const [worst] = series.toSorted((a, b) => rank(a) - rank(b));
  return { ...row, outcome: worst?.outcome ?? (isHere ? "equal" : "missing-here"), series };
}

function seriesOf(entry: Entry, rounds: readonly Round[], tolerance: number): Series[] {
  const { factor = 1, absent } = entry;
  const [theirs, ours] = [
    readExpression(entry.theirs),
    entry.ours === undefined ? undefined : readExpression(entry.ours),
  ];
  const ourVector = (page: Page) => {
    const vector = ours && evaluate(ours, page);
    return vector && new Map([...vector].map(([labels, value]) => [labels, value * factor]));
  };
  const vectors = rounds.map((round) => {
    const known = [...(evaluate(theirs, round.theirs) ?? [])].filter(([, value]) => value !== absent);
    const theirVector = known.length === 0 ? undefined : new Map(known);
    return { before: ourVector(round.before), theirs: theirVector, after: ourVector(round.after) };
  });
  const last = rounds.at(-1)!;
  const areCounters = ours !== undefined && isCounter(theirs.metric, last.theirs) && isCounter(ours.metric, last.after);
  const isThere = vectors.some((round) => round.theirs);
  const isHere = vectors.some(({ before, after }) => before ?? after);
  // Where the family has series, a missing one counts as 0: it may appear while we look.
  const valueAt = (vector: Vector | undefined, key: string, hasSeries: boolean) =>
    vector?.get(key) ?? (hasSeries && key !== "" && isCompared(entry) ? 0 : undefined);
  const keys = vectors.flatMap((round) => Object.values(round).flatMap((vector) => [...(vector?.keys() ?? [])]));
  return [...new Set(keys)].sort().map((labels) => {
    const readings = vectors.map((round) => ({
      before: valueAt(round.before, labels, isHere),
      theirs: valueAt(round.theirs, labels, isThere),
      after: valueAt(round.after, labels, isHere),
    }));
    const terms = { growth: areCounters && entry.compare !== "value", tolerance, absentIsZero: labels !== "" };
    const { agreement, ...values } = judge(readings, terms);
    return { outcome: agreement, labels, ...values };
  });
}

/** A family's name and those of its samples. */
function namesOf({ name, samples }: Family): string[] {
  return [...new Set([name, ...samples.map((sample) => sample.name)])];
}

function rank({ outcome }: { readonly outcome: Outcome }): number {
  return OUTCOMES.indexOf(outcome);
}
