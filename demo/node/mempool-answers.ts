// What the simulated node answers about its mempool: contents, fee rates and estimates.

import { feeRateOf, fittingInto, MAX_BLOCK_WEIGHT, type Transaction, WEIGHT_PER_VBYTE, weightOf } from "./chain.ts";
import { feeDiagram } from "./fee-diagram.ts";
import { MEMPOOL_MAX_BYTES, type NodeState } from "./state.ts";

const SATOSHIS = 100_000_000;
const VBYTES_PER_KVB = 1000;
/** In satoshis per 1000 virtual bytes. */
const MIN_RELAY_FEE_RATE = 100;

export function mempoolInfo({ chain, mempoolUsageBytes }: NodeState) {
  const { mempool } = chain;
  return {
    loaded: true,
    size: mempool.length,
    bytes: vsizeOf(mempool),
    usage: mempoolUsageBytes,
    total_fee: Number(feeOf(mempool)) / SATOSHIS,
    maxmempool: MEMPOOL_MAX_BYTES,
    mempoolminfee: MIN_RELAY_FEE_RATE / SATOSHIS,
    minrelaytxfee: MIN_RELAY_FEE_RATE / SATOSHIS,
    incrementalrelayfee: MIN_RELAY_FEE_RATE / SATOSHIS,
    unbroadcastcount: chain.tip.height % 3,
    limitclustercount: 64,
    limitclustersize: 101_000,
    optimal: mempool.length < 200,
  };
}

export function mempoolFeeRateDiagram({ chain }: NodeState) {
  return feeDiagram(chain.byFeeRate()).map(({ weight, feeSat }) => ({ weight, fee: feeSat / SATOSHIS }));
}

/** As a node with two estimators: that of the one that the parameters name, else the lower one and its estimator. */
export function smartFee({ chain }: NodeState, [target, , options]: readonly unknown[]) {
  const byFeeRate = chain.byFeeRate();
  const estimates = {
    block_policy: 1.2 * rateWithin(byFeeRate, Number(target)),
    mempool_policy: rateWithin(byFeeRate, 2),
  };
  const { fee_rate_estimator: wanted } = (options ?? {}) as { fee_rate_estimator?: keyof typeof estimates };
  const lower = estimates.block_policy < estimates.mempool_policy ? "block_policy" : "mempool_policy";
  const perKvb = Math.max(Math.round(estimates[wanted ?? lower] * VBYTES_PER_KVB), MIN_RELAY_FEE_RATE);
  return { feerate: perKvb / SATOSHIS, blocks: target, ...(wanted === undefined && { estimator: lower }) };
}

/** The fee rate of the first transaction that half of `target` blocks have no room for; 0 if they have room for all. */
function rateWithin(byFeeRate: readonly Transaction[], target: number): number {
  const next = byFeeRate[fittingInto((MAX_BLOCK_WEIGHT * target) / 2, byFeeRate)];
  return next === undefined ? 0 : feeRateOf(next);
}

export function vsizeOf(transactions: readonly Transaction[]): number {
  return weightsOf(transactions) / WEIGHT_PER_VBYTE;
}

export function weightsOf(transactions: readonly Transaction[]): number {
  return transactions.reduce((sum, transaction) => sum + weightOf(transaction), 0);
}

export function feeOf(transactions: readonly Transaction[]): bigint {
  return transactions.reduce((sum, { feeSat }) => sum + feeSat, 0n);
}
