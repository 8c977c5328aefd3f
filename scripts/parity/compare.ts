// Compares the pages of two exporters family by family, as a map pairs them.

import type { Family, Page } from "../../src/metrics/text-format-reader.ts";
import { judge } from "./agreement.ts";
import { evaluate, isCounter, metricOf, type Vector } from "./expression.ts";
import { type Entry, type ExporterMap, filledIn, isCompared, metricPattern } from "./map.ts";
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
export const MISMATCHES: readonly Outcome[] = OUTCOMES.slice(0, 3);

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

/** @param tolerance the share that two values may differ by, such as 0.01 */
export function compare(rounds: readonly Round[], map: ExporterMap, tolerance: number): Comparison {
  const [theirs, ours] = [[...rounds.at(-1)!.theirs.values()], [...rounds.at(-1)!.after.values()]];
  const pairs = pairsOf(map, new Set(theirs.flatMap(namesOf)));
  const known = new Set(pairs.flatMap(({ metrics }) => metrics));
  const patterns = pairs.flatMap(({ entry }) => entry.ours ?? []).map((text) => metricPattern(metricOf(text)));
  const isPaired = (name: string) => patterns.some((pattern) => pattern.test(name));
  const rows: Row[] = [
    ...pairs.flatMap(({ entry, metrics }) => rowOf(entry, metrics.length > 0, rounds, tolerance) ?? []),
    ...theirs
      .filter((family) => !namesOf(family).some((name) => known.has(name)))
      .map(({ name }): Row => ({ outcome: "unknown", theirs: name, series: [], note: "the map does not list it" })),
    ...ours
      .filter((family) => !namesOf(family).some(isPaired))
      .map(({ name }): Row => ({ outcome: "missing-there", ours: name, series: [] })),
  ].sort(worstFirst);
  return { rows, isGood: !rows.some(({ outcome }) => MISMATCHES.includes(outcome)) };
}

/**
 * Each entry with the metrics of their page that it is about. A compared entry with a placeholder is filled in for each of
 * them. An entry that names a metric outright goes before one whose placeholder stands for it.
 */
function pairsOf({ entries }: ExporterMap, theirs: ReadonlySet<string>): { entry: Entry; metrics: string[] }[] {
  const named = new Set(entries.map((entry) => metricOf(entry.theirs)));
  return entries.flatMap((entry) => {
    const metric = metricOf(entry.theirs);
    const pattern = metricPattern(metric);
    const metrics = [...theirs].filter((name) => name === metric || (!named.has(name) && pattern.test(name)));
    if (!isCompared(entry) || metrics.length === 0) return [{ entry, metrics }];
    return metrics.map((name) => ({ entry: filledIn(entry, pattern.exec(name)![1] ?? ""), metrics: [name] }));
  });
}

/** Undefined when neither exposes it. */
function rowOf(entry: Entry, isThere: boolean, rounds: readonly Round[], tolerance: number): Row | undefined {
  const { theirs, ours, note } = entry;
  const row = { theirs, ...(ours !== undefined && { ours }), ...(note !== undefined && { note }) };
  const pattern = ours === undefined ? undefined : metricPattern(metricOf(ours));
  const isHere = [...rounds.at(-1)!.after.values()].flatMap(namesOf).some((name) => pattern?.test(name));
  if (!isThere) return isHere ? { ...row, outcome: "missing-there", series: [] } : undefined;
  const series = seriesOf(entry, rounds, tolerance);
  if (!isCompared(entry)) {
    const outcome = ours === undefined ? "none" : "other-meaning";
    return { ...row, outcome, series: series.map((one) => ({ ...one, outcome })) };
  }
  // Two families without samples are equal.
  const worst = series.toSorted(worstFirst)[0]?.outcome ?? (isHere ? "equal" : "missing-here");
  return { ...row, outcome: worst, series };
}

function seriesOf(entry: Entry, rounds: readonly Round[], tolerance: number): Series[] {
  const { theirs, ours, factor = 1, absent, compare } = entry;
  const last = rounds.at(-1)!;
  const areCounters =
    ours !== undefined && isCounter(metricOf(theirs), last.theirs) && isCounter(metricOf(ours), last.after);
  const ourVector = (page: Page): Vector =>
    new Map([...(ours === undefined ? [] : evaluate(ours, page))].map(([labels, value]) => [labels, value * factor]));
  const vectors = rounds.map(({ before, theirs: page, after }) => ({
    before: ourVector(before),
    theirs: new Map([...evaluate(theirs, page)].filter(([, value]) => value !== absent)),
    after: ourVector(after),
  }));
  const isThere = vectors.some((round) => round.theirs.size > 0);
  const isHere = vectors.some(({ before, after }) => before.size + after.size > 0);
  const keys = vectors.flatMap((round) => Object.values(round).flatMap((vector) => [...vector.keys()]));
  return [...new Set(keys)].sort().map((labels) => {
    // Where the family has series, a missing one counts as 0: it may appear between two scrapes.
    const missing = (hasSeries: boolean) => (hasSeries && labels !== "" && isCompared(entry) ? 0 : undefined);
    const readings = vectors.map((round) => ({
      before: round.before.get(labels) ?? missing(isHere),
      theirs: round.theirs.get(labels) ?? missing(isThere),
      after: round.after.get(labels) ?? missing(isHere),
    }));
    const terms = { growth: areCounters && compare !== "value", tolerance, absentIsZero: labels !== "" };
    return { labels, ...judge(readings, terms) };
  });
}

/** A family's name and those of its samples. */
function namesOf({ name, samples }: Family): string[] {
  return [...new Set([name, ...samples.map((sample) => sample.name)])];
}

function worstFirst(a: { readonly outcome: Outcome }, b: { readonly outcome: Outcome }): number {
  return OUTCOMES.indexOf(a.outcome) - OUTCOMES.indexOf(b.outcome);
}
