// The dashboard of one node: its state first, then each subject, and at the end what the exporter costs.

import { bargauge, dashboard, type Mapping, type Row, stat, stateTimeline, timeseries } from "./dashboard.ts";
import {
  BLOCKS_BEHIND_STEPS,
  CONNECTED,
  CONNECTED_STEPS,
  nodeQueries,
  PEERS_STEPS,
  TIP_AGE_STEPS,
  WARNINGS_STEPS,
} from "./node-queries.ts";
import { chain, instance } from "./variables.ts";

const { of, rate, increase, tipAge, blocksBehind, mempoolUsed } = nodeQueries('instance="$instance"');
const SATOSHIS = 1e8;

const SYNCING: Readonly<Record<string, Mapping>> = {
  0: { text: "no", color: "green" },
  1: { text: "yes", color: "blue" },
};
const ACTIVE: Readonly<Record<string, Mapping>> = {
  0: { text: "off", color: "red" },
  1: { text: "on", color: "green" },
};

const now: Row = {
  title: "Now",
  panels: [
    stat({
      title: "Node",
      description: "Whether the exporter is connected to the node.",
      unit: "none",
      width: 3,
      mappings: CONNECTED,
      steps: CONNECTED_STEPS,
      queries: [{ expr: of("bitcoin_ipc_up") }],
    }),
    stat({
      title: "Chain and version",
      description: "Chain and version of the node. v30 and v31 report them with --rpc-url only.",
      unit: "none",
      width: 5,
      steps: [{ color: "text" }],
      show: "name",
      queries: [{ expr: of("bitcoin_node_info"), legend: "{{chain}} {{subversion}}" }],
    }),
    stat({
      title: "Height",
      description: "Height of the tip.",
      unit: "none",
      width: 4,
      graph: true,
      queries: [{ expr: of("bitcoin_chain_height") }],
    }),
    stat({
      title: "Block age",
      description:
        "Time since the timestamp in the tip's header, which its miner chose. Blocks arrive every ten minutes on average.",
      unit: "s",
      width: 3,
      min: 0,
      steps: TIP_AGE_STEPS,
      queries: [{ expr: `clamp_min(${tipAge}, 0)` }],
    }),
    stat({
      title: "Blocks behind",
      description: "Blocks that the node has not connected although it has their headers.",
      unit: "none",
      width: 3,
      steps: BLOCKS_BEHIND_STEPS,
      queries: [{ expr: blocksBehind }],
    }),
    stat({
      title: "Verified",
      description: "Verified share of the chain, as the node estimates it.",
      unit: "percentunit",
      width: 3,
      decimals: 2,
      steps: [{ color: "blue" }, { color: "green", value: 0.9999 }],
      queries: [{ expr: of("bitcoin_verification_progress") }],
    }),
    stat({
      title: "Initial block download",
      description:
        "Whether the node still downloads the chain. The exporter does not trace the UTXO cache during that time.",
      unit: "none",
      width: 3,
      mappings: SYNCING,
      steps: [{ color: "green" }, { color: "blue", value: 1 }],
      queries: [{ expr: of("bitcoin_ibd") }],
    }),
    stat({
      title: "Peers",
      description:
        "Connected peers. By default a node makes 10 outbound connections and accepts 115 inbound ones, 189 from v32 on.",
      unit: "none",
      width: 3,
      graph: true,
      steps: PEERS_STEPS,
      queries: [{ expr: of("bitcoin_peers") }],
    }),
    stat({
      title: "Mempool",
      description: "Transactions in the mempool.",
      unit: "short",
      width: 3,
      graph: true,
      queries: [{ expr: of("bitcoin_mempool_size") }],
    }),
    stat({
      title: "Mempool memory used",
      description: "Memory used by the mempool, relative to its limit. A full mempool drops its cheapest transactions.",
      unit: "percentunit",
      width: 3,
      decimals: 1,
      steps: [{ color: "green" }, { color: "yellow", value: 0.8 }, { color: "orange", value: 0.95 }],
      queries: [{ expr: mempoolUsed }],
    }),
    stat({
      title: "Next blocks' fee rate",
      description: "Estimated fee rate for confirmation within two blocks.",
      unit: "suffix: sat/vB",
      width: 4,
      decimals: 1,
      steps: [{ color: "text" }],
      queries: [{ expr: of("bitcoin_fee_estimate_satoshis_per_vbyte", 'target="2"') }],
    }),
    stat({
      title: "Warnings",
      description: "Number of the node's warnings. `bitcoin-cli getblockchaininfo` shows their text.",
      unit: "none",
      width: 3,
      steps: WARNINGS_STEPS,
      queries: [{ expr: of("bitcoin_warnings") }],
    }),
    stat({
      title: "Uptime",
      description: "Time since the node started.",
      unit: "s",
      width: 4,
      steps: [{ color: "text" }],
      queries: [{ expr: of("bitcoin_uptime_seconds") }],
    }),
    stat({
      title: "IPC layout",
      description: "Interfaces that the node exposes. METRICS.md lists which families each layout reports.",
      unit: "none",
      width: 4,
      steps: [{ color: "text" }],
      show: "name",
      queries: [{ expr: of("bitcoin_ipc_layout_info"), legend: "{{layout}}" }],
    }),
  ],
};

