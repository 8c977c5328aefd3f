// Fee estimates of the node, by confirmation target.

import type { Registry } from "../metrics/registry.ts";
import { type Collector, followingTip, fromRpc, polled } from "./collector.ts";
import * as result from "./result.ts";

/** In blocks. The node refuses a target outside of these, and treats 1 as 2. */
export const MIN_FEE_TARGET = 1;
export const MAX_FEE_TARGET = 1008;

/** @param targets whole numbers from MIN_FEE_TARGET to MAX_FEE_TARGET, each once; each is a call of its own */
export function feesCollector(registry: Registry, targets: readonly number[]): Collector {
  const estimates = registry.gaugeVec(
    "bitcoin_fee_estimate_satoshis_per_vbyte",
    "Estimated fee rate to be confirmed within `target` blocks, in satoshis per virtual byte.",
    ["target"],
    targets.length,
  );
  return {
    polled: followingTip(
      targets.map((target) => {
        const smartFee = fromRpc("estimatesmartfee", { params: [target] });
        // An answer has no rate while the node has not seen enough blocks.
        return polled(estimates.with(String(target)), smartFee(result.feeRate, "feerate"));
      }),
    ),
  };
}
