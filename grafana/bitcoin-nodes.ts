// The dashboard of many nodes: who is there, who is behind, who is different.

import { dashboard, type Mapping, type Row, stat, stateTimeline, table, timeseries } from "./dashboard.ts";
import { chain, instance } from "./variables.ts";

/** The chosen nodes. */
function of(family: string, matchers = ""): string {
  return `${family}{instance=~"$instance"${matchers === "" ? "" : `, ${matchers}`}}`;
}

const each = (expr: string) => `max by (instance) (${expr})`;
const TIP_AGE = `time() - ${of("bitcoin_tip_timestamp_seconds")}`;
const BLOCKS_TO_GO = `clamp_min(${of("bitcoin_header_height")} - ${of("bitcoin_chain_height")}, 0)`;
const MEMPOOL_USED = `${of("bitcoin_mempool_bytes")} / ${of("bitcoin_mempool_max_bytes")}`;

const UP: Readonly<Record<string, Mapping>> = {
  0: { text: "gone", color: "red" },
  1: { text: "connected", color: "green" },
};

const nodes: Row = {
  title: "Nodes",
  panels: [
    stat({
      title: "Connected",
      description: "Nodes that their exporter has a session with.",
      unit: "none",
      width: 4,
      queries: [{ expr: `sum(${of("bitcoin_ipc_up")})` }],
    }),
    stat({
      title: "Gone",
      description: "Nodes that their exporter does not reach.",
      unit: "none",
      width: 4,
      steps: [{ color: "green" }, { color: "red", value: 1 }],
      queries: [{ expr: `count(${of("bitcoin_ipc_up")}) - sum(${of("bitcoin_ipc_up")})` }],
    }),
    stat({
      title: "Nodes by chain",
      description: "Nodes on each chain. Those of v30 and v31 do not tell theirs.",
      unit: "none",
      width: 8,
      steps: [{ color: "text" }],
      queries: [
        {
          expr:
            `count by (chain) (${of("bitcoin_node_info")}) or label_replace(count(${of("bitcoin_ipc_up")} ` +
            `unless on (job, instance) ${of("bitcoin_node_info")}), "chain", "not told", "", "")`,
          legend: "{{chain}}",
        },
      ],
    }),
    stat({
      title: "In initial block download",
      description: "Nodes that still download the chain.",
      unit: "none",
      width: 4,
      steps: [{ color: "green" }, { color: "blue", value: 1 }],
      queries: [{ expr: `sum(${of("bitcoin_ibd")})` }],
    }),
    stat({
      title: "With warnings",
      description: "Nodes that warn their operator.",
      unit: "none",
      width: 4,
      steps: [{ color: "green" }, { color: "orange", value: 1 }],
      queries: [{ expr: `sum(${of("bitcoin_warnings")} > bool 0)` }],
    }),
    table({
      title: "Each node",
      description: "What each node is and how it does. What its layout does not give is empty.",
      unit: "none",
      width: 24,
      height: 9,
      by: "instance",
      queries: [
        { expr: each(of("bitcoin_ipc_up")), instant: true },
        { expr: `max by (instance, chain, subversion) (${of("bitcoin_node_info")})`, instant: true },
        { expr: `max by (instance, layout) (${of("bitcoin_ipc_layout_info")})`, instant: true },
        { expr: each(of("bitcoin_chain_height")), instant: true },
        { expr: each(BLOCKS_TO_GO), instant: true },
        { expr: each(TIP_AGE), instant: true },
        { expr: each(of("bitcoin_peers")), instant: true },
        { expr: each(of("bitcoin_mempool_size")), instant: true },
        { expr: each(MEMPOOL_USED), instant: true },
        { expr: each(of("bitcoin_warnings")), instant: true },
        { expr: each(of("bitcoin_uptime_seconds")), instant: true },
      ],
      columns: [
        { from: "instance", title: "Node" },
        { from: "A", title: "State", mappings: UP, steps: [{ color: "red" }, { color: "green", value: 1 }] },
        { from: "chain", title: "Chain" },
        { from: "subversion", title: "Version" },
        { from: "layout", title: "Layout" },
        { from: "D", title: "Height" },
        {
          from: "E",
          title: "To go",
          steps: [{ color: "green" }, { color: "yellow", value: 2 }, { color: "red", value: 6 }],
        },
        {
          from: "F",
          title: "Block age",
          unit: "s",
          steps: [{ color: "green" }, { color: "yellow", value: 3600 }, { color: "red", value: 5400 }],
        },
        {
          from: "G",
          title: "Peers",
          steps: [{ color: "red" }, { color: "yellow", value: 4 }, { color: "green", value: 8 }],
        },
        { from: "H", title: "Mempool" },
        { from: "I", title: "Memory used", unit: "percentunit" },
        { from: "J", title: "Warnings", steps: [{ color: "green" }, { color: "orange", value: 1 }] },
        { from: "K", title: "Uptime", unit: "s" },
      ],
    }),
    stateTimeline({
      title: "Connected",
      description: "Whether each exporter has a session with its node.",
      unit: "none",
      width: 24,
      height: 6,
      mappings: UP,
      steps: [{ color: "red" }, { color: "green", value: 1 }],
      queries: [{ expr: of("bitcoin_ipc_up"), legend: "{{instance}}" }],
    }),
  ],
};