const chainRow: Row = {
  title: "Chain",
  panels: [
    timeseries({
      title: "Height and headers",
      description: "Height of the tip and of the best header. They differ while the node catches up.",
      unit: "none",
      width: 8,
      queries: [
        { expr: of("bitcoin_header_height"), legend: "headers" },
        { expr: of("bitcoin_chain_height"), legend: "blocks" },
      ],
    }),
    timeseries({
      title: "Block age",
      description: "Time since the timestamp in the tip's header. Negative if the miner's clock is ahead.",
      unit: "s",
      width: 8,
      showSteps: true,
      steps: TIP_AGE_STEPS,
      queries: [{ expr: tipAge, legend: "block age" }],
    }),
    stateTimeline({
      title: "State",
      description: "Connection to the node, initial block download, networking, and UTXO trace (pr/trace only).",
      unit: "none",
      width: 8,
      steps: [{ color: "red" }, { color: "green", value: 1 }],
      queries: [
        { expr: of("bitcoin_ipc_up"), legend: "connected" },
        { expr: of("bitcoin_ibd"), legend: "initial download" },
        { expr: of("bitcoin_network_active"), legend: "network" },
        { expr: of("bitcoin_utxo_trace_active"), legend: "utxo trace" },
      ],
      overrides: [
        { matcher: { id: "byName", options: "connected" }, properties: [mapped(CONNECTED)] },
        { matcher: { id: "byName", options: "initial download" }, properties: [mapped(SYNCING)] },
        { matcher: { id: "byName", options: "network" }, properties: [mapped(ACTIVE)] },
        { matcher: { id: "byName", options: "utxo trace" }, properties: [mapped(ACTIVE)] },
      ],
    }),
    timeseries({
      title: "Blocks per hour",
      description: "Blocks connected within the last hour. The average is six.",
      unit: "none",
      width: 8,
      min: 0,
      queries: [{ expr: increase("bitcoin_blocks_connected_total", "1h"), legend: "connected" }],
    }),
    timeseries({
      title: "Reorganizations",
      description: "Blocks disconnected from the active chain. One at a time is normal on mainnet, three are not.",
      unit: "none",
      width: 8,
      min: 0,
      bars: true,
      steps: [{ color: "green" }, { color: "red", value: 3 }],
      queries: [{ expr: increase("bitcoin_blocks_disconnected_total"), legend: "disconnected" }],
    }),
    timeseries({
      title: "Chain tips",
      description: "Known chain tips other than the active one, by status. Read at every 10th poll.",
      unit: "none",
      width: 8,
      min: 0,
      stack: true,
      queries: [{ expr: of("bitcoin_chain_tips", 'status!="active"'), legend: "{{status}}" }],
    }),
    timeseries({
      title: "Tip changes and flushes",
      description:
        "Changes of the tip, and flushes of the chain state to disk. Several blocks connected at once are one change. The releases do not report flushes.",
      unit: "none",
      width: 8,
      min: 0,
      queries: [
        { expr: increase("bitcoin_tip_updates_total", "1h"), legend: "tip changes per hour" },
        { expr: increase("bitcoin_chain_state_flushes_total", "1h"), legend: "flushes per hour" },
      ],
    }),
    timeseries({
      title: "Block files",
      description: "Size of block and undo files on disk.",
      unit: "decbytes",
      width: 8,
      queries: [{ expr: of("bitcoin_size_on_disk_bytes"), legend: "on disk" }],
    }),
    timeseries({
      title: "Difficulty",
      description: "Difficulty of the tip. It changes every 2016 blocks.",
      unit: "short",
      width: 8,
      queries: [{ expr: of("bitcoin_difficulty"), legend: "difficulty" }],
    }),
    timeseries({
      title: "Transactions in the chain",
      description: "Transactions per second, averaged by the node over the last 30 days of blocks.",
      unit: "suffix: /s",
      width: 8,
      min: 0,
      queries: [{ expr: of("bitcoin_chain_transactions_per_second"), legend: "transactions" }],
    }),
    timeseries({
      title: "Indexes behind the tip",
      description: "Blocks that each index still has to process. Empty on a node without indexes.",
      unit: "none",
      width: 8,
      min: 0,
      queries: [
        {
          expr: `clamp_min(${of("bitcoin_chain_height")} - on (instance) group_right () ${of("bitcoin_index_height")}, 0)`,
          legend: "{{index}}",
        },
      ],
    }),
    stateTimeline({
      title: "Indexes",
      description: "Whether each index has reached the tip. Empty on a node without indexes.",
      unit: "none",
      width: 8,
      mappings: { 0: { text: "building", color: "blue" }, 1: { text: "synced", color: "green" } },
      steps: [{ color: "blue" }, { color: "green", value: 1 }],
      queries: [{ expr: of("bitcoin_index_synced"), legend: "{{index}}" }],
    }),
  ],
};

