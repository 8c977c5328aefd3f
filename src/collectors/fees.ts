// Fee estimates: what a transaction should pay to be in one of the next so many blocks, as the node estimates it.

import type { Registry } from "../metrics/registry.ts";
import type { Collector } from "./collector.ts";
import * as result from "./result.ts";
import { rpcPoll, value } from "./rpc-poll.ts";

/** In blocks. The node takes 1 for 2: it does not estimate for the very next block. */
export const DEFAULT_FEE_TARGETS: readonly number[] = [2, 3, 6, 12, 24, 144, 504, 1008];

/** The node refuses a target outside of these. */
export const MIN_FEE_TARGET = 1;
export const MAX_FEE_TARGET = 1008;

/** @param targets whole numbers from MIN_FEE_TARGET to MAX_FEE_TARGET, each once; the node is asked for each on its own */
export function feesCollector(registry: Registry, targets: readonly number[] = DEFAULT_FEE_TARGETS): Collector {
  const estimates = registry.gaugeVec(
    "bitcoin_fee_estimate_satoshis_per_vbyte",
    "Fee rate for a transaction to be confirmed within that many blocks, in satoshis per virtual byte.",
    ["target"],
    targets.length,
  );
  return {
    rpcPolls: targets.map((target) =>
      // Without data to estimate from, the answer has no rate.
      rpcPoll(
        "estimatesmartfee",
        [value(estimates.with(String(target)), (estimate) => result.feeRate(estimate, "feerate"))],
        { params: [target] },
      ),
    ),
  };
}
