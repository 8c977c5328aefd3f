// The dashboard of many nodes: which are connected, which are behind, which differ.

import { dashboard, type Row, stat, stateTimeline, table, timeseries } from "./dashboard.ts";
import { nodeQueries } from "./queries.ts";
import {
  BLOCKS_BEHIND_STEPS,
  CONNECTED,
  CONNECTED_STEPS,
  PEERS_STEPS,
  TIP_AGE_STEPS,
  WARNINGS_STEPS,
} from "./states.ts";
import { chain, instance } from "./variables.ts";

const { of, rate, increase, quantile, tipAge, blocksBehind, mempoolUsed } = nodeQueries('instance=~"$instance"');
const each = (expr: string) => `max by (instance) (${expr})`;

const nodes: Row = {
  title: "Nodes",
  panels: [
    stat({
      title: "Connected",
      description: "Nodes that their exporter is connected to.",
      unit: "none",
      width: 4,
      queries: [{ expr: `sum(${of("bitcoin_ipc_up")})` }],
    }),
    stat({
      title: "Disconnected",
      description: "Nodes that their exporter is not connected to.",
      unit: "none",
      width: 4,
      steps: [{ color: "green" }, { color: "red", value: 1 }],
      queries: [{ expr: `count(${of("bitcoin_ipc_up")}) - sum(${of("bitcoin_ipc_up")})` }],
    }),
    stat({
      title: "Nodes by chain",
      description: "Nodes on each chain. v30 and v31 report their chain with --rpc-url only.",
      unit: "none",
      width: 8,
      steps: [{ color: "text" }],
      queries: [
        {
          expr:
            `count by (chain) (${of("bitcoin_node_info")}) or label_replace(count(${of("bitcoin_ipc_up")} ` +
            `unless on (job, instance) ${of("bitcoin_node_info")}), "chain", "not reported", "", "")`,
          legend: "{{chain}}",
        },
      ],
    }),
    stat({
      title: "In initial block download",
      description: "Nodes in initial block download.",
      unit: "none",
      width: 4,
      steps: [{ color: "green" }, { color: "blue", value: 1 }],
      queries: [{ expr: `sum(${of("bitcoin_ibd")})` }],
    }),
    stat({
      title: "With warnings",
      description: "Nodes that have warnings.",
      unit: "none",
      width: 4,
      steps: WARNINGS_STEPS,
      queries: [{ expr: `sum(${of("bitcoin_warnings")} > bool 0)` }],
    }),
    table({
      title: "Each node",
      description: "One line per node. Values that a node does not report are empty.",
      unit: "none",
      width: 24,
      height: 9,
      by: "instance",
      queries: [
        { expr: each(of("bitcoin_ipc_up")), instant: true },
        { expr: `max by (instance, chain, subversion) (${of("bitcoin_node_info")})`, instant: true },
        { expr: `max by (instance, layout) (${of("bitcoin_ipc_layout_info")})`, instant: true },
        { expr: each(of("bitcoin_chain_height")), instant: true },
        { expr: each(blocksBehind), instant: true },
        { expr: each(tipAge), instant: true },
        { expr: each(of("bitcoin_peers")), instant: true },
        { expr: each(of("bitcoin_mempool_size")), instant: true },
        { expr: each(mempoolUsed), instant: true },
        { expr: each(of("bitcoin_warnings")), instant: true },
        { expr: each(of("bitcoin_uptime_seconds")), instant: true },
      ],
      columns: [
        { from: "instance", title: "Node" },
        { from: "A", title: "State", mappings: CONNECTED, steps: CONNECTED_STEPS },
        { from: "chain", title: "Chain" },
        { from: "subversion", title: "Version" },
        { from: "layout", title: "Layout" },
        { from: "D", title: "Height" },
        {
          from: "E",
          title: "Behind",
          steps: BLOCKS_BEHIND_STEPS,
        },
        {
          from: "F",
          title: "Block age",
          unit: "s",
          steps: TIP_AGE_STEPS,
        },
        {
          from: "G",
          title: "Peers",
          steps: PEERS_STEPS,
        },
        { from: "H", title: "Mempool" },
        { from: "I", title: "Memory used", unit: "percentunit" },
        { from: "J", title: "Warnings", steps: WARNINGS_STEPS },
        { from: "K", title: "Uptime", unit: "s" },
      ],
    }),
    stateTimeline({
      title: "Connected",
      description: "Whether each exporter is connected to its node.",
      unit: "none",
      width: 24,
      height: 6,
      mappings: CONNECTED,
      steps: CONNECTED_STEPS,
      queries: [{ expr: of("bitcoin_ipc_up"), legend: "{{instance}}" }],
    }),
  ],
};

const chainRow: Row = {
  title: "Chain",
  panels: [
    timeseries({
      title: "Behind the best of its chain",
      description:
        "Blocks between each node's tip and the highest tip of its chain. Nodes that do not report their chain are excluded.",
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
      description: "Time since the timestamp in the tip's header, which its miner chose.",
      unit: "s",
      width: 8,
      showSteps: true,
      steps: TIP_AGE_STEPS,
      queries: [{ expr: tipAge, legend: "{{instance}}" }],
    }),
    timeseries({
      title: "Arrival of blocks",
      description:
        "Time from the timestamp in a block's header to its arrival: the median of the last day. A node with a higher value than the others receives blocks late.",
      unit: "s",
      width: 6,
      min: 0,
      queries: [{ expr: quantile(0.5, "bitcoin_block_arrival_seconds", "1d"), legend: "{{instance}}" }],
    }),
    timeseries({
      title: "Reorganizations",
      description: "Blocks disconnected from each node's active chain.",
      unit: "none",
      width: 6,
      min: 0,
      bars: true,
      queries: [{ expr: increase("bitcoin_blocks_disconnected_total"), legend: "{{instance}}" }],
    }),
    timeseries({
      title: "Tip changes per hour",
      description: "Changes of each node's tip within the last hour. Every layout reports them.",
      unit: "none",
      width: 6,
      min: 0,
      queries: [{ expr: increase("bitcoin_tip_updates_total", "1h"), legend: "{{instance}}" }],
    }),
    timeseries({
      title: "Block files",
      description: "Size of block and undo files on disk.",
      unit: "decbytes",
      width: 6,
      queries: [{ expr: of("bitcoin_size_on_disk_bytes"), legend: "{{instance}}" }],
    }),
  ],
};

