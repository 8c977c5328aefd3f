// Targets with labelled samples, and counts by label.

import type { Gauge } from "../metrics/cells.ts";
import { type Family, type LabelValues, OTHER } from "../metrics/family.ts";
import type { JsonValue } from "../node/json.ts";
import { type PolledValue, setOrClear, type Target } from "./collector.ts";
import { asList } from "./result.ts";

/** The networks of Bitcoin Core that an address can be in. */
export const NETWORKS = ["ipv4", "ipv6", "onion", "i2p", "cjdns"];

/** The label values of a sample, and its value. */
export type LabelledValue<L extends readonly string[]> = readonly [labels: LabelValues<L>, value: PolledValue];

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

/** Reads a list: the number of its items for each of `known`, 0 included, and the number of all others as `other`. */
export function countBy(known: readonly string[], labelOf: (item: JsonValue) => string | undefined) {
  return (list: JsonValue): LabelledValue<readonly [string]>[] => {
    const counts = new Map([...known, OTHER].map((label) => [label, 0]));
    for (const item of asList(list)) {
      const label = labelOf(item) ?? OTHER;
      const counted = counts.has(label) ? label : OTHER;
      counts.set(counted, counts.get(counted)! + 1);
    }
    return [...counts].map(([label, count]) => [[label], count]);
  };
}
