// Transactions of the whole active chain.

import type { Registry } from "../metrics/registry.ts";
import type { Collector } from "./collector.ts";
import * as result from "./result.ts";
import { rpcPoll, value } from "./rpc-poll.ts";

export function txStatsCollector(registry: Registry): Collector {
  // No counter: a reorganization can lower it, which a counter's rate would take for a restart.
  const transactions = registry.gauge(
    "bitcoin_chain_transactions",
    "Transactions in the active chain, from the first block on.",
  );
  const rate = registry.gauge(
    "bitcoin_chain_transactions_per_second",
    "Transactions per second in the active chain, over the last 30 days' worth of blocks.",
  );
  return {
    rpcPolls: [
      rpcPoll("getchaintxstats", [
        value(transactions, (stats) => result.count(stats, "txcount")),
        value(rate, (stats) => result.number(stats, "txrate")),
      ]),
    ],
  };
}
