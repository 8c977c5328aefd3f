// Transactions of the whole active chain.

import type { Registry } from "../metrics/registry.ts";
import { type Collector, followingTip, fromRpc, polled } from "./collector.ts";
import * as result from "./result.ts";

const chainTxStats = fromRpc("getchaintxstats");

export function txStatsCollector(registry: Registry): Collector {
  // A gauge: a reorganization can lower it, which rate() of a counter would treat as a restart.
  const transactions = registry.gauge(
    "bitcoin_chain_transactions",
    "Transactions in the active chain since the genesis block.",
  );
  const rate = registry.gauge(
    "bitcoin_chain_transactions_per_second",
    "Transactions per second in the active chain, over the last 30 days' worth of blocks.",
  );
  return {
    polled: followingTip([
      polled(transactions, chainTxStats(result.count, "txcount")),
      polled(rate, chainTxStats(result.number, "txrate")),
    ]),
  };
}