const lastBlock: Row = {
  title: "Last block",
  panels: [
    timeseries({
      title: "Transactions",
      description: "Transactions in the last block, and their inputs and outputs.",
      unit: "short",
      width: 6,
      min: 0,
      queries: [
        { expr: of("bitcoin_last_block_transactions"), legend: "transactions" },
        { expr: of("bitcoin_last_block_inputs"), legend: "inputs" },
        { expr: of("bitcoin_last_block_outputs"), legend: "outputs" },
      ],
    }),
    timeseries({
      title: "Fullness",
      description: "Weight of the last block's transactions, relative to the limit of four million.",
      unit: "percentunit",
      width: 6,
      min: 0,
      queries: [{ expr: `${of("bitcoin_last_block_weight")} / 4e6`, legend: "of the limit" }],
    }),
    timeseries({
      title: "Fees",
      description: "Fees paid by the last block's transactions.",
      unit: "suffix: BTC",
      width: 6,
      min: 0,
      queries: [{ expr: `${of("bitcoin_last_block_total_fee_satoshis")} / ${SATOSHIS}`, legend: "fees" }],
    }),
    timeseries({
      title: "Interval",
      description:
        "Time between the headers of the last block and its predecessor. Negative if the miners' clocks differ by more.",
      unit: "s",
      width: 6,
      queries: [{ expr: of("bitcoin_last_block_interval_seconds"), legend: "interval" }],
    }),
  ],
};

const mempool: Row = {
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
      unit: "suffix: vB",
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
  ],
};

const fees: Row = {
  title: "Fee rates",
  panels: [
    timeseries({
      title: "Estimates",
      description: "Estimated fee rate for confirmation within the given number of blocks. Empty with `-blocksonly`.",
      unit: "suffix: sat/vB",
      width: 12,
      logarithmic: true,
      legendAt: "right",
      queries: [{ expr: of("bitcoin_fee_estimate_satoshis_per_vbyte"), legend: "{{target}} blocks" }],
    }),
    bargauge({
      title: "Estimates now",
      description: "The current estimates by target.",
      unit: "suffix: sat/vB",
      width: 6,
      min: 0,
      steps: [{ color: "blue" }],
      queries: [
        {
          expr: `sort_desc(${of("bitcoin_fee_estimate_satoshis_per_vbyte")})`,
          legend: "{{target}} blocks",
          instant: true,
        },
      ],
    }),
    timeseries({
      title: "Minimum fee rates",
      description:
        "Minimum fee rate to enter the mempool, and to be relayed. The first rises when the mempool is full.",
      unit: "suffix: sat/vB",
      width: 6,
      min: 0,
      queries: [
        { expr: of("bitcoin_mempool_min_fee_rate_satoshis_per_vbyte"), legend: "mempool" },
        { expr: of("bitcoin_min_relay_fee_rate_satoshis_per_vbyte"), legend: "relay" },
      ],
    }),
  ],
};

