// The dashboard of one node: its state first, then each subject, and at the end the cost of the exporter.

import { type Annotation, dashboard } from "./dashboard.ts";
import { blocksRow } from "./node/blocks.ts";
import { chainRow } from "./node/chain.ts";
import { coinsRow } from "./node/coins.ts";
import { difficultyRow } from "./node/difficulty.ts";
import { exporterRow } from "./node/exporter.ts";
import { feeRatesRow } from "./node/fee-rates.ts";
import { feesRow } from "./node/fees.ts";
import { mempoolRow } from "./node/mempool.ts";
import { nodeRow } from "./node/node.ts";
import { nowRow } from "./node/now.ts";
import { peerHealthRow } from "./node/peer-health.ts";
import { peersRow } from "./node/peers.ts";
import { increase, of } from "./node/queries.ts";
import { trafficRow } from "./node/traffic.ts";
import { chain, instance } from "./variables.ts";

const annotations: readonly Annotation[] = [
  {
    name: "Blocks",
    color: "blue",
    title: "block",
    // One line per block, which is too many for a day.
    isShown: false,
    at: "value",
    expr: `${of("bitcoin_tip_timestamp_seconds")} * 1000`,
  },
  {
    name: "Reorganizations",
    color: "red",
    title: "reorganization",
    at: "sample",
    expr: `${increase("bitcoin_blocks_disconnected_total")} > 0`,
  },
  {
    name: "Node starts",
    color: "purple",
    title: "node start",
    at: "value",
    expr: `(time() - ${of("bitcoin_uptime_seconds")}) * 1000`,
  },
  {
    name: "UTXO trace paused",
    color: "orange",
    title: "UTXO trace inactive",
    at: "sample",
    expr: `1 - ${of("bitcoin_utxo_trace_active")} > 0 and ${of("bitcoin_ibd")} == 0`,
  },
];

export const bitcoinNode = dashboard({
  uid: "bitcoin-node",
  title: "Bitcoin node",
  description:
    "One Bitcoin Core node, by the metrics of bitcoind-ipc-exporter. Panels for metrics that the node does not report stay empty.",
  tag: "bitcoin",
  variables: [chain, instance({ multi: false })],
  annotations,
  rows: [
    ...[nowRow, chainRow, mempoolRow, feeRatesRow, feesRow, blocksRow, difficultyRow],
    ...[trafficRow, peersRow, peerHealthRow, nodeRow, coinsRow, exporterRow],
  ],
});
