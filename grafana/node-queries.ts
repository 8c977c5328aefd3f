// What both dashboards share: queries of the chosen nodes, and the states and thresholds of values that both show.

import type { Mapping, Step } from "./dashboard.ts";

/** Queries of the nodes that `matcher` selects, such as `instance="$instance"`. */
export function nodeQueries(matcher: string) {
  const of = (family: string, further = "") => `${family}{${matcher}${further === "" ? "" : `, ${further}`}}`;
  return {
    /** The series of a family. */
    of,
    rate: (family: string) => `rate(${of(family)}[$__rate_interval])`,
    increase: (family: string, range = "$__rate_interval") => `increase(${of(family)}[${range}])`,
    tipAge: `time() - ${of("bitcoin_tip_timestamp_seconds")}`,
    blocksBehind: `clamp_min(${of("bitcoin_header_height")} - ${of("bitcoin_chain_height")}, 0)`,
    mempoolUsed: `${of("bitcoin_mempool_bytes")} / ${of("bitcoin_mempool_max_bytes")}`,
  };
}

export const CONNECTED: Readonly<Record<string, Mapping>> = {
  0: { text: "disconnected", color: "red" },
  1: { text: "connected", color: "green" },
};
export const CONNECTED_STEPS: readonly Step[] = [{ color: "red" }, { color: "green", value: 1 }];
export const TIP_AGE_STEPS: readonly Step[] = [
  { color: "green" },
  { color: "yellow", value: 3600 },
  { color: "red", value: 5400 },
];
export const BLOCKS_BEHIND_STEPS: readonly Step[] = [
  { color: "green" },
  { color: "yellow", value: 2 },
  { color: "red", value: 6 },
];
export const PEERS_STEPS: readonly Step[] = [
  { color: "red" },
  { color: "yellow", value: 4 },
  { color: "green", value: 8 },
];
export const WARNINGS_STEPS: readonly Step[] = [{ color: "green" }, { color: "orange", value: 1 }];
