// Targets with labelled samples, and counts by label.

import type { Gauge } from "../metrics/cells.ts";
import type { Family, LabelValues } from "../metrics/family.ts";
import { type PolledValue, setOrClear, type Target } from "./collector.ts";

/** The label values of a sample, and its value. */
export type LabelledValue<L extends readonly string[]> = readonly [labels: LabelValues<L>, value: PolledValue];

/** Label value for everything that a list does not contain. */
const OTHER = "other";

/** A target that shows exactly the samples that it is set to, or none for `undefined`. */
export function samplesOf<L extends readonly string[]>(
  family: Family<Gauge, L>,
): Target<Iterable<LabelledValue<L>> | undefined> {
  return {
    set(values = []) {
      // Removes what the node no longer reports.
      family.clear();
      for (const [labels, value] of values) setOrClear(family.with(...labels), value);
    },
    clear: () => family.clear(),
  };
}

/** The number of each of `known` in `found`, 0 included, and the number of all others as `other`. */
export function countBy(
  known: readonly string[],
  found: Iterable<string | undefined>,
): LabelledValue<readonly [string]>[] {
  const counts = new Map([...known, OTHER].map((value) => [value, 0]));
  for (const value of found) {
    const label = value !== undefined && counts.has(value) ? value : OTHER;
    counts.set(label, counts.get(label)! + 1);
  }
  return [...counts].map(([label, count]) => [[label], count]);
}
