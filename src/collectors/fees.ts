// Fee estimates of the node by confirmation target: its own answer, and the estimate of each estimator. Nodes before v32 have one
// estimator, which uses the fee rates of past blocks. v32 has a second one, which uses the mempool, and answers the lower estimate.

import type { Registry } from "../metrics/registry.ts";
import type { JsonValue } from "../node/json.ts";
import { type Collector, followingTip, fromRpc, polled, polledInto, setOrClear, type Target } from "./collector.ts";
import * as result from "./result.ts";

/** In blocks. The node refuses targets outside of this range, and treats 1 as 2. */
export const MIN_FEE_TARGET = 1;
export const MAX_FEE_TARGET = 1008;

const BLOCK_POLICY = "block_policy";
const MEMPOOL_POLICY = "mempool_policy";

/** The only target of the mempool estimator (mempool_estimator.h of Bitcoin Core). */
const MEMPOOL_TARGET = 2;

/** The mempool estimator makes a block template, which the node keeps for 7 seconds. */
const ESTIMATORS_EVERY = 5;

/** The node's answer: the estimate in satoshis per virtual byte, and the estimator's name if the node has several. */
interface Estimate {
  readonly rate: number | undefined;
  readonly estimator: string | undefined;
}

/** @param targets distinct whole numbers from MIN_FEE_TARGET to MAX_FEE_TARGET; each needs a call of its own */
export function feesCollector(registry: Registry, targets: readonly number[]): Collector {
  const estimates = registry.gaugeVec(
    "bitcoin_fee_estimate_satoshis_per_vbyte",
    "Estimated fee rate to be confirmed within `target` blocks, in satoshis per virtual byte.",
    ["target"],
    targets.length,
  );
  const byEstimator = registry.gaugeVec(
    "bitcoin_fee_estimate_by_estimator_satoshis_per_vbyte",
    "Estimated fee rate to be confirmed within `target` blocks, by estimator, in satoshis per virtual byte.",
    ["estimator", "target"],
    targets.length + 1,
  );

  /** Whether the node of this session has several estimators. Only such a node accepts a third parameter. */
  let hasEstimators = false;

  /** Shows the answer of a node with one estimator, which it does not name. */
  const onlyEstimator = (target: number): Target<Estimate> => {
    const gauge = byEstimator.with(BLOCK_POLICY, String(target));
    return {
      set({ rate, estimator }) {
        if (estimator !== undefined) hasEstimators = true;
        else if (!hasEstimators) setOrClear(gauge, rate);
      },
      clear() {
        if (!hasEstimators) gauge.clear();
      },
    };
  };

  const ofEstimator = (estimator: string, target: number) => {
    const params = [target, "economical", { fee_rate_estimator: estimator }];
    const smartFee = fromRpc("estimatesmartfee", { params, every: ESTIMATORS_EVERY, isWanted: () => hasEstimators });
    return polled(byEstimator.with(estimator, String(target)), smartFee(result.feeRate, "feerate"));
  };

  return {
    startSession() {
      hasEstimators = false;
    },
    polled: [
      ...followingTip(
        targets.flatMap((target) => {
          const smartFee = fromRpc("estimatesmartfee", { params: [target] });
          return [
            // No rate while the node has too little data.
            polled(estimates.with(String(target)), smartFee(result.feeRate, "feerate")),
            polledInto(onlyEstimator(target), smartFee(readEstimate)),
          ];
        }),
      ),
      ...targets.map((target) => ofEstimator(BLOCK_POLICY, target)),
      ofEstimator(MEMPOOL_POLICY, MEMPOOL_TARGET),
    ],
  };
}

function readEstimate(answer: JsonValue): Estimate {
  return { rate: result.feeRate(answer, "feerate"), estimator: result.text(answer, "estimator") };
}
