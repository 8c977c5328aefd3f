// The last block: its contents, and the interval to the block before. Asked once for each new tip.

import type { Registry } from "../metrics/registry.ts";
import type { JsonValue } from "../node/json.ts";
import { callRpc, type JsonRpc, JsonRpcError } from "../node/json-rpc.ts";
import type { Tip } from "../node/mining.ts";
import { type Collector, fromBlock, polled } from "./collector.ts";
import * as result from "./result.ts";

/** Named, because without names the node computes all of its thirty. */
const STATS = ["height", "txs", "total_size", "total_weight", "ins", "outs", "totalfee"] as const;

/** RPC_MISC_ERROR of Bitcoin Core, and its message when the block was pruned or never downloaded. */
const MISC_ERROR = -1;
const NOT_AVAILABLE = /\b(Block|Undo data) not available/;

const blockStats = fromBlock("getblockstats", askStats);

export function blockStatsCollector(registry: Registry): Collector {
  const gauge = (name: string, help: string) => registry.gauge(`bitcoin_last_block_${name}`, help);
  const height = gauge("height", "Height of the block that the bitcoin_last_block metrics are of.");
  const transactions = gauge("transactions", "Transactions in the last block, with the coinbase.");
  const size = gauge("size_bytes", "Size of the last block's transactions without the coinbase, in bytes.");
  const weight = gauge("weight", "Weight of the last block's transactions without the coinbase, in weight units.");
  const inputs = gauge("inputs", "Inputs of the last block's transactions without the coinbase.");
  const outputs = gauge("outputs", "Outputs of the last block's transactions, with the coinbase.");
  const totalFee = gauge("total_fee_satoshis", "Total fees of the last block's transactions, in satoshis.");
  const interval = gauge(
    "interval_seconds",
    "Time between the last block and the one before, by their headers; may be negative.",
  );

  return {
    polled: [
      polled(height, blockStats(result.count, "height")),
      polled(transactions, blockStats(result.count, "txs")),
      polled(size, blockStats(result.count, "total_size")),
      polled(weight, blockStats(result.count, "total_weight")),
      polled(inputs, blockStats(result.count, "ins")),
      polled(outputs, blockStats(result.count, "outs")),
      polled(totalFee, blockStats(result.count, "totalfee")),
      polled(
        interval,
        fromBlock("getblockheader", askInterval)((seconds) => seconds),
      ),
    ],
  };
}

/** Statistics of the block; undefined when the node does not have its data on disk. */
async function askStats(rpc: JsonRpc, { hash }: Tip): Promise<JsonValue | undefined> {
  try {
    return await callRpc(rpc, "getblockstats", [hash, STATS]);
  } catch (error) {
    if (error instanceof JsonRpcError && error.code === MISC_ERROR && NOT_AVAILABLE.test(error.message))
      return undefined;
    throw error;
  }
}

/** Seconds between the block and its predecessor; undefined for the genesis block. */
async function askInterval(rpc: JsonRpc, { hash }: Tip): Promise<number | undefined> {
  const header = await callRpc(rpc, "getblockheader", [hash]);
  const previousHash = result.text(header, "previousblockhash");
  if (previousHash === undefined) return undefined;
  const time = result.number(header, "time");
  const previousTime = result.number(await callRpc(rpc, "getblockheader", [previousHash]), "time");
  return time === undefined || previousTime === undefined ? undefined : time - previousTime;
}
