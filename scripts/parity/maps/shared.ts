// What several maps have in common.

import type { Entry } from "../maps.ts";

/** A family that has the same name in both. */
export function same(name: string, rest: Omit<Entry, "theirs" | "ours"> = {}): Entry {
  return { theirs: name, ours: name, ...rest };
}

export function inBtc(theirs: string, ours: string): Entry {
  return { theirs, ours, conversion: "/ 1e8", note: "theirs is in BTC" };
}

export function inBtcPerKvb(theirs: string, ours: string): Entry {
  return { theirs, ours, conversion: "/ 1e5", note: "theirs is in BTC per 1000 virtual bytes" };
}

/** All connections of a direction. */
export function connections(direction: "inbound" | "outbound"): string {
  return `sum without (direction, network, connection_type, transport) (bitcoin_connections{direction='${direction}'})`;
}

/** What the client libraries of other exporters add. */
export const PROCESS: Entry = {
  theirs: "process_<name>",
  differs: true,
  ours: "process_<name>",
  note: "each describes the process of its own exporter",
};
export const PYTHON: Entry = { theirs: "python_<name>", note: "describes the runtime of their exporter" };

const ADDRESSES = "addresses are no label here, because their number is unlimited; bitcoin_banned_subnets is the count";

/** jvstein's exporter and lnliz's, which took over its names. */
export const BITCOIN_NAMES: readonly Entry[] = [
  { theirs: "bitcoin_blocks", ours: "bitcoin_chain_height" },
  same("bitcoin_difficulty"),
  { theirs: "bitcoin_size_on_disk", ours: "bitcoin_size_on_disk_bytes" },
  same("bitcoin_verification_progress"),
  { theirs: "bitcoin_txcount", ours: "bitcoin_chain_transactions" },
  { theirs: "bitcoin_hashps_<blocks>", note: "the exporter does not read the node's estimate" },
  same("bitcoin_peers"),
  { theirs: "bitcoin_conn_in", ours: connections("inbound") },
  { theirs: "bitcoin_conn_out", ours: connections("outbound") },
  { theirs: "bitcoin_total_bytes_recv", ours: "bitcoin_bytes_recv_total", note: "a gauge there, a counter here" },
  { theirs: "bitcoin_total_bytes_sent", ours: "bitcoin_bytes_sent_total", note: "a gauge there, a counter here" },
  { theirs: "bitcoin_uptime", ours: "bitcoin_uptime_seconds" },
  {
    theirs: "bitcoin_server_version",
    differs: true,
    ours: "bitcoin_node_info",
    note: "the label version of bitcoin_node_info here",
  },
  {
    theirs: "bitcoin_protocol_version",
    differs: true,
    ours: "bitcoin_node_info",
    note: "the label protocol of bitcoin_node_info here",
  },
  { theirs: "bitcoin_mempool_bytes", ours: "bitcoin_mempool_vsize_bytes", note: "virtual bytes" },
  same("bitcoin_mempool_bytes", { differs: true, note: "virtual bytes there, memory here" }),
  same("bitcoin_mempool_size"),
  { theirs: "bitcoin_latest_block_height", ours: "bitcoin_last_block_height" },
  { theirs: "bitcoin_latest_block_weight", ours: "bitcoin_last_block_weight" },
  { theirs: "bitcoin_latest_block_txs", ours: "bitcoin_last_block_transactions" },
  { theirs: "bitcoin_latest_block_inputs", ours: "bitcoin_last_block_inputs" },
  { theirs: "bitcoin_latest_block_outputs", ours: "bitcoin_last_block_outputs" },
  {
    ...inBtcPerKvb("bitcoin_est_smart_fee_<target>", "bitcoin_fee_estimate_satoshis_per_vbyte{target='<target>'}"),
    values: ["2", "3", "5", "20"],
    note: "theirs is in BTC per 1000 virtual bytes; --fee-targets selects the targets here",
  },
  { theirs: "bitcoin_ban_created", note: ADDRESSES },
  { theirs: "bitcoin_banned_until", note: ADDRESSES },
  {
    theirs: "bitcoin_meminfo_<name>",
    note: "the exporter does not read it: it is the locked memory for wallet keys, not the node's memory",
  },
  PROCESS,
];

/** The node's estimate of the hash rate from its last 120 blocks, under the name of each exporter. */
export function hashRate(theirs: string): Entry {
  return {
    theirs,
    query: "bitcoin_difficulty * 2^32 * delta(bitcoin_chain_height[1d]) / 86400",
    note: "an approximation: the expected work of the last day's blocks",
  };
}
