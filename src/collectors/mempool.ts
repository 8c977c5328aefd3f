// The mempool: what enters and leaves it, and how full it is.

import type { Registry } from "../metrics/registry.ts";
import { type ChainEvents, REMOVAL_REASONS } from "../node/chain-notifications.ts";
import { type Collector, poll } from "./collector.ts";
import * as result from "./result.ts";
import { rpcPoll, seed, value } from "./rpc-poll.ts";

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

  const vsize = registry.gauge(
    "bitcoin_mempool_vsize_bytes",
    "Virtual size of the transactions in the mempool, in virtual bytes.",
  );
  const totalFee = registry.gauge(
    "bitcoin_mempool_total_fee_satoshis",
    "Fees of the transactions in the mempool, in satoshis.",
  );
  const minFeeRate = registry.gauge(
    "bitcoin_mempool_min_fee_rate_satoshis_per_vbyte",
    "Fee rate below which a transaction does not enter the mempool, in satoshis per virtual byte.",
  );
  const relayFeeRate = registry.gauge(
    "bitcoin_min_relay_fee_rate_satoshis_per_vbyte",
    "Fee rate below which the node relays no transaction, however empty the mempool, in satoshis per virtual byte.",
  );
  const unbroadcast = registry.gauge(
    "bitcoin_mempool_unbroadcast_transactions",
    "Transactions in the mempool that no peer has asked for yet.",
  );

  return {
    events: {
      transactionAddedToMempool: () => void added.inc(),
      transactionRemovedFromMempool(reason) {
        removed.inc();
        (reasons[reason] ?? unknownReason).inc();
      },
    },
    queryPolls: [
      poll("Node.getMempoolSize", size, (node) => node.getMempoolSize()),
      poll("Node.getMempoolDynamicUsage", bytes, (node) => node.getMempoolDynamicUsage()),
      poll("Node.getMempoolMaxUsage", maxBytes, (node) => node.getMempoolMaxUsage()),
    ],
    rpcPolls: [
      rpcPoll("getmempoolinfo", [
        seed(size, (info) => result.count(info, "size")),
        seed(bytes, (info) => result.count(info, "usage")),
        seed(maxBytes, (info) => result.count(info, "maxmempool")),
        // The node's word for the virtual size is bytes.
        value(vsize, (info) => result.count(info, "bytes")),
        value(totalFee, (info) => result.satoshis(info, "total_fee")),
        value(minFeeRate, (info) => result.feeRate(info, "mempoolminfee")),
        value(relayFeeRate, (info) => result.feeRate(info, "minrelaytxfee")),
        value(unbroadcast, (info) => result.count(info, "unbroadcastcount")),
      ]),
    ],
  };
}