const mempoolAndPeers: Row = {
  title: "Mempool and peers",
  panels: [
    timeseries({
      title: "Mempool",
      description: "Transactions in the mempool.",
      unit: "short",
      width: 8,
      min: 0,
      queries: [{ expr: of("bitcoin_mempool_size"), legend: "{{instance}}" }],
    }),
    timeseries({
      title: "Mempool memory used",
      description: "Memory used by the mempool, relative to its limit.",
      unit: "percentunit",
      width: 8,
      min: 0,
      steps: [{ color: "green" }, { color: "orange", value: 0.95 }],
      queries: [{ expr: mempoolUsed, legend: "{{instance}}" }],
    }),
    timeseries({
      title: "Fee rate for six blocks",
      description: "Estimated fee rate for confirmation within six blocks.",
      unit: "suffix: sat/vB",
      width: 8,
      min: 0,
      queries: [{ expr: of("bitcoin_fee_estimate_satoshis_per_vbyte", 'target="6"'), legend: "{{instance}}" }],
    }),
    timeseries({
      title: "Outbound peers",
      description: "Outbound connections of each node. The node selects these peers; inbound peers select the node.",
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
      title: "Inbound peers",
      description: "Inbound connections of each node. A node without any is not reachable.",
      unit: "none",
      width: 8,
      min: 0,
      queries: [
        {
          expr: `sum by (instance) (${of("bitcoin_connections", 'direction="inbound"')})`,
          legend: "{{instance}}",
        },
      ],
    }),
    timeseries({
      title: "Peers that stall",
      description: "Peers of each node that have not answered a ping for more than 5 s.",
      unit: "none",
      width: 8,
      min: 0,
      queries: [{ expr: of("bitcoin_peers_with_overdue_ping"), legend: "{{instance}}" }],
    }),
    timeseries({
      title: "Bandwidth",
      description: "Bytes received from peers, and bytes sent to them as negative values.",
      unit: "Bps",
      width: 8,
      queries: [
        { expr: rate("bitcoin_bytes_recv_total"), legend: "{{instance}} received" },
        { expr: `-${rate("bitcoin_bytes_sent_total")}`, legend: "{{instance}} sent" },
      ],
    }),
    timeseries({
      title: "Next block's fee rate",
      description:
        "Fee rate at which each node's mempool fills the next block. Needs v31 and `--collectors default,feerates`.",
      unit: "suffix: sat/vB",
      width: 8,
      min: 0,
      queries: [
        {
          expr: of("bitcoin_mempool_next_blocks_fee_rate_satoshis_per_vbyte", 'blocks="1"'),
          legend: "{{instance}}",
        },
      ],
    }),
    timeseries({
      title: "Announcements that wait",
      description: "Transactions that wait to be announced to peers. v32 and later.",
      unit: "short",
      width: 8,
      min: 0,
      queries: [
        {
          expr: `sum by (instance) (${of("bitcoin_relay_backlog_transactions")})`,
          legend: "{{instance}}",
        },
      ],
    }),
  ],
};

const exporters: Row = {
  title: "Exporters",
  panels: [
    timeseries({
      title: "CPU",
      description: "CPU time of each exporter, relative to one core.",
      unit: "percentunit",
      width: 8,
      min: 0,
      queries: [{ expr: rate("process_cpu_seconds_total"), legend: "{{instance}}" }],
    }),
    timeseries({
      title: "Polls",
      description: "Duration of the last poll of each node.",
      unit: "s",
      width: 8,
      min: 0,
      queries: [{ expr: of("bitcoin_ipc_poll_duration_seconds"), legend: "{{instance}}" }],
    }),
    timeseries({
      title: "Time of calls",
      description: "Time that each node takes for its exporter's calls, per second.",
      unit: "percentunit",
      width: 8,
      min: 0,
      queries: [
        {
          expr: `sum by (instance) (${rate("bitcoin_ipc_call_seconds_total")})`,
          legend: "{{instance}}",
        },
      ],
    }),
    timeseries({
      title: "Missed polls",
      description: "Polls within the last hour that were due while another one ran.",
      unit: "none",
      width: 12,
      min: 0,
      queries: [{ expr: increase("bitcoin_ipc_polls_missed_total", "1h"), legend: "{{instance}}" }],
    }),
    timeseries({
      title: "Failed calls",
      description: "Failed calls by method. Empty if no call has failed.",
      unit: "none",
      width: 12,
      min: 0,
      bars: true,
      queries: [
        {
          expr: `sum by (instance, method) (${increase("bitcoin_ipc_call_errors_total")})`,
          legend: "{{instance}} {{method}}",
        },
      ],
    }),
  ],
};

export const bitcoinNodes = dashboard({
  uid: "bitcoin-nodes",
  title: "Bitcoin nodes",
  description: "Many Bitcoin Core nodes side by side, by the metrics of bitcoind-ipc-exporter.",
  tag: "bitcoin",
  variables: [chain, instance({ multi: true })],
  rows: [nodes, chainRow, mempoolAndPeers, exporters],
});