const connections = (label: string) => `sum by (${label}) (${of("bitcoin_connections")})`;

const peers: Row = {
  title: "Peers",
  panels: [
    timeseries({
      title: "By direction",
      description: "Peers by the direction of the connection.",
      unit: "none",
      width: 8,
      min: 0,
      stack: true,
      queries: [{ expr: connections("direction"), legend: "{{direction}}" }],
    }),
    timeseries({
      title: "By network",
      description: "Peers by the network of the connection.",
      unit: "none",
      width: 8,
      min: 0,
      stack: true,
      queries: [{ expr: connections("network"), legend: "{{network}}" }],
    }),
    timeseries({
      title: "By type and transport",
      description: "Peers by the type of the connection and by transport; v2 is encrypted.",
      unit: "none",
      width: 8,
      min: 0,
      stack: true,
      queries: [{ expr: connections("connection_type, transport"), legend: "{{connection_type}} {{transport}}" }],
    }),
    timeseries({
      title: "Bandwidth",
      description: "Bytes received from peers, and bytes sent to them as negative values.",
      unit: "Bps",
      width: 8,
      queries: [
        { expr: rate("bitcoin_bytes_recv_total"), legend: "received" },
        { expr: `-${rate("bitcoin_bytes_sent_total")}`, legend: "sent" },
      ],
    }),
    timeseries({
      title: "Ping times",
      description: "Median of the peers' last ping times, and the lowest ping time of any connected peer.",
      unit: "s",
      width: 8,
      min: 0,
      queries: [
        { expr: of("bitcoin_peer_ping_median_seconds"), legend: "median" },
        { expr: of("bitcoin_peer_ping_min_seconds"), legend: "lowest" },
      ],
    }),
    timeseries({
      title: "Banned",
      description: "Banned addresses and subnets.",
      unit: "none",
      width: 8,
      min: 0,
      queries: [{ expr: of("bitcoin_banned_subnets"), legend: "banned" }],
    }),
  ],
};

const utxo: Row = {
  title: "UTXO cache",
  panels: [
    timeseries({
      title: "Coins",
      description:
        "Coins added to the cache, spent, and removed unspent. Transactions entering the mempool look up coins too. Reported by pr/trace nodes.",
      unit: "suffix: /s",
      width: 8,
      min: 0,
      queries: [
        { expr: rate("bitcoin_utxo_cache_add_total"), legend: "added" },
        { expr: rate("bitcoin_utxo_cache_spend_total"), legend: "spent" },
        { expr: rate("bitcoin_utxo_cache_uncache_total"), legend: "removed" },
      ],
    }),
    timeseries({
      title: "Value",
      description: "Value of these coins. Reported by pr/trace nodes.",
      unit: "suffix: BTC/s",
      width: 8,
      min: 0,
      queries: [
        { expr: `${rate("bitcoin_utxo_cache_add_value_total")} / ${SATOSHIS}`, legend: "added" },
        { expr: `${rate("bitcoin_utxo_cache_spend_value_total")} / ${SATOSHIS}`, legend: "spent" },
        { expr: `${rate("bitcoin_utxo_cache_uncache_value_total")} / ${SATOSHIS}`, legend: "removed" },
      ],
    }),
    timeseries({
      title: "Added minus spent",
      description: "Growth of the UTXO set within the last hour, as the cache shows it. Reported by pr/trace nodes.",
      unit: "short",
      width: 8,
      queries: [
        {
          expr: `${increase("bitcoin_utxo_cache_add_total", "1h")} - ${increase("bitcoin_utxo_cache_spend_total", "1h")}`,
          legend: "coins per hour",
        },
      ],
    }),
  ],
};

