// The dashboard of one node: what its operator looks at, from the state at the top to what the exporter costs at the end.

import { bargauge, dashboard, type Mapping, type Row, stat, stateTimeline, timeseries } from "./dashboard.ts";
import { chain, instance } from "./variables.ts";

/** The chosen node, and further matchers. */
function of(family: string, matchers = ""): string {
  return `${family}{instance="$instance"${matchers === "" ? "" : `, ${matchers}`}}`;
}

const rate = (family: string, matchers = "") => `rate(${of(family, matchers)}[$__rate_interval])`;
const increase = (family: string, range = "$__rate_interval") => `increase(${of(family)}[${range}])`;
const TIP_AGE = `time() - ${of("bitcoin_tip_timestamp_seconds")}`;
const SATOSHIS = 1e8;

const UP: Readonly<Record<string, Mapping>> = {
  0: { text: "gone", color: "red" },
  1: { text: "connected", color: "green" },
};
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
      description: "Whether the exporter has a session with the node.",
      unit: "none",
      width: 3,
      mappings: UP,
      steps: [{ color: "red" }, { color: "green", value: 1 }],
      queries: [{ expr: of("bitcoin_ipc_up") }],
    }),
    stat({
      title: "Chain and version",
      description: "What the node is. Nodes of v30 and v31 do not tell.",
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
      description: "Time since the tip's own time, which its miner chose. Blocks come every ten minutes on average.",
      unit: "s",
      width: 3,
      min: 0,
      steps: [{ color: "green" }, { color: "yellow", value: 3600 }, { color: "red", value: 5400 }],
      queries: [{ expr: `clamp_min(${TIP_AGE}, 0)` }],
    }),
    stat({
      title: "Blocks to go",
      description: "Headers that the node has and blocks that it has not.",
      unit: "none",
      width: 3,
      steps: [{ color: "green" }, { color: "yellow", value: 2 }, { color: "red", value: 6 }],
      queries: [{ expr: `clamp_min(${of("bitcoin_header_height")} - ${of("bitcoin_chain_height")}, 0)` }],
    }),
    stat({
      title: "Verified",
      description: "Share of the chain that is verified, as the node estimates it.",
      unit: "percentunit",
      width: 3,
      decimals: 2,
      steps: [{ color: "blue" }, { color: "green", value: 0.9999 }],
      queries: [{ expr: of("bitcoin_verification_progress") }],
    }),
    stat({
      title: "Initial block download",
      description: "Whether the node still downloads the chain. Its UTXO cache is not traced meanwhile.",
      unit: "none",
      width: 3,
      mappings: SYNCING,
      steps: [{ color: "green" }, { color: "blue", value: 1 }],
      queries: [{ expr: of("bitcoin_ibd") }],
    }),
    stat({
      title: "Peers",
      description: "Connected peers. A node makes ten connections itself and takes up to 115 from others.",
      unit: "none",
      width: 3,
      graph: true,
      steps: [{ color: "red" }, { color: "yellow", value: 4 }, { color: "green", value: 8 }],
      queries: [{ expr: of("bitcoin_peers") }],
    }),
    stat({
      title: "Mempool",
      description: "Transactions that wait for a block.",
      unit: "short",
      width: 3,
      graph: true,
      queries: [{ expr: of("bitcoin_mempool_size") }],
    }),
    stat({
      title: "Mempool memory used",
      description: "Share of the memory that the mempool may take. When it is full, the cheapest transactions go.",
      unit: "percentunit",
      width: 3,
      decimals: 1,
      steps: [{ color: "green" }, { color: "yellow", value: 0.8 }, { color: "orange", value: 0.95 }],
      queries: [{ expr: `${of("bitcoin_mempool_bytes")} / ${of("bitcoin_mempool_max_bytes")}` }],
    }),
    stat({
      title: "Next blocks' fee rate",
      description: "The node's estimate for a transaction to be confirmed within two blocks.",
      unit: "suffix: sat/vB",
      width: 4,
      decimals: 1,
      steps: [{ color: "text" }],
      queries: [{ expr: of("bitcoin_fee_estimate_satoshis_per_vbyte", 'target="2"') }],
    }),
    stat({
      title: "Warnings",
      description: "Warnings that the node shows its operator; `getblockchaininfo` has their words.",
      unit: "none",
      width: 3,
      steps: [{ color: "green" }, { color: "orange", value: 1 }],
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
      description: "Which interfaces the node offers; METRICS.md says which families each layout gives.",
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
      description: "The tip and the best header. They part while the node catches up.",
      unit: "none",
      width: 8,
      queries: [
        { expr: of("bitcoin_header_height"), legend: "headers" },
        { expr: of("bitcoin_chain_height"), legend: "blocks" },
      ],
    }),
    timeseries({
      title: "Block age",
      description: "Time since the tip's own time. Falls with each block; miners' clocks may lie ahead.",
      unit: "s",
      width: 8,
      showSteps: true,
      steps: [{ color: "green" }, { color: "yellow", value: 3600 }, { color: "red", value: 5400 }],
      queries: [{ expr: TIP_AGE, legend: "block age" }],
    }),
    stateTimeline({
      title: "State",
      description:
        "Whether the exporter has the node, the node is in initial block download, talks to peers at all, and tells its coins.",
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
        { matcher: { id: "byName", options: "connected" }, properties: [mapped(UP)] },
        { matcher: { id: "byName", options: "initial download" }, properties: [mapped(SYNCING)] },
        { matcher: { id: "byName", options: "network" }, properties: [mapped(ACTIVE)] },
        { matcher: { id: "byName", options: "utxo trace" }, properties: [mapped(ACTIVE)] },
      ],
    }),
    timeseries({
      title: "Blocks per hour",
      description: "Blocks that were connected in the hour before. Six on average.",
      unit: "none",
      width: 8,
      min: 0,
      queries: [{ expr: increase("bitcoin_blocks_connected_total", "1h"), legend: "connected" }],
    }),
    timeseries({
      title: "Reorganizations",
      description: "Blocks that left the active chain. One now and then is normal, three at once is not.",
      unit: "none",
      width: 8,
      min: 0,
      bars: true,
      steps: [{ color: "green" }, { color: "red", value: 3 }],
      queries: [{ expr: increase("bitcoin_blocks_disconnected_total"), legend: "disconnected" }],
    }),
    timeseries({
      title: "Chain tips",
      description: "Ends of the branches that the node knows, without the active one. Asked at every tenth poll.",
      unit: "none",
      width: 8,
      min: 0,
      stack: true,
      queries: [{ expr: of("bitcoin_chain_tips", 'status!="active"'), legend: "{{status}}" }],
    }),
    timeseries({
      title: "Tip changes and flushes",
      description:
        "Changes of the tip, of which several blocks at once make one, and flushes of the chain state to disk.",
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
      description: "Block and undo files on disk.",
      unit: "decbytes",
      width: 8,
      queries: [{ expr: of("bitcoin_size_on_disk_bytes"), legend: "on disk" }],
    }),
    timeseries({
      title: "Difficulty",
      description: "Difficulty of the tip, set anew every 2016 blocks.",
      unit: "short",
      width: 8,
      queries: [{ expr: of("bitcoin_difficulty"), legend: "difficulty" }],
    }),
    timeseries({
      title: "Transactions in the chain",
      description: "Transactions per second, as the node works it out over the last month's worth of blocks.",
      unit: "suffix: /s",
      width: 8,
      min: 0,
      queries: [{ expr: of("bitcoin_chain_transactions_per_second"), legend: "transactions" }],
    }),
    timeseries({
      title: "Indexes behind the tip",
      description: "Blocks that each index has still to take in. A node without indexes has none here.",
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
      description: "Whether each index has come to the tip.",
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
      description: "Transactions in the last block, and what they take and make.",
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
      description: "Weight of the last block's transactions, of the four million units that fit.",
      unit: "percentunit",
      width: 6,
      min: 0,
      queries: [{ expr: `${of("bitcoin_last_block_weight")} / 4e6`, legend: "of the limit" }],
    }),
    timeseries({
      title: "Fees",
      description: "Fees that the last block's transactions paid.",
      unit: "suffix: BTC",
      width: 6,
      min: 0,
      queries: [{ expr: `${of("bitcoin_last_block_total_fee_satoshis")} / ${SATOSHIS}`, legend: "fees" }],
    }),
    timeseries({
      title: "Interval",
      description: "Time from the block before, by their headers; below zero when the miners' clocks differ that much.",
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
      description: "Transactions that wait for a block, and those of the node's own that no peer has asked for yet.",
      unit: "short",
      width: 8,
      min: 0,
      queries: [
        { expr: of("bitcoin_mempool_size"), legend: "waiting" },
        { expr: of("bitcoin_mempool_unbroadcast_transactions"), legend: "unbroadcast" },
      ],
    }),
    timeseries({
      title: "Memory",
      description: "Memory that the mempool takes, and that it may take (`-maxmempool`).",
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
      description: "Virtual size of its transactions: a block takes a million.",
      unit: "suffix: vB",
      width: 8,
      min: 0,
      queries: [{ expr: of("bitcoin_mempool_vsize_bytes"), legend: "virtual size" }],
    }),
    timeseries({
      title: "Transactions in and out",
      description:
        "Transactions that entered, and that left for another reason than a block, which the node does not tell.",
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
      description: "Why transactions left: replaced by a better paying one, expired, pushed out of a full mempool, ….",
      unit: "suffix: /s",
      width: 8,
      min: 0,
      stack: true,
      queries: [{ expr: rate("bitcoin_mempool_tx_removed_by_reason_total"), legend: "{{reason}}" }],
    }),
    timeseries({
      title: "Fees that wait",
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
      description: "Fee rate to be confirmed within so many blocks, as the node estimates it.",
      unit: "suffix: sat/vB",
      width: 12,
      logarithmic: true,
      legendAt: "right",
      queries: [{ expr: of("bitcoin_fee_estimate_satoshis_per_vbyte"), legend: "{{target}} blocks" }],
    }),
    bargauge({
      title: "Estimates now",
      description: "The same at this moment.",
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
      title: "Floor",
      description: "Below these nothing enters the mempool, and nothing is relayed. The first rises when it is full.",
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
      description: "Peers that the node connected to, and that connected to it.",
      unit: "none",
      width: 8,
      min: 0,
      stack: true,
      queries: [{ expr: connections("direction"), legend: "{{direction}}" }],
    }),
    timeseries({
      title: "By network",
      description: "Networks that the peers are reached by.",
      unit: "none",
      width: 8,
      min: 0,
      stack: true,
      queries: [{ expr: connections("network"), legend: "{{network}}" }],
    }),
    timeseries({
      title: "By type and transport",
      description: "What the connections are for, and whether they are encrypted (v2).",
      unit: "none",
      width: 8,
      min: 0,
      stack: true,
      queries: [{ expr: connections("connection_type, transport"), legend: "{{connection_type}} {{transport}}" }],
    }),
    timeseries({
      title: "Bandwidth",
      description: "Bytes that were received from peers, and, downwards, sent to them.",
      unit: "Bps",
      width: 8,
      queries: [
        { expr: rate("bitcoin_bytes_recv_total"), legend: "received" },
        { expr: `-${rate("bitcoin_bytes_sent_total")}`, legend: "sent" },
      ],
    }),
    timeseries({
      title: "Ping times",
      description: "Median of the peers' last ping times, and the least ever seen of one that is connected.",
      unit: "s",
      width: 8,
      min: 0,
      queries: [
        { expr: of("bitcoin_peer_ping_median_seconds"), legend: "median" },
        { expr: of("bitcoin_peer_ping_min_seconds"), legend: "least" },
      ],
    }),
    timeseries({
      title: "Banned",
      description: "Addresses and subnets that are banned.",
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
      description: "Coins added to the cache, spent, and dropped unspent. Looked up for the mempool, they move too.",
      unit: "suffix: /s",
      width: 8,
      min: 0,
      queries: [
        { expr: rate("bitcoin_utxo_cache_add_total"), legend: "added" },
        { expr: rate("bitcoin_utxo_cache_spend_total"), legend: "spent" },
        { expr: rate("bitcoin_utxo_cache_uncache_total"), legend: "dropped" },
      ],
    }),
    timeseries({
      title: "Value",
      description: "The same in bitcoin.",
      unit: "suffix: BTC/s",
      width: 8,
      min: 0,
      queries: [
        { expr: `${rate("bitcoin_utxo_cache_add_value_total")} / ${SATOSHIS}`, legend: "added" },
        { expr: `${rate("bitcoin_utxo_cache_spend_value_total")} / ${SATOSHIS}`, legend: "spent" },
        { expr: `${rate("bitcoin_utxo_cache_uncache_value_total")} / ${SATOSHIS}`, legend: "dropped" },
      ],
    }),
    timeseries({
      title: "Added less spent",
      description: "By how many coins the set of unspent coins grew in the hour before, as the cache shows it.",
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
      title: "Calls that the node waits for",
      description: "Events a second: a thread of the node waits for the answer to each. Those of coins are the most.",
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
      title: "Busy with callbacks",
      description: "Share of time in which the node was calling back; above --trace-budget the UTXO trace is ended.",
      unit: "percentunit",
      width: 6,
      min: 0,
      queries: [{ expr: rate("bitcoin_ipc_callback_busy_seconds_total"), legend: "busy" }],
    }),
    timeseries({
      title: "Polls",
      description: "How long the last poll took, and how long ago it was: up to the poll interval.",
      unit: "s",
      width: 6,
      min: 0,
      queries: [
        { expr: of("bitcoin_ipc_poll_duration_seconds"), legend: "took" },
        { expr: `time() - ${of("bitcoin_ipc_last_poll_timestamp_seconds")}`, legend: "ago" },
      ],
    }),
    timeseries({
      title: "Failed calls",
      description: "Calls to the node, or of the node's, that failed. None is best; then there is nothing here.",
      unit: "none",
      width: 6,
      min: 0,
      bars: true,
      queries: [{ expr: increase("bitcoin_ipc_call_errors_total"), legend: "{{method}}" }],
    }),
    timeseries({
      title: "CPU",
      description: "What the exporter takes of one core.",
      unit: "percentunit",
      width: 6,
      min: 0,
      queries: [{ expr: rate("process_cpu_seconds_total"), legend: "CPU" }],
    }),
    timeseries({
      title: "Memory",
      description: "Memory that the exporter takes.",
      unit: "bytes",
      width: 6,
      min: 0,
      queries: [{ expr: of("process_resident_memory_bytes"), legend: "resident" }],
    }),
    timeseries({
      title: "Sessions and dropped lines",
      description: "Sessions opened with the node in the hour before, and log lines that nobody read.",
      unit: "none",
      width: 6,
      min: 0,
      queries: [
        { expr: increase("bitcoin_ipc_connects_total", "1h"), legend: "sessions per hour" },
        { expr: increase("bitcoin_ipc_exporter_log_lines_dropped_total", "1h"), legend: "lines per hour" },
      ],
    }),
    stat({
      title: "Exporter",
      description: "Version and source of the exporter.",
      unit: "none",
      width: 3,
      height: 8,
      show: "name",
      steps: [{ color: "text" }],
      queries: [{ expr: of("bitcoin_ipc_exporter_build_info"), legend: "{{version}} {{revision}}" }],
    }),
    stat({
      title: "Open files",
      description: "File descriptors that the exporter has open, of those it may.",
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
  description: "One Bitcoin Core node, seen by bitcoind-ipc-exporter. What its layout does not give stays empty.",
  tag: "bitcoin",
  variables: [chain, instance({ multi: false })],
  rows: [now, chainRow, lastBlock, mempool, fees, peers, utxo, exporter],
});
