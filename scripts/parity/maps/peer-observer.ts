import type { ExporterMap } from "../maps.ts";
import { inBtc, inBtcPerKvb } from "./shared.ts";

/** The same peers counted by one label of bitcoin_connections. */
function peersBy(label: "network" | "connection_type" | "transport"): string {
  const others = ["direction", "network", "connection_type", "transport"].filter((other) => other !== label);
  return `sum without (${others.join(", ")}) (bitcoin_connections)`;
}

/** A query with the name that a label has there. */
function renamed(theirs: string, label: string, there: string, ours: string, note: string) {
  const query = `sum without (${label}) (label_replace(${ours}, '${there}', '$1', '${label}', '(.*)'))`;
  return { theirs: `peerobserver_rpc_peer_info_${theirs}`, query, note };
}

export const peerObserver: ExporterMap = {
  exporter: "peer-observer",
  source: "github.com/0xB10C/peer-observer, commit 3b4b091, tools/metrics/src/metrics.rs and lib.rs",
  entries: [
    { theirs: "peerobserver_rpc_peer_info_num_peers", ours: "bitcoin_peers" },
    { theirs: "peerobserver_rpc_peer_info_network_peers", ours: peersBy("network") },
    { theirs: "peerobserver_rpc_peer_info_connection_type_peers", ours: peersBy("connection_type") },
    renamed(
      "transport_protocol_type_peers",
      "transport",
      "transport_protocol_type",
      peersBy("transport"),
      "the label is transport here",
    ),
    renamed(
      "protocol_version_peers",
      "protocol",
      "protocol_version",
      "bitcoin_peers_by_protocol",
      "the label is protocol here; versions that are not listed in METRICS.md are other",
    ),
    {
      theirs: "peerobserver_rpc_peer_info_asn_peers",
      note: "no label names an autonomous system here; bitcoin_peer_autonomous_systems is their number, bitcoin_peer_autonomous_system_largest_share the share of the most frequent one",
    },
    {
      theirs: "peerobserver_rpc_peer_info_ping_median",
      ours: "bitcoin_peer_ping_median_seconds",
      conversion: "* 1000",
      absent: 0,
      note: "theirs is in milliseconds, and 0 before a peer has answered a ping",
    },
    { theirs: "peerobserver_rpc_peer_info_ping_mean", note: "the exporter computes the median" },
    {
      theirs: "peerobserver_rpc_peer_info_minping_<statistic>",
      note: "bitcoin_peer_ping_min_seconds is the minimum over all peers",
    },
    {
      theirs: "peerobserver_rpc_peer_info_ping_wait_larger_5_seconds_block_peers",
      ours: "bitcoin_peers_with_overdue_ping",
    },
    {
      theirs: "peerobserver_rpc_peer_info_timeoffset_<sign>10s",
      differs: true,
      ours: "bitcoin_peers_with_clock_off",
      note: "one family for each sign there; bitcoin_peers_with_clock_off is the sum of both",
    },
    {
      theirs: "peerobserver_rpc_peer_info_bip152_highbandwidth_to",
      ours: "bitcoin_peers_high_bandwidth{selected_by='node'}",
    },
    {
      theirs: "peerobserver_rpc_peer_info_bip152_highbandwidth_from",
      ours: "bitcoin_peers_high_bandwidth{selected_by='peer'}",
    },
    { theirs: "peerobserver_rpc_peer_info_inflight_block_peers", ours: "bitcoin_peers_with_blocks_in_flight" },
    { theirs: "peerobserver_rpc_peer_info_inflight_distinct_blocks_heights", ours: "bitcoin_blocks_in_flight" },
    { theirs: "peerobserver_rpc_peer_info_addr_processed_total", ours: "bitcoin_peer_addresses_processed" },
    { theirs: "peerobserver_rpc_peer_info_addr_ratelimited_total", ours: "bitcoin_peer_addresses_rate_limited" },
    { theirs: "peerobserver_rpc_peer_info_addr_ratelimited_peers", note: "the exporter counts addresses, not peers" },
    { theirs: "peerobserver_rpc_peer_info_addr_relay_enabled_peers", note: "the exporter does not read it" },
    { theirs: "peerobserver_rpc_peer_info_invtosend_sum", ours: "bitcoin_peer_announcement_queue_transactions" },
    { theirs: "peerobserver_rpc_peer_info_invtosend_max", ours: "bitcoin_peer_announcement_queue_max_transactions" },
    { theirs: "peerobserver_rpc_peer_info_invtosend_<statistic>", note: "the exporter computes sum and maximum" },
    {
      theirs: "peerobserver_rpc_peer_info_sub1satvb_relay",
      note: "bitcoin_peer_fee_filter_min_satoshis_per_vbyte and bitcoin_peer_fee_filter_median_satoshis_per_vbyte describe the fee filters",
    },
    {
      theirs: "peerobserver_rpc_peer_info_connection_divserity_inbound_ipv4",
      note: "the exporter does not evaluate addresses",
    },
    { theirs: "peerobserver_rpc_peer_info_list_peers_<list>", note: "the exporter has no lists of addresses" },
    { theirs: "peerobserver_rpc_peer_info_cpuload_<statistic>", note: "no release of Bitcoin Core reports it" },
    { theirs: "peerobserver_rpc_mempoolinfo_mempool_loaded", ours: "bitcoin_mempool_loaded" },
    { theirs: "peerobserver_rpc_mempoolinfo_transaction_count", ours: "bitcoin_mempool_size" },
    inBtc("peerobserver_rpc_mempoolinfo_transaction_fees", "bitcoin_mempool_total_fee_satoshis"),
    {
      theirs: "peerobserver_rpc_mempoolinfo_transaction_vbyte",
      ours: "bitcoin_mempool_vsize_bytes",
      note: "virtual bytes",
    },
    { theirs: "peerobserver_rpc_mempoolinfo_memory_usage", ours: "bitcoin_mempool_bytes", note: "memory" },
    { theirs: "peerobserver_rpc_mempoolinfo_memory_max", ours: "bitcoin_mempool_max_bytes" },
    inBtcPerKvb("peerobserver_rpc_mempoolinfo_min_mempool_feerate", "bitcoin_mempool_min_fee_rate_satoshis_per_vbyte"),
    inBtcPerKvb("peerobserver_rpc_mempoolinfo_min_relay_tx_feerate", "bitcoin_min_relay_fee_rate_satoshis_per_vbyte"),
    inBtcPerKvb(
      "peerobserver_rpc_mempoolinfo_incremental_relay_feerate",
      "bitcoin_incremental_relay_fee_rate_satoshis_per_vbyte",
    ),
    {
      theirs: "peerobserver_p2p_<name>",
      note: "from kernel tracing; here bitcoin_peer_message_bytes_total has the bytes by type of message",
    },
    { theirs: "peerobserver_conn_<name>", note: "from kernel tracing; here bitcoin_connections has the open ones" },
    {
      theirs: "peerobserver_addrman_<name>",
      note: "from kernel tracing; here bitcoin_addrman_addresses has the sizes",
    },
    {
      theirs: "peerobserver_mempool_<name>",
      note: "from kernel tracing; here bitcoin_mempool_tx_added_total and bitcoin_mempool_tx_removed_by_reason_total",
    },
    {
      theirs: "peerobserver_validation_<name>",
      note: "from kernel tracing; here bitcoin_block_height and the families of the last block",
    },
    { theirs: "peerobserver_p2pextractor_<name>", note: "from a P2P connection to the node" },
    { theirs: "peerobserver_log_<name>", note: "from the node's log" },
    {
      theirs: "peerobserver_runtime_start_timestamp",
      differs: true,
      ours: "process_start_time_seconds",
      note: "each describes its own exporter; process_start_time_seconds here",
    },
  ],
};
