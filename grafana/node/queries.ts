// Queries of the chosen node.

import { nodeQueries } from "../queries.ts";

export const { of, rate, increase, quantile, tipAge, blocksBehind, mempoolUsed } = nodeQueries('instance="$instance"');

export const SATOSHIS = 1e8;

const DAYS = { "1d": 1, "7d": 7, "30d": 30 };

/** Blocks connected per day, averaged over the window. */
export function perDay(window: keyof typeof DAYS): string {
  return `${increase("bitcoin_blocks_connected_total", window)} / ${DAYS[window]}`;
}

/** The same relative to one block in ten minutes. */
export function pace(window: keyof typeof DAYS): string {
  return `${increase("bitcoin_blocks_connected_total", window)} / ${144 * DAYS[window]}`;
}