const exporter: Row = {
  title: "Exporter and its cost to the node",
  panels: [
    timeseries({
      title: "Events",
      description:
        "Events per second. Each is a callback that a thread of the node waits for, except for blocks of v30, v31 and v32.",
      unit: "suffix: /s",
      width: 6,
      min: 0,
      stack: true,
      queries: [
        {
          expr: [
            rate("bitcoin_utxo_cache_add_total"),
            rate("bitcoin_utxo_cache_spend_total"),
            rate("bitcoin_utxo_cache_uncache_total"),
          ].join(" + "),
          legend: "coins",
        },
        {
          expr: [rate("bitcoin_mempool_tx_added_total"), rate("bitcoin_mempool_tx_removed_total")].join(" + "),
          legend: "transactions",
        },
        {
          expr: [rate("bitcoin_blocks_connected_total"), rate("bitcoin_blocks_disconnected_total")].join(" + "),
          legend: "blocks",
        },
      ],
    }),
    timeseries({
      title: "Callback load",
      description:
        "Share of time that the node spent in callbacks. Above --trace-budget the exporter pauses the UTXO trace.",
      unit: "percentunit",
      width: 6,
      min: 0,
      queries: [{ expr: rate("bitcoin_ipc_callback_busy_seconds_total"), legend: "busy" }],
    }),
    timeseries({
      title: "Polls",
      description: "Duration of the last poll, and time since it ended.",
      unit: "s",
      width: 6,
      min: 0,
      queries: [
        { expr: of("bitcoin_ipc_poll_duration_seconds"), legend: "duration" },
        { expr: `time() - ${of("bitcoin_ipc_last_poll_timestamp_seconds")}`, legend: "time since" },
      ],
    }),
    timeseries({
      title: "Failed calls",
      description: "Failed calls by method. Empty if no call has failed.",
      unit: "none",
      width: 6,
      min: 0,
      bars: true,
      queries: [{ expr: increase("bitcoin_ipc_call_errors_total"), legend: "{{method}}" }],
    }),
    timeseries({
      title: "CPU",
      description: "CPU time of the exporter, relative to one core.",
      unit: "percentunit",
      width: 6,
      min: 0,
      queries: [{ expr: rate("process_cpu_seconds_total"), legend: "CPU" }],
    }),
    timeseries({
      title: "Memory",
      description: "Resident memory of the exporter.",
      unit: "bytes",
      width: 6,
      min: 0,
      queries: [{ expr: of("process_resident_memory_bytes"), legend: "resident" }],
    }),
    timeseries({
      title: "Connections and dropped lines",
      description: "Connections to the node, and log lines that stderr did not accept, within the last hour.",
      unit: "none",
      width: 6,
      min: 0,
      queries: [
        { expr: increase("bitcoin_ipc_connects_total", "1h"), legend: "connections per hour" },
        { expr: increase("bitcoin_ipc_exporter_log_lines_dropped_total", "1h"), legend: "lines per hour" },
      ],
    }),
    stat({
      title: "Exporter",
      description: "Version and revision of the exporter.",
      unit: "none",
      width: 3,
      height: 8,
      show: "name",
      steps: [{ color: "text" }],
      queries: [{ expr: of("bitcoin_ipc_exporter_build_info"), legend: "{{version}} {{revision}}" }],
    }),
    stat({
      title: "Open files",
      description: "File descriptors that the exporter has open, relative to its limit.",
      unit: "percentunit",
      width: 3,
      height: 8,
      steps: [{ color: "green" }, { color: "red", value: 0.8 }],
      queries: [{ expr: `${of("process_open_fds")} / ${of("process_max_fds")}` }],
    }),
  ],
};

function mapped(options: Readonly<Record<string, Mapping>>): { id: string; value: unknown } {
  return { id: "mappings", value: [{ type: "value", options }] };
}

export const bitcoinNode = dashboard({
  uid: "bitcoin-node",
  title: "Bitcoin node",
  description:
    "One Bitcoin Core node, as bitcoind-ipc-exporter sees it. Panels for metrics that the node does not report stay empty.",
  tag: "bitcoin",
  variables: [chain, instance({ multi: false })],
  rows: [now, chainRow, lastBlock, mempool, fees, peers, utxo, exporter],
});
