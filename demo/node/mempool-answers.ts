// What the simulated node answers about its mempool: contents, fee rates and estimates.

import {
  feeRateOf,
  fittingInto,
  MAX_BLOCK_WEIGHT,
  type SimulatedChain,
  type Transaction,
  WEIGHT_PER_VBYTE,
  weightOf,
} from "./chain.ts";
import { feeDiagram } from "./fee-diagram.ts";
import { MEMPOOL_MAX_BYTES, type NodeState } from "./state.ts";

const SATOSHIS = 100_000_000;
const VBYTES_PER_KVB = 1000;
/** In satoshis per 1000 virtual bytes. */
const MIN_RELAY_FEE_RATE = 100;
/** The blocks that estimates are made from. */
const ESTIMATE_BLOCKS = 12;

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
  const estimates = { block_policy: rateOfBlocks(chain, Number(target)), mempool_policy: nextBlockRate(chain) };
  const { fee_rate_estimator: wanted } = (options ?? {}) as { fee_rate_estimator?: keyof typeof estimates };
  const lower = estimates.block_policy < estimates.mempool_policy ? "block_policy" : "mempool_policy";
  const perKvb = Math.max(Math.round(estimates[wanted ?? lower] * VBYTES_PER_KVB), MIN_RELAY_FEE_RATE);
  return { feerate: perKvb / SATOSHIS, blocks: target, ...(wanted === undefined && { estimator: lower }) };
}

/** The fee rate of the first transaction that the next block has no room for; 0 if it has room for all. */
function nextBlockRate(chain: SimulatedChain): number {
  const byFeeRate = chain.byFeeRate();
  const next = byFeeRate[fittingInto(MAX_BLOCK_WEIGHT, byFeeRate)];
  return next === undefined ? 0 : feeRateOf(next);
}

/** A fee rate that transactions of the last blocks paid: the median for two blocks, and lower ones for later targets. */
function rateOfBlocks(chain: SimulatedChain, target: number): number {
  const { height } = chain.tip;
  const blocks = Array.from({ length: ESTIMATE_BLOCKS }, (_, index) => chain.block(height - index)!);
  const rates = blocks.flatMap(({ transactions }) => transactions.slice(1).map(feeRateOf)).sort((a, b) => a - b);
  return rates[Math.floor(rates.length / Math.max(target, 2))] ?? 0;
}

function vsizeOf(transactions: readonly Transaction[]): number {
  return weightsOf(transactions) / WEIGHT_PER_VBYTE;
}

export function weightsOf(transactions: readonly Transaction[]): number {
  return transactions.reduce((sum, transaction) => sum + weightOf(transaction), 0);
}

export function feeOf(transactions: readonly Transaction[]): bigint {
  return transactions.reduce((sum, { feeSat }) => sum + feeSat, 0n);
}
