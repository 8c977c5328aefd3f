// The mempool: its size, and the transactions added and removed.

import { type Row, stateTimeline, timeseries } from "../dashboard.ts";
import { of, quantile, rate, SATOSHIS } from "./queries.ts";

export const mempoolRow: Row = {
  title: "Mempool",
  panels: [
    timeseries({
      title: "Transactions",
      description: "Transactions in the mempool, and the node's own transactions that no peer has requested yet.",
      unit: "short",
      width: 8,
      min: 0,
      queries: [
        { expr: of("bitcoin_mempool_size"), legend: "all" },
        { expr: of("bitcoin_mempool_unbroadcast_transactions"), legend: "unbroadcast" },
      ],
    }),
    timeseries({
      title: "Memory",
      description: "Memory used by the mempool, and its limit (`-maxmempool`).",
      unit: "bytes",
      width: 8,
      min: 0,
      queries: [
        { expr: of("bitcoin_mempool_bytes"), legend: "used" },
        { expr: of("bitcoin_mempool_max_bytes"), legend: "limit" },
      ],
      overrides: [
        {
          matcher: { id: "byName", options: "limit" },
          properties: [
            { id: "color", value: { mode: "fixed", fixedColor: "red" } },
            { id: "custom.lineStyle", value: { fill: "dash", dash: [8, 8] } },
            { id: "custom.fillOpacity", value: 0 },
          ],
        },
      ],
    }),
    timeseries({
      title: "Virtual size",
      description: "Virtual size of the mempool's transactions. A block holds one million virtual bytes.",
      unit: "si:vB",
      width: 8,
      min: 0,
      queries: [{ expr: of("bitcoin_mempool_vsize_bytes"), legend: "virtual size" }],
    }),
    timeseries({
      title: "Transactions added and removed",
      description:
        "Transactions added, and removed for another reason than a block. Reported by nodes with notifications; the releases do not have them.",
      unit: "suffix: /s",
      width: 8,
      min: 0,
      queries: [
        { expr: rate("bitcoin_mempool_tx_added_total"), legend: "added" },
        { expr: rate("bitcoin_mempool_tx_removed_total"), legend: "removed" },
      ],
    }),
    timeseries({
      title: "Removals by reason",
      description:
        "Removed transactions by reason. Reported by nodes with notifications; the releases do not have them.",
      unit: "suffix: /s",
      width: 8,
      min: 0,
      stack: true,
      queries: [{ expr: rate("bitcoin_mempool_tx_removed_by_reason_total"), legend: "{{reason}}" }],
    }),
    timeseries({
      title: "Fees",
      description: "Fees of all transactions in the mempool.",
      unit: "suffix: BTC",
      width: 8,
      min: 0,
      queries: [{ expr: `${of("bitcoin_mempool_total_fee_satoshis")} / ${SATOSHIS}`, legend: "fees" }],
    }),
    timeseries({
      title: "Sizes of transactions",
      description:
        "Sizes of the transactions added, with their witnesses: median and 90th percentile. Reported by nodes with notifications; the releases do not have them.",
      unit: "bytes",
      width: 8,
      min: 0,
      queries: [
        { expr: quantile(0.5, "bitcoin_mempool_tx_added_size_bytes"), legend: "median" },
        { expr: quantile(0.9, "bitcoin_mempool_tx_added_size_bytes"), legend: "90th percentile" },
      ],
    }),
    timeseries({
      title: "Bytes added",
      description:
        "Bytes of the transactions added. Reported by nodes with notifications; the releases do not have them.",
      unit: "Bps",
      width: 8,
      min: 0,
      queries: [{ expr: rate("bitcoin_mempool_tx_added_size_bytes_sum"), legend: "added" }],
    }),
    stateTimeline({
      title: "Order and start",
      description:
        "Whether the mempool of the node's last run is loaded, and whether the order of its transactions is known to be optimal (v31 and later).",
      unit: "none",
      width: 8,
      mappings: { 0: { text: "no", color: "orange" }, 1: { text: "yes", color: "green" } },
      steps: [{ color: "orange" }, { color: "green", value: 1 }],
      queries: [
        { expr: of("bitcoin_mempool_loaded"), legend: "loaded" },
        { expr: of("bitcoin_mempool_optimal"), legend: "optimal" },
      ],
    }),
  ],
};
