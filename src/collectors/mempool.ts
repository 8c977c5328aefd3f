// The mempool: transactions added and removed, size, memory, fees.

import type { Registry } from "../metrics/registry.ts";
import { type ChainEvents, REMOVAL_REASONS } from "../node/chain-notifications.ts";
import { type Collector, followingTip, fromNode, fromRpc, polled } from "./collector.ts";
import * as result from "./result.ts";

type Events = Pick<ChainEvents, "transactionAddedToMempool" | "transactionRemovedFromMempool">;

export interface MempoolCollector extends Collector {
  readonly events: Events;
}

/** Upper bounds. Most transactions have less than 500 bytes; the largest that nodes relay have 400,000. */
const SIZE_BOUNDS = [200, 250, 300, 400, 500, 750, 1000, 2000, 5000, 10_000, 50_000, 100_000];

const mempoolInfo = fromRpc("getmempoolinfo");

export function mempoolCollector(registry: Registry): MempoolCollector {
  const added = registry.eventCounter("bitcoin_mempool_tx_added_total", "Transactions added to the mempool.");
  const addedSizes = registry.eventHistogram(
    "bitcoin_mempool_tx_added_size_bytes",
    "Sizes of the transactions added to the mempool, with their witnesses, in bytes.",
    SIZE_BOUNDS,
  );
  const removed = registry.eventCounter(
    "bitcoin_mempool_tx_removed_total",
    "Transactions removed from the mempool, except those removed because a block contains them.",
  );
  const removedByReason = registry.eventCounterVec(
    "bitcoin_mempool_tx_removed_by_reason_total",
    "Transactions removed from the mempool, by reason, except those removed because a block contains them.",
    ["reason"],
  );
  const reasons = REMOVAL_REASONS.map((reason) => removedByReason.with(reason));
  const unknownReason = removedByReason.with("unknown");

  const size = registry.gauge("bitcoin_mempool_size", "Transactions in the mempool.");
  const bytes = registry.gauge("bitcoin_mempool_bytes", "Memory used by the mempool, in bytes.");
  const maxBytes = registry.gauge("bitcoin_mempool_max_bytes", "Memory limit of the mempool, in bytes.");

  const vsize = registry.gauge(
    "bitcoin_mempool_vsize_bytes",
    "Virtual size of the transactions in the mempool, in virtual bytes.",
  );
  const totalFee = registry.gauge(
    "bitcoin_mempool_total_fee_satoshis",
    "Total fees of the transactions in the mempool, in satoshis.",
  );
  const minFeeRate = registry.gauge(
    "bitcoin_mempool_min_fee_rate_satoshis_per_vbyte",
    "Lowest fee rate that the mempool accepts now, in satoshis per virtual byte.",
  );
  const relayFeeRate = registry.gauge(
    "bitcoin_min_relay_fee_rate_satoshis_per_vbyte",
    "Lowest fee rate that the node relays, whatever the size of the mempool, in satoshis per virtual byte.",
  );
  const unbroadcast = registry.gauge(
    "bitcoin_mempool_unbroadcast_transactions",
    "Transactions submitted to this node that no peer has requested yet.",
  );

  const incrementalFeeRate = registry.gauge(
    "bitcoin_incremental_relay_fee_rate_satoshis_per_vbyte",
    "Fee rate by which a replacement must exceed what it replaces, in satoshis per virtual byte.",
  );
  const loaded = registry.gauge(
    "bitcoin_mempool_loaded",
    "1 once the node has loaded the mempool that it saved when it stopped, else 0.",
  );
  const optimal = registry.gauge("bitcoin_mempool_optimal", "1 if the mempool's order is known to be optimal, else 0.");
  const clusterTransactions = registry.gauge(
    "bitcoin_mempool_max_cluster_transactions",
    "Maximum number of transactions in a cluster of the mempool.",
  );
  const clusterVsize = registry.gauge(
    "bitcoin_mempool_max_cluster_vsize_bytes",
    "Maximum virtual size of a cluster of the mempool, in virtual bytes.",
  );

  return {
    events: {
      transactionAddedToMempool(sizeBytes) {
        added.inc();
        addedSizes.observe(sizeBytes);
      },
      transactionRemovedFromMempool(reason) {
        removed.inc();
        (reasons[reason] ?? unknownReason).inc();
      },
    },
    startSession({ notifications }) {
      if (notifications) for (const family of [added, addedSizes, removed, ...removedByReason]) family.start();
    },
    polled: followingTip([
      polled(size, fromNode("Node", "getMempoolSize"), mempoolInfo(result.count, "size")),
      polled(bytes, fromNode("Node", "getMempoolDynamicUsage"), mempoolInfo(result.count, "usage")),
      polled(maxBytes, fromNode("Node", "getMempoolMaxUsage"), mempoolInfo(result.count, "maxmempool")),
      // The node calls the virtual size "bytes".
      polled(vsize, mempoolInfo(result.count, "bytes")),
      polled(totalFee, mempoolInfo(result.satoshis, "total_fee")),
      polled(minFeeRate, mempoolInfo(result.feeRate, "mempoolminfee")),
      polled(relayFeeRate, mempoolInfo(result.feeRate, "minrelaytxfee")),
      polled(incrementalFeeRate, mempoolInfo(result.feeRate, "incrementalrelayfee")),
      polled(loaded, mempoolInfo(result.flag, "loaded")),
      polled(optimal, mempoolInfo(result.flag, "optimal")),
      polled(clusterTransactions, mempoolInfo(result.count, "limitclustercount")),
      polled(clusterVsize, mempoolInfo(result.count, "limitclustersize")),
      polled(unbroadcast, mempoolInfo(result.count, "unbroadcastcount")),
    ]),
  };
}
