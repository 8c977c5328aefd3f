// The mempool: what enters and leaves it, and how full it is.

import type { Registry } from "../metrics/registry.ts";
import { type ChainEvents, REMOVAL_REASONS } from "../node/chain-notifications.ts";
import { type Collector, poll } from "./collector.ts";

type Events = Pick<ChainEvents, "transactionAddedToMempool" | "transactionRemovedFromMempool">;

export interface MempoolCollector extends Collector {
  readonly events: Events;
}

export function mempoolCollector(registry: Registry): MempoolCollector {
  const added = registry.counter("bitcoin_mempool_tx_added_total", "Transactions added to the mempool.");
  const removed = registry.counter(
    "bitcoin_mempool_tx_removed_total",
    "Transactions removed from the mempool for another reason than a block.",
  );
  const removedByReason = registry.counterVec(
    "bitcoin_mempool_tx_removed_by_reason_total",
    "Transactions removed from the mempool, by the node's reason.",
    ["reason"],
  );
  const reasons = REMOVAL_REASONS.map((reason) => removedByReason.with(reason));
  const unknownReason = removedByReason.with("unknown");

  const size = registry.gauge("bitcoin_mempool_size", "Transactions in the mempool.");
  const bytes = registry.gauge("bitcoin_mempool_bytes", "Memory that the mempool takes, in bytes.");
  const maxBytes = registry.gauge("bitcoin_mempool_max_bytes", "Memory that the mempool may take, in bytes.");

  return {
    events: {
      transactionAddedToMempool: () => void added.inc(),
      transactionRemovedFromMempool(reason) {
        removed.inc();
        (reasons[reason] ?? unknownReason).inc();
      },
    },
    polls: [
      poll("Node.getMempoolSize", size, (node) => node.getMempoolSize()),
      poll("Node.getMempoolDynamicUsage", bytes, (node) => node.getMempoolDynamicUsage()),
      poll("Node.getMempoolMaxUsage", maxBytes, (node) => node.getMempoolMaxUsage()),
    ],
  };
}