const chainRow: Row = {
  title: "Chain",
  panels: [
    timeseries({
      title: "Behind the best of its chain",
      description: "Blocks that each node is behind the one of the same chain that has come farthest.",
      unit: "none",
      width: 8,
      min: 0,
      queries: [
        {
          expr:
            `max by (chain) (${of("bitcoin_chain_height")} * on (job, instance) group_left (chain) ` +
            `${of("bitcoin_node_info")}) - on (chain) group_right () (${of("bitcoin_chain_height")} ` +
            `* on (job, instance) group_left (chain) ${of("bitcoin_node_info")})`,
          legend: "{{chain}} {{instance}}",
        },
      ],
    }),
    timeseries({
      title: "Height",
      description: "Height of each node's tip.",
      unit: "none",
      width: 8,
      queries: [{ expr: of("bitcoin_chain_height"), legend: "{{instance}}" }],
    }),
    timeseries({
      title: "Block age",
      description: "Time since the tip's own time, which its miner chose.",
      unit: "s",
      width: 8,
      showSteps: true,
      steps: [{ color: "green" }, { color: "yellow", value: 3600 }, { color: "red", value: 5400 }],
      queries: [{ expr: TIP_AGE, legend: "{{instance}}" }],
    }),
    timeseries({
      title: "Reorganizations",
      description: "Blocks that left the active chain of each node.",
      unit: "none",
      width: 8,
      min: 0,
      bars: true,
      queries: [
        { expr: `increase(${of("bitcoin_blocks_disconnected_total")}[$__rate_interval])`, legend: "{{instance}}" },
      ],
    }),
    timeseries({
      title: "Tip changes per hour",
      description: "Changes of each node's tip in the hour before. Every layout tells them.",
      unit: "none",
      width: 8,
      min: 0,
      queries: [{ expr: `increase(${of("bitcoin_tip_updates_total")}[1h])`, legend: "{{instance}}" }],
    }),
    timeseries({
      title: "Block files",
      description: "Block and undo files on disk.",
      unit: "decbytes",
      width: 8,
      queries: [{ expr: of("bitcoin_size_on_disk_bytes"), legend: "{{instance}}" }],
    }),
  ],
};

const mempoolAndPeers: Row = {
  title: "Mempool and peers",
  panels: [
    timeseries({
      title: "Mempool",
      description: "Transactions that wait for a block.",
      unit: "short",
      width: 8,
      min: 0,
      queries: [{ expr: of("bitcoin_mempool_size"), legend: "{{instance}}" }],
    }),
    timeseries({
      title: "Mempool memory used",
      description: "Share of the memory that the mempool may take.",
      unit: "percentunit",
      width: 8,
      min: 0,
      steps: [{ color: "green" }, { color: "orange", value: 0.95 }],
      queries: [{ expr: MEMPOOL_USED, legend: "{{instance}}" }],
    }),
    timeseries({
      title: "Fee rate for six blocks",
      description: "What each node estimates for a transaction to be confirmed within six blocks.",
      unit: "suffix: sat/vB",
      width: 8,
      min: 0,
      queries: [{ expr: of("bitcoin_fee_estimate_satoshis_per_vbyte", 'target="6"'), legend: "{{instance}}" }],
    }),
    timeseries({
      title: "Outbound peers",
      description: "Peers that each node connected to: the connections that others cannot take from it.",
      unit: "none",
      width: 8,
      min: 0,
      steps: [{ color: "red" }, { color: "green", value: 8 }],
      queries: [
        {
          expr: `sum by (instance) (${of("bitcoin_connections", 'direction="outbound"')})`,
          legend: "{{instance}}",
        },
      ],
    }),
    timeseries({
      title: "Peers",
      description: "All connected peers.",
      unit: "none",
      width: 8,
      min: 0,
      queries: [{ expr: of("bitcoin_peers"), legend: "{{instance}}" }],
    }),
    timeseries({
      title: "Bandwidth",
      description: "Bytes that each node received, and, downwards, sent.",
      unit: "Bps",
      width: 8,
      queries: [
        { expr: `rate(${of("bitcoin_bytes_recv_total")}[$__rate_interval])`, legend: "{{instance}} received" },
        { expr: `-rate(${of("bitcoin_bytes_sent_total")}[$__rate_interval])`, legend: "{{instance}} sent" },
      ],
    }),
  ],
};

const exporters: Row = {
  title: "Exporters",
  panels: [
    timeseries({
      title: "CPU",
      description: "What each exporter takes of one core.",
      unit: "percentunit",
      width: 8,
      min: 0,
      queries: [{ expr: `rate(${of("process_cpu_seconds_total")}[$__rate_interval])`, legend: "{{instance}}" }],
    }),
    timeseries({
      title: "Polls",
      description: "How long the last poll of each node took.",
      unit: "s",
      width: 8,
      min: 0,
      queries: [{ expr: of("bitcoin_ipc_poll_duration_seconds"), legend: "{{instance}}" }],
    }),
    timeseries({
      title: "Failed calls",
      description: "Calls that failed. None is best; then there is nothing here.",
      unit: "none",
      width: 8,
      min: 0,
      bars: true,
      queries: [
        {
          expr: `sum by (instance, method) (increase(${of("bitcoin_ipc_call_errors_total")}[$__rate_interval]))`,
          legend: "{{instance}} {{method}}",
        },
      ],
    }),
  ],
};

export const bitcoinNodes = dashboard({
  uid: "bitcoin-nodes",
  title: "Bitcoin nodes",
  description: "Many Bitcoin Core nodes at a glance, seen by bitcoind-ipc-exporter.",
  tag: "bitcoin",
  variables: [chain, instance({ multi: true })],
  rows: [nodes, chainRow, mempoolAndPeers, exporters],
});
