// The last block: its arrival, the interval to its predecessor, its contents. Read once for each new tip.

import type { Registry } from "../metrics/registry.ts";
import type { JsonValue } from "../node/json.ts";
import { callRpc, failureOf, type JsonRpc } from "../node/json-rpc.ts";
import type { Tip } from "../node/mining.ts";
import { type Collector, fromBlock, type NewTip, polled, polledInto, type Target } from "./collector.ts";
import { samplesOf } from "./labelled.ts";
import * as result from "./result.ts";

/** Requested by name, because otherwise the node computes all thirty statistics. */
const STATS = [
  "height",
  "txs",
  "total_size",
  "total_weight",
  "ins",
  "outs",
  "totalfee",
  "avgfee",
  "medianfee",
  "feerate_percentiles",
  "subsidy",
  "total_out",
  "swtxs",
  "utxo_increase_actual",
] as const;

/** Percentiles of the weight of a block's transactions for which the node reports a fee rate. */
const PERCENTILES = ["10", "25", "50", "75", "90"];

/** Upper bounds. A miner updates the time of a header every few seconds to minutes, and its clock may be ahead. */
const ARRIVAL_BOUNDS_S = [0, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 300, 600];

const blockStats = fromBlock("getblockstats", readStats);
const headers = fromBlock("getblockheader", readHeaders);

export function blockStatsCollector(registry: Registry): Collector {
  const gauge = (name: string, help: string) => registry.gauge(`bitcoin_last_block_${name}`, help);
  const height = gauge("height", "Height of the block that the bitcoin_last_block metrics describe.");
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
  const averageFee = gauge("average_fee_satoshis", "Average fee of the last block's transactions, in satoshis.");
  const medianFee = gauge("median_fee_satoshis", "Median fee of the last block's transactions, in satoshis.");
  const feeRate = registry.gaugeVec(
    "bitcoin_last_block_fee_rate_satoshis_per_vbyte",
    "Fee rate at this percentile of the last block's weight, in satoshis per virtual byte.",
    ["percentile"],
    PERCENTILES.length,
  );
  const subsidy = gauge("subsidy_satoshis", "Subsidy of the last block, without fees, in satoshis.");
  const totalOut = gauge(
    "total_out_satoshis",
    "Value of all outputs of the last block's transactions without the coinbase, in satoshis.",
  );
  const segwitTransactions = gauge("segwit_transactions", "Transactions with witnesses in the last block.");
  const utxoChange = gauge(
    "utxo_change",
    "Change of the number of unspent outputs by the last block, without unspendable ones; may be negative.",
  );
  const arrival = registry.eventHistogram(
    "bitcoin_block_arrival_seconds",
    "Time from the timestamp in a new tip's header to its arrival at the exporter; may be negative.",
    ARRIVAL_BOUNDS_S,
  );

  const arrivals: Target<Headers> = {
    set({ time, arrivedMs }) {
      arrival.start();
      if (time !== undefined && arrivedMs !== undefined) arrival.observe(arrivedMs / 1000 - time);
    },
    clear() {},
  };

  return {
    polled: [
      polled(height, blockStats(result.count, "height")),
      polled(transactions, blockStats(result.count, "txs")),
      polled(size, blockStats(result.count, "total_size")),
      polled(weight, blockStats(result.count, "total_weight")),
      polled(inputs, blockStats(result.count, "ins")),
      polled(outputs, blockStats(result.count, "outs")),
      polled(totalFee, blockStats(result.count, "totalfee")),
      polled(averageFee, blockStats(result.count, "avgfee")),
      polled(medianFee, blockStats(result.count, "medianfee")),
      polledInto(samplesOf(feeRate), blockStats(readPercentiles)),
      polled(subsidy, blockStats(result.count, "subsidy")),
      polled(totalOut, blockStats(result.count, "total_out")),
      polled(segwitTransactions, blockStats(result.count, "swtxs")),
      polled(utxoChange, blockStats(result.integer, "utxo_increase_actual")),
      polledInto(
        arrivals,
        headers((answer) => answer),
      ),
      polled(interval, headers(intervalOf)),
    ],
  };
}

/** Statistics of the block; undefined when the node does not have its data on disk. */
async function readStats(rpc: JsonRpc, { hash }: Tip): Promise<JsonValue | undefined> {
  try {
    return await callRpc(rpc, "getblockstats", [hash, STATS]);
  } catch (error) {
    if (failureOf(error) === "no-data") return undefined;
    throw error;
  }
}

function readPercentiles(stats: JsonValue) {
  const rates = result.counts(stats, "feerate_percentiles");
  return rates && PERCENTILES.map((percentile, index) => [[percentile], rates[index]] as const);
}

/** Times in the headers of the block and its predecessor, in seconds of Unix time, and NewTip.arrivedMs. */
interface Headers {
  readonly time: number | undefined;
  readonly previousTime: number | undefined;
  readonly arrivedMs: number | undefined;
}

async function readHeaders(rpc: JsonRpc, { hash, arrivedMs }: NewTip): Promise<Headers> {
  const header = await callRpc(rpc, "getblockheader", [hash]);
  const time = result.number(header, "time");
  // The genesis block has none.
  const previousHash = result.text(header, "previousblockhash");
  if (previousHash === undefined) return { time, previousTime: undefined, arrivedMs };
  const previous = await callRpc(rpc, "getblockheader", [previousHash]);
  return { time, previousTime: result.number(previous, "time"), arrivedMs };
}

function intervalOf({ time, previousTime }: Headers): number | undefined {
  return time === undefined || previousTime === undefined ? undefined : time - previousTime;
}
