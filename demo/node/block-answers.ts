// What the simulated node answers about single blocks.

import { displayHash } from "../../src/node/hash.ts";
import { type Block, feeRateOf, fittingInto, SUBSIDY_SAT, type Transaction, WEIGHT_PER_VBYTE } from "./chain.ts";
import { feeOf, weightsOf } from "./mempool-answers.ts";
import { RpcFailure } from "./rpc-failure.ts";
import type { NodeState } from "./state.ts";

/** Error codes of Bitcoin Core: RPC_INVALID_PARAMETER, RPC_INVALID_ADDRESS_OR_KEY. */
const INVALID_PARAMETER = -8;
const NOT_FOUND = -5;

/** Of the weight. */
const PERCENTILES = [0.1, 0.25, 0.5, 0.75, 0.9];
/** The share of the transactions that have a witness, as the node reports it. */
const SEGWIT_SHARE = 0.95;

export function blockHash({ chain }: NodeState, [height]: readonly unknown[]) {
  const block = chain.block(Number(height));
  if (block === undefined) throw new RpcFailure(INVALID_PARAMETER, "Block height out of range");
  return displayHash(block.hash);
}

export function blockHeader(state: NodeState, [hash]: readonly unknown[]) {
  const { height, time, prevHash } = blockOf(state, hash);
  return { hash, height, time, ...(height > 0 && { previousblockhash: displayHash(prevHash) }) };
}

export function blockStats(state: NodeState, [hash]: readonly unknown[]) {
  const { height, transactions } = blockOf(state, hash);
  const spending = transactions.slice(1);
  const inputs = spending.reduce((sum, transaction) => sum + transaction.inputs.length, 0);
  const outputs = transactions.reduce((sum, transaction) => sum + transaction.outputs.length, 0);
  const fees = spending.map(({ feeSat }) => Number(feeSat)).sort((a, b) => a - b);
  const weight = weightsOf(spending);
  return {
    height,
    txs: transactions.length,
    total_size: weight / WEIGHT_PER_VBYTE,
    total_weight: weight,
    ins: inputs,
    outs: outputs,
    totalfee: Number(feeOf(spending)),
    avgfee: Math.floor(Number(feeOf(spending)) / Math.max(spending.length, 1)),
    medianfee: fees[fees.length >> 1] ?? 0,
    feerate_percentiles: percentiles(spending, weight),
    subsidy: Number(SUBSIDY_SAT),
    total_out: Number(outputValueOf(spending)),
    swtxs: Math.floor(spending.length * SEGWIT_SHARE),
    utxo_increase_actual: outputs - inputs,
  };
}

function blockOf({ chain }: NodeState, hash: unknown): Block {
  // Displayed hashes are reversed.
  const block = chain.blockWithHash(Buffer.from(String(hash), "hex").reverse());
  if (block === undefined) throw new RpcFailure(NOT_FOUND, "Block not found");
  return block;
}

/** Fee rates in whole satoshis per virtual byte below which each share of the weight paid. */
function percentiles(transactions: readonly Transaction[], weight: number): number[] {
  const cheapestFirst = transactions.toSorted((a, b) => feeRateOf(a) - feeRateOf(b));
  return PERCENTILES.map((share) => {
    const found = cheapestFirst[fittingInto(share * weight, cheapestFirst)];
    return found === undefined ? 0 : Math.floor(feeRateOf(found));
  });
}

function outputValueOf(transactions: readonly Transaction[]): bigint {
  return transactions.flatMap(({ outputs }) => outputs).reduce((sum, { valueSat }) => sum + valueSat, 0n);
}
