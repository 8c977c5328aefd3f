// Applies a map to what stands on a page.

import { type Entry, type ExporterMap, filledIn, hasPlaceholder, isCompared, metricPattern } from "./exporter-map.ts";
import { type Expression, readExpression, readSelector } from "./expression.ts";

/** An entry applied to their page. */
export interface Pair {
  readonly entry: Entry;
  readonly theirs: Expression;
  readonly ours: Expression | undefined;
  /** Those metrics of their page that this is about. */
  readonly metrics: readonly string[];
}

/**
 * The entries as they apply to `metrics`, the names on their page. An entry with a placeholder makes a pair for each that
 * matches, if there is something to compare. What an entry names outright belongs to no placeholder.
 */
export function pairsOf(map: ExporterMap, metrics: ReadonlySet<string>): Pair[] {
  const named = new Set(map.entries.map(({ theirs }) => readSelector(theirs).metric));
  return map.entries.flatMap((entry) => {
    const { metric } = readSelector(entry.theirs);
    if (!hasPlaceholder(entry)) return [newPair(entry, metrics.has(metric) ? [metric] : [])];
    const pattern = metricPattern(metric);
    const matches = [...metrics].filter((name) => !named.has(name) && pattern.test(name));
    if (!isCompared(entry) || matches.length === 0) return [newPair(entry, matches)];
    return matches.map((name) => newPair(filledIn(entry, pattern.exec(name)![1]!), [name]));
  });
}

function newPair(entry: Entry, metrics: readonly string[]): Pair {
  const ours = entry.ours === undefined ? undefined : readExpression(entry.ours);
  return { entry, theirs: readSelector(entry.theirs), ours, metrics };
}
