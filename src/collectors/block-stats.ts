// The last block: what is in it and how long it took. Asked once for each new tip.

import type { Registry } from "../metrics/registry.ts";
import type { RpcMethod } from "../node/calls.ts";
import type { JsonValue } from "../node/json.ts";
import { callRpc, type JsonRpc, JsonRpcError } from "../node/json-rpc.ts";
import type { Tip } from "../node/mining.ts";
import type { Collector, TipPoll } from "./collector.ts";
import * as result from "./result.ts";
import { rpcPoll, value } from "./rpc-poll.ts";

/** Named, because without names the node works out all of its thirty. */
const STATS = ["height", "txs", "total_size", "total_weight", "ins", "outs", "totalfee"] as const;

/** RPC_MISC_ERROR of Bitcoin Core, and how its message begins when the block was pruned or never downloaded. */
const MISC_ERROR = -1;
const NOT_AVAILABLE = /\b(Block|Undo data) not available/;

export function blockStatsCollector(registry: Registry): Collector {
  const gauge = (name: string, help: string) => registry.gauge(`bitcoin_last_block_${name}`, help);
  const height = gauge("height", "Height of the block that the bitcoin_last_block metrics are of.");
  const transactions = gauge("transactions", "Transactions in the last block, with the coinbase.");
  const size = gauge("size_bytes", "Size of the last block's transactions without the coinbase, in bytes.");
  const weight = gauge("weight", "Weight of the last block's transactions without the coinbase, in weight units.");
  const inputs = gauge("inputs", "Inputs of the last block's transactions without the coinbase.");
  const outputs = gauge("outputs", "Outputs of the last block's transactions, with the coinbase.");
  const totalFee = gauge("total_fee_satoshis", "Fees that the last block's transactions paid, in satoshis.");
  const interval = gauge(
    "interval_seconds",
    "Time from the block before the last to the last, by their headers; may be negative.",
  );

  const stats = rpcPoll("getblockstats", [
    value(height, (block) => result.count(block, "height")),
    value(transactions, (block) => result.count(block, "txs")),
    value(size, (block) => result.count(block, "total_size")),
    value(weight, (block) => result.count(block, "total_weight")),
    value(inputs, (block) => result.count(block, "ins")),
    value(outputs, (block) => result.count(block, "outs")),
    value(totalFee, (block) => result.count(block, "totalfee")),
  ]);
  return {
    tipPolls: [
      tipPoll(
        "getblockstats",
        askStats,
        (answer) => stats.read(answer, true),
        () => stats.clear(true),
      ),
      tipPoll(
        "getblockheader",
        askInterval,
        (seconds) => interval.set(seconds),
        () => interval.clear(),
      ),
    ],
  };
}

/** Statistics of the block; undefined when the node does not have it whole. */
async function askStats(rpc: JsonRpc, { hash }: Tip): Promise<JsonValue | undefined> {
  try {
    return await callRpc(rpc, "getblockstats", [hash, STATS]);
  } catch (error) {
    if (error instanceof JsonRpcError && error.code === MISC_ERROR && NOT_AVAILABLE.test(error.message))
      return undefined;
    throw error;
  }
}

/** Seconds between the block and the one before; undefined for the first block of the chain. */
async function askInterval(rpc: JsonRpc, { hash }: Tip): Promise<number | undefined> {
  const header = await callRpc(rpc, "getblockheader", [hash]);
  const previousHash = result.text(header, "previousblockhash");
  if (previousHash === undefined) return undefined;
  const time = result.number(header, "time");
  const previousTime = result.number(await callRpc(rpc, "getblockheader", [previousHash]), "time");
  return time === undefined || previousTime === undefined ? undefined : time - previousTime;
}

function tipPoll<Answer>(
  method: RpcMethod,
  ask: (rpc: JsonRpc, tip: Tip) => Promise<Answer | undefined>,
  set: (answer: Answer) => void,
  clear: () => void,
): TipPoll {
  /** Counts what came last: an answer that was overtaken, by a newer tip or by the end of the node, is not shown. */
  let latest = 0;
  return {
    method,
    async run(rpc, tip) {
      const run = ++latest;
      const answer = await ask(rpc, tip).catch((error: unknown) => {
        if (run === latest) clear();
        throw error;
      });
      if (run !== latest) return;
      if (answer === undefined) clear();
      else set(answer);
    },
    clear() {
      latest++;
      clear();
    },
  };
}
