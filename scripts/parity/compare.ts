// Compares the pages of two exporters family by family, as a map pairs them.

import type { Family, Page } from "../../src/metrics/text-format-reader.ts";
import { judge, OUTCOMES, type Outcome, type Series } from "./agreement.ts";
import { evaluate, isAbout, isCounter, parse } from "./expression.ts";
import { CONVERSIONS, type Entry, type ExporterMap, filledIn } from "./maps.ts";

export interface Scrapes {
  readonly theirs: readonly Page[];
  /** Two for each of theirs, from before and after it: agreement.ts says why. */
  readonly ours: readonly Page[];
}

/** What an entry says, or names that the map does not list. */
export interface Row extends Partial<Pick<Entry, "theirs" | "ours" | "note">> {
  readonly outcome: Outcome;
  readonly series: readonly Series[];
}

/** The worst first. @param tolerance the share that two values may differ by, such as 0.01 */
export function compare(scrapes: Scrapes, { entries }: ExporterMap, tolerance: number): Row[] {
  const [theirs, ours] = [[...scrapes.theirs.at(-1)!.values()], [...scrapes.ours.at(-1)!.values()]];
  const entriesOf = new Map(theirs.map((family) => [family, entriesFor(family, entries)]));
  const rows = entries.flatMap((entry) => {
    const families = theirs.filter((family) => entriesOf.get(family)!.includes(entry));
    const values = entry.values && families.map(({ name }) => parse(entry.theirs).pattern.exec(name)![1]!);
    return filledIn(entry, values).flatMap((one) => rowOf(one, families.length > 0, scrapes, tolerance) ?? []);
  });
  for (const { name } of theirs.filter((family) => entriesOf.get(family)!.length === 0))
    rows.push({ outcome: "unknown", theirs: name, series: [], note: "the map does not list it" });
  for (const { name } of ours.filter((family) => !entries.some((entry) => isAbout(entry.ours, family))))
    rows.push({ outcome: "missing-there", ours: name, series: [] });
  return OUTCOMES.flatMap((outcome) => rows.filter((row) => row.outcome === outcome));
}

/** Those that name a family of theirs outright; else those whose placeholder stands for it. */
function entriesFor(family: Family, entries: readonly Entry[]): Entry[] {
  const all = entries.filter(({ theirs }) => isAbout(theirs, family));
  const outright = all.filter(({ theirs }) => !theirs.includes("<"));
  return outright.length > 0 ? outright : all;
}

/** Undefined when neither exposes it. */
function rowOf(entry: Entry, isThere: boolean, scrapes: Scrapes, tolerance: number): Row | undefined {
  const { theirs, ours, note, differs } = entry;
  const isHere = [...scrapes.ours.at(-1)!.values()].some((family) => isAbout(ours, family));
  if (!isThere) return isHere ? { theirs, ours, note, outcome: "missing-there", series: [] } : undefined;
  const explained = ours === undefined ? "none" : differs ? "other-meaning" : undefined;
  const series = seriesOf(entry, scrapes, tolerance).map((one) => ({ ...one, outcome: explained ?? one.outcome }));
  // Two families without samples are equal.
  const judged =
    OUTCOMES.find((outcome) => series.some((one) => one.outcome === outcome)) ?? (isHere ? "equal" : "missing-here");
  return { theirs, ours, note, outcome: explained ?? judged, series };
}

function seriesOf(entry: Entry, scrapes: Scrapes, tolerance: number): Series[] {
  const { theirs, ours, differs, conversion, absent, compare } = entry;
  const factor = conversion === undefined ? 1 : CONVERSIONS[conversion];
  const isKnown = ([, value]: readonly [string, number]) => value !== absent;
  const there = scrapes.theirs.map((page) => new Map([...evaluate(theirs, page)].filter(isKnown)));
  const here = ours === undefined ? [] : scrapes.ours.map((page) => evaluate(ours, page, factor));
  const areCounters =
    ours !== undefined && isCounter(theirs, scrapes.theirs.at(-1)!) && isCounter(ours, scrapes.ours.at(-1)!);
  const isGrowth = areCounters && compare !== "value";
  const isCompared = ours !== undefined && !differs;
  const keys = new Set([...there, ...here].flatMap((vector) => [...vector.keys()]));
  return [...keys].sort().map((labels) => {
    const valuesOf = (vectors: readonly ReadonlyMap<string, number>[]) => {
      // Where the family has series, a missing one counts as 0: it may appear between two scrapes.
      const isCounted = labels !== "" && isCompared && vectors.some(({ size }) => size > 0);
      return vectors.map((vector) => vector.get(labels) ?? (isCounted ? 0 : undefined));
    };
    return judge(labels, valuesOf(there), valuesOf(here), isGrowth, tolerance);
  });
}
