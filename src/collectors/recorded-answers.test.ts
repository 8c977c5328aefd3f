// All collectors on what real nodes answered: every sample on the page, and none besides.

import { expect, test } from "bun:test";
import { clearAll, type SourceKind } from "../../test/builders/polled-calls.ts";
import { feed, type RecordedNode } from "../../test/builders/rpc-answers.ts";
import { samplesOf } from "../../test/builders/samples.ts";
import { Registry } from "../metrics/registry.ts";
import { COLLECTOR_NAMES, makeCollectors } from "./catalogue.ts";

const TARGETS = [1, 2, 6, 144, 1008];

/** What is shown after one poll of such a node, but for counters, of events and of traffic. */
function shown(node: RecordedNode, ...kinds: SourceKind[]): Record<string, string> {
  const registry = new Registry();
  const collectors = makeCollectors(COLLECTOR_NAMES, { registry, feeTargets: TARGETS, onRefused: () => {} });
  const isCounter = ([series]: [string, string]) => /_total($|\{)/.test(series) && !/_bytes_(recv|sent)_/.test(series);
  const gauges = () => Object.fromEntries(Object.entries(samplesOf(registry)).filter((sample) => !isCounter(sample)));
  const before = gauges();
  feed(collectors, node, ...kinds);
  const after = gauges();
  clearAll(collectors);
  expect(gauges()).toEqual(before);
  return after;
}

/** Samples of a family by its label. */
function each(family: string, label: string, values: Readonly<Record<string, string>>): Record<string, string> {
  const samples = Object.entries(values).map(([of, value]) => [`${family}{${label}="${of}"}`, value]);
  return Object.fromEntries(samples);
}

/** The estimates of the one estimator of nodes before v32, for all TARGETS. */
function blockPolicy(rate: string): Record<string, string> {
  const labels = TARGETS.map((target) => `{estimator="block_policy",target="${target}"}`);
  return Object.fromEntries(labels.map((own) => [`bitcoin_fee_estimate_by_estimator_satoshis_per_vbyte${own}`, rate]));
}

const V32 = {
  ...blockPolicy("152.468"),
  'bitcoin_fee_estimate_by_estimator_satoshis_per_vbyte{estimator="mempool_policy",target="2"}': "1.234",
  bitcoin_chain_height: "135",
  bitcoin_header_height: "135",
  bitcoin_test_chain: "1",
  bitcoin_ibd: "0",
  bitcoin_verification_progress: "1",
  bitcoin_difficulty: "4.656542373906925e-10",
  bitcoin_tip_timestamp_seconds: "1795866621",
  bitcoin_tip_median_timestamp_seconds: "1795866620",
  bitcoin_size_on_disk_bytes: "64431",
  bitcoin_pruned: "0",
  bitcoin_mempool_size: "4",
  bitcoin_mempool_bytes: "4768",
  bitcoin_mempool_max_bytes: "300000000",
  bitcoin_mempool_vsize_bytes: "944",
  bitcoin_mempool_total_fee_satoshis: "38888",
  bitcoin_mempool_min_fee_rate_satoshis_per_vbyte: "1.234",
  bitcoin_min_relay_fee_rate_satoshis_per_vbyte: "1.234",
  bitcoin_mempool_unbroadcast_transactions: "0",
  bitcoin_incremental_relay_fee_rate_satoshis_per_vbyte: "0.1",
  bitcoin_mempool_loaded: "1",
  bitcoin_mempool_optimal: "1",
  bitcoin_mempool_max_cluster_transactions: "64",
  bitcoin_mempool_max_cluster_vsize_bytes: "101000",
  bitcoin_peers: "2",
  bitcoin_bytes_recv_total: "17439",
  bitcoin_bytes_sent_total: "150466",
  bitcoin_network_active: "1",
  bitcoin_banned_subnets: "0",
  ...each("bitcoin_network_reachable", "network", { ipv4: "1", ipv6: "1", onion: "0", i2p: "0", cjdns: "0" }),
  ...each("bitcoin_local_addresses", "network", { ipv4: "1", ipv6: "0", onion: "1", i2p: "0", cjdns: "0", other: "0" }),
  'bitcoin_local_services_info{services="NETWORK,WITNESS,NETWORK_LIMITED,P2P_V2"}': "1",
  bitcoin_time_offset_seconds: "0",
  ...each("bitcoin_relay_backlog_transactions", "direction", { inbound: "0", outbound: "0" }),
  ...each("bitcoin_relay_transaction_tokens", "direction", { inbound: "398.1901561519999", outbound: "420" }),
  ...each("bitcoin_relay_byte_tokens", "direction", { inbound: "12138131.21242001", outbound: "12364582.03105001" }),
  bitcoin_relay_target_transactions_per_second: "14",
  bitcoin_upload_target_bytes: "524288000",
  bitcoin_upload_target_reached: "0",
  bitcoin_upload_target_left_bytes: "524137534",
  bitcoin_upload_target_cycle_left_seconds: "86392",
  'bitcoin_node_info{chain="regtest",version="319900",subversion="/Satoshi:31.99.0/",protocol="70017"}': "1",
  bitcoin_uptime_seconds: "8",
  bitcoin_warnings: "1",
  bitcoin_rpc_active_commands: "0",
  'bitcoin_connections{direction="inbound",network="ipv4",connection_type="inbound",transport="v1"}': "0",
  'bitcoin_connections{direction="inbound",network="ipv4",connection_type="inbound",transport="v2"}': "0",
  'bitcoin_connections{direction="outbound",network="ipv4",connection_type="outbound-full-relay",transport="v1"}': "0",
  'bitcoin_connections{direction="outbound",network="ipv4",connection_type="outbound-full-relay",transport="v2"}': "0",
  'bitcoin_connections{direction="inbound",network="not_publicly_routable",connection_type="inbound",transport="v2"}':
    "1",
  'bitcoin_connections{direction="outbound",network="not_publicly_routable",connection_type="block-relay-only",transport="v2"}':
    "1",
  bitcoin_peer_ping_median_seconds: "0.0024521235",
  bitcoin_peer_ping_min_seconds: "0.000591021",
  bitcoin_peers_with_overdue_ping: "0",
  bitcoin_peers_with_blocks_in_flight: "0",
  bitcoin_blocks_in_flight: "0",
  ...each("bitcoin_peers_high_bandwidth", "selected_by", { node: "0", peer: "2" }),
  bitcoin_peers_with_clock_off: "0",
  bitcoin_peers_relaying_transactions: "1",
  bitcoin_peer_addresses_processed: "0",
  bitcoin_peer_addresses_rate_limited: "0",
  bitcoin_peer_announcement_queue_transactions: "0",
  bitcoin_peer_announcement_queue_max_transactions: "0",
  bitcoin_peer_fee_filter_min_satoshis_per_vbyte: "0.1",
  bitcoin_peer_fee_filter_median_satoshis_per_vbyte: "0.1",
  ...each("bitcoin_peers_by_client", "client", {
    "Satoshi:23": "0",
    "Satoshi:24": "0",
    "Satoshi:25": "0",
    "Satoshi:26": "0",
    "Satoshi:27": "0",
    "Satoshi:28": "0",
    "Satoshi:29": "0",
    "Satoshi:30": "0",
    "Satoshi:31": "2",
    "Satoshi:32": "0",
    other: "0",
  }),
  ...each("bitcoin_peers_by_protocol", "protocol", { 70014: "0", 70015: "0", 70016: "0", 70017: "2", other: "0" }),
  ...each("bitcoin_peers_by_service", "service", {
    NETWORK: "2",
    NETWORK_LIMITED: "2",
    WITNESS: "2",
    COMPACT_FILTERS: "1",
    P2P_V2: "2",
  }),
  'bitcoin_addrman_addresses{network="ipv4",table="new"}': "2",
  'bitcoin_addrman_addresses{network="ipv4",table="tried"}': "1",
  'bitcoin_addrman_addresses{network="ipv6",table="new"}': "1",
  'bitcoin_addrman_addresses{network="ipv6",table="tried"}': "0",
  'bitcoin_addrman_addresses{network="onion",table="new"}': "1",
  'bitcoin_addrman_addresses{network="onion",table="tried"}': "0",
  'bitcoin_addrman_addresses{network="i2p",table="new"}': "0",
  'bitcoin_addrman_addresses{network="i2p",table="tried"}': "0",
  'bitcoin_addrman_addresses{network="cjdns",table="new"}': "0",
  'bitcoin_addrman_addresses{network="cjdns",table="tried"}': "0",
  bitcoin_private_broadcast_transactions: "2",
  bitcoin_private_broadcast_exhausted_transactions: "0",
  ...each("bitcoin_chain_tips", "status", {
    active: "1",
    "valid-fork": "0",
    "valid-headers": "0",
    "headers-only": "0",
    invalid: "0",
    other: "0",
  }),
  ...each("bitcoin_index_height", "index", { coinstatsindex: "135" }),
  ...each("bitcoin_index_synced", "index", { coinstatsindex: "1" }),
  ...each("bitcoin_fee_estimate_satoshis_per_vbyte", "target", {
    1: "1.234",
    2: "1.234",
    6: "1.234",
    144: "1.234",
    1008: "1.234",
  }),
  ...each("bitcoin_mempool_fee_rate_band_vbytes", "band", {
    "0-0.1": "0",
    "0.1-0.2": "0",
    "0.2-0.5": "0",
    "0.5-1": "0",
    "1-2": "0",
    "2-3": "612.25",
    "3-5": "0",
    "5-8": "0",
    "8-12": "0",
    "12-20": "95.25",
    "20-30": "0",
    "30-50": "0",
    "50-80": "95.25",
    "80-120": "0",
    "120-200": "0",
    "200-300": "138.25",
    "300-500": "0",
    "500-1000": "0",
    "1000+": "0",
  }),
  ...each("bitcoin_mempool_fee_rate_band_fees_satoshis", "band", {
    "0-0.1": "0",
    "0.1-0.2": "0",
    "0.2-0.5": "0",
    "0.5-1": "0",
    "1-2": "0",
    "2-3": "1566",
    "3-5": "0",
    "5-8": "0",
    "8-12": "0",
    "12-20": "1500",
    "20-30": "0",
    "30-50": "0",
    "50-80": "5821",
    "80-120": "0",
    "120-200": "0",
    "200-300": "30001",
    "300-500": "0",
    "500-1000": "0",
    "1000+": "0",
  }),
  bitcoin_mempool_next_block_fees_satoshis: "38888",
  bitcoin_chain_transactions: "257",
  bitcoin_chain_transactions_per_second: "11.08695652173913",
};

test("v32", () => {
  expect(shown("v32")).toEqual(V32);
});

test("v31, which does not limit announcements by buckets", () => {
  expect(shown("v31")).toEqual({
    ...without(
      V32,
      "bitcoin_node_info",
      "bitcoin_relay_",
      "bitcoin_private_broadcast_exhausted_",
      "bitcoin_fee_estimate_by",
    ),
    ...blockPolicy("152.468"),
    bitcoin_tip_timestamp_seconds: "1795868830",
    bitcoin_tip_median_timestamp_seconds: "1795868829",
    bitcoin_size_on_disk_bytes: "64550",
    bitcoin_bytes_recv_total: "20525",
    bitcoin_bytes_sent_total: "145016",
    ...each("bitcoin_local_addresses", "network", {
      ipv4: "1",
      ipv6: "0",
      onion: "0",
      i2p: "0",
      cjdns: "0",
      other: "0",
    }),
    bitcoin_upload_target_left_bytes: "524142984",
    bitcoin_upload_target_cycle_left_seconds: "86393",
    'bitcoin_node_info{chain="regtest",version="310100",subversion="/Satoshi:31.1.0/",protocol="70016"}': "1",
    bitcoin_warnings: "0",
    bitcoin_peer_ping_median_seconds: "0.001381",
    bitcoin_peer_ping_min_seconds: "0.001082",
    ...each("bitcoin_peers_by_protocol", "protocol", { 70014: "0", 70015: "0", 70016: "2", 70017: "0", other: "0" }),
    ...each("bitcoin_fee_estimate_satoshis_per_vbyte", "target", {
      1: "152.468",
      2: "152.468",
      6: "152.468",
      144: "152.468",
      1008: "152.468",
    }),
  });
});

test("v30, which has no clusters, no fee rate diagram, no announcement queues, no private broadcast", () => {
  expect(shown("v30")).toEqual({
    ...without(
      V32,
      "bitcoin_node_info",
      "bitcoin_relay_",
      "bitcoin_private_broadcast_",
      "bitcoin_fee_estimate_by",
      "bitcoin_mempool_optimal",
      "bitcoin_mempool_max_cluster_",
      "bitcoin_mempool_fee_rate_band_",
      "bitcoin_mempool_next_block_fees_",
      "bitcoin_peer_announcement_queue_",
    ),
    ...blockPolicy("156.185"),
    bitcoin_tip_timestamp_seconds: "1795873359",
    bitcoin_tip_median_timestamp_seconds: "1795873358",
    bitcoin_size_on_disk_bytes: "64550",
    bitcoin_mempool_bytes: "4832",
    bitcoin_bytes_recv_total: "16440",
    bitcoin_bytes_sent_total: "146020",
    ...each("bitcoin_local_addresses", "network", {
      ipv4: "1",
      ipv6: "0",
      onion: "0",
      i2p: "0",
      cjdns: "0",
      other: "0",
    }),
    bitcoin_upload_target_left_bytes: "524141980",
    bitcoin_upload_target_cycle_left_seconds: "86387",
    'bitcoin_node_info{chain="regtest",version="300300",subversion="/Satoshi:30.3.0/",protocol="70016"}': "1",
    bitcoin_uptime_seconds: "14",
    bitcoin_warnings: "0",
    // Between 0.001292 and 0.005513, as doubles.
    bitcoin_peer_ping_median_seconds: "0.0034024999999999997",
    bitcoin_peer_ping_min_seconds: "0.001292",
    ...each("bitcoin_peers_by_client", "client", { "Satoshi:30": "2", "Satoshi:31": "0" }),
    ...each("bitcoin_peers_by_protocol", "protocol", { 70016: "2", 70017: "0" }),
    ...each("bitcoin_fee_estimate_satoshis_per_vbyte", "target", {
      1: "156.185",
      2: "156.185",
      6: "156.185",
      144: "156.185",
      1008: "156.185",
    }),
  });
});

const MASTER = {
  ...blockPolicy("2"),
  bitcoin_chain_height: "214",
  bitcoin_header_height: "214",
  bitcoin_test_chain: "1",
  bitcoin_ibd: "0",
  bitcoin_verification_progress: "1",
  bitcoin_difficulty: "4.656542373906925e-10",
  bitcoin_tip_timestamp_seconds: "1795358589",
  bitcoin_tip_median_timestamp_seconds: "1795358568",
  bitcoin_size_on_disk_bytes: "112152",
  bitcoin_pruned: "0",
  bitcoin_mempool_size: "3",
  bitcoin_mempool_bytes: "3320",
  bitcoin_mempool_max_bytes: "300000000",
  bitcoin_mempool_vsize_bytes: "312",
  bitcoin_mempool_total_fee_satoshis: "11928",
  bitcoin_mempool_min_fee_rate_satoshis_per_vbyte: "0.1",
  bitcoin_min_relay_fee_rate_satoshis_per_vbyte: "0.1",
  bitcoin_mempool_unbroadcast_transactions: "0",
  bitcoin_peers: "3",
  bitcoin_bytes_recv_total: "26590",
  bitcoin_bytes_sent_total: "323405",
  bitcoin_network_active: "1",
  bitcoin_banned_subnets: "2",
  'bitcoin_node_info{chain="regtest",version="319900",subversion="/Satoshi:31.99.0/",protocol="70017"}': "1",
  bitcoin_uptime_seconds: "320",
  bitcoin_warnings: "1",
  'bitcoin_connections{direction="inbound",network="ipv4",connection_type="inbound",transport="v1"}': "0",
  'bitcoin_connections{direction="inbound",network="ipv4",connection_type="inbound",transport="v2"}': "0",
  'bitcoin_connections{direction="outbound",network="ipv4",connection_type="outbound-full-relay",transport="v1"}': "0",
  'bitcoin_connections{direction="outbound",network="ipv4",connection_type="outbound-full-relay",transport="v2"}': "0",
  'bitcoin_connections{direction="inbound",network="not_publicly_routable",connection_type="inbound",transport="v2"}':
    "1",
  'bitcoin_connections{direction="outbound",network="not_publicly_routable",connection_type="block-relay-only",transport="v1"}':
    "1",
  'bitcoin_connections{direction="outbound",network="not_publicly_routable",connection_type="outbound-full-relay",transport="v2"}':
    "1",
  bitcoin_peer_ping_median_seconds: "0.000133067",
  bitcoin_peer_ping_min_seconds: "0.000122101",
  'bitcoin_chain_tips{status="active"}': "1",
  'bitcoin_chain_tips{status="valid-fork"}': "1",
  'bitcoin_chain_tips{status="valid-headers"}': "1",
  'bitcoin_chain_tips{status="headers-only"}': "1",
  'bitcoin_chain_tips{status="invalid"}': "1",
  'bitcoin_chain_tips{status="other"}': "0",
  'bitcoin_index_height{index="txindex"}': "214",
  'bitcoin_index_height{index="coinstatsindex"}': "214",
  'bitcoin_index_height{index="txospenderindex"}': "214",
  'bitcoin_index_height{index="basic block filter index"}': "214",
  'bitcoin_index_synced{index="txindex"}': "1",
  'bitcoin_index_synced{index="coinstatsindex"}': "1",
  'bitcoin_index_synced{index="txospenderindex"}': "1",
  'bitcoin_index_synced{index="basic block filter index"}': "1",
  'bitcoin_fee_estimate_satoshis_per_vbyte{target="1"}': "2",
  'bitcoin_fee_estimate_satoshis_per_vbyte{target="2"}': "2",
  'bitcoin_fee_estimate_satoshis_per_vbyte{target="6"}': "2",
  'bitcoin_fee_estimate_satoshis_per_vbyte{target="144"}': "2",
  'bitcoin_fee_estimate_satoshis_per_vbyte{target="1008"}': "2",
  bitcoin_chain_transactions: "457",
  bitcoin_chain_transactions_per_second: "2.03125",
  bitcoin_incremental_relay_fee_rate_satoshis_per_vbyte: "0.1",
  bitcoin_mempool_loaded: "1",
  bitcoin_mempool_optimal: "1",
  bitcoin_mempool_max_cluster_transactions: "64",
  bitcoin_mempool_max_cluster_vsize_bytes: "101000",
  ...each("bitcoin_network_reachable", "network", { ipv4: "1", ipv6: "1", onion: "0", i2p: "0", cjdns: "0" }),
  ...each("bitcoin_local_addresses", "network", { ipv4: "0", ipv6: "0", onion: "0", i2p: "0", cjdns: "0", other: "0" }),
  'bitcoin_local_services_info{services="NETWORK,WITNESS,NETWORK_LIMITED,P2P_V2"}': "1",
  bitcoin_time_offset_seconds: "0",
  ...each("bitcoin_relay_backlog_transactions", "direction", { inbound: "0", outbound: "0" }),
  ...each("bitcoin_relay_transaction_tokens", "direction", { inbound: "420", outbound: "420" }),
  ...each("bitcoin_relay_byte_tokens", "direction", { inbound: "18142796.59401999", outbound: "27406489.98504997" }),
  bitcoin_relay_target_transactions_per_second: "14",
  bitcoin_peers_with_overdue_ping: "0",
  bitcoin_peers_with_blocks_in_flight: "0",
  bitcoin_blocks_in_flight: "0",
  ...each("bitcoin_peers_high_bandwidth", "selected_by", { node: "0", peer: "3" }),
  bitcoin_peers_with_clock_off: "0",
  bitcoin_peers_relaying_transactions: "1",
  bitcoin_peer_addresses_processed: "0",
  bitcoin_peer_addresses_rate_limited: "0",
  bitcoin_peer_announcement_queue_transactions: "0",
  bitcoin_peer_announcement_queue_max_transactions: "0",
  bitcoin_peer_fee_filter_min_satoshis_per_vbyte: "0.1",
  bitcoin_peer_fee_filter_median_satoshis_per_vbyte: "0.1",
  ...each("bitcoin_peers_by_client", "client", {
    "Satoshi:23": "0",
    "Satoshi:24": "0",
    "Satoshi:25": "0",
    "Satoshi:26": "0",
    "Satoshi:27": "0",
    "Satoshi:28": "0",
    "Satoshi:29": "0",
    "Satoshi:30": "2",
    "Satoshi:31": "1",
    "Satoshi:32": "0",
    other: "0",
  }),
  ...each("bitcoin_peers_by_protocol", "protocol", { 70014: "0", 70015: "0", 70016: "2", 70017: "1", other: "0" }),
  ...each("bitcoin_peers_by_service", "service", {
    NETWORK: "2",
    NETWORK_LIMITED: "3",
    WITNESS: "3",
    COMPACT_FILTERS: "0",
    P2P_V2: "3",
  }),
};

test("master", () => {
  expect(shown("master")).toEqual(MASTER);
});

/** The series whose name begins with none of these. */
function without(all: Readonly<Record<string, string>>, ...starts: string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(all).filter(([series]) => !starts.some((s) => series.startsWith(s))));
}

const PR_TRACE = {
  ...without(MASTER, "bitcoin_node_info", "bitcoin_connections{", "bitcoin_index_", "bitcoin_relay_"),
  bitcoin_peers: "2",
  bitcoin_bytes_recv_total: "186352",
  bitcoin_bytes_sent_total: "13633",
  bitcoin_banned_subnets: "1",
  'bitcoin_node_info{chain="regtest",version="309900",subversion="/Satoshi:30.99.0/",protocol="70016"}': "1",
  bitcoin_uptime_seconds: "318",
  'bitcoin_connections{direction="inbound",network="ipv4",connection_type="inbound",transport="v1"}': "0",
  'bitcoin_connections{direction="inbound",network="ipv4",connection_type="inbound",transport="v2"}': "0",
  'bitcoin_connections{direction="outbound",network="ipv4",connection_type="outbound-full-relay",transport="v1"}': "0",
  'bitcoin_connections{direction="outbound",network="ipv4",connection_type="outbound-full-relay",transport="v2"}': "0",
  'bitcoin_connections{direction="inbound",network="not_publicly_routable",connection_type="inbound",transport="v2"}':
    "1",
  'bitcoin_connections{direction="outbound",network="not_publicly_routable",connection_type="block-relay-only",transport="v2"}':
    "1",
  // Of two peers, between 0.000236 and 0.000271; the node itself answers 9.899999999999999e-05 for the other's minimum.
  bitcoin_peer_ping_median_seconds: "0.0002535",
  bitcoin_peer_ping_min_seconds: "0.000062",
  'bitcoin_index_height{index="txindex"}': "214",
  'bitcoin_index_height{index="coinstatsindex"}': "214",
  'bitcoin_index_height{index="basic block filter index"}': "214",
  'bitcoin_index_synced{index="txindex"}': "1",
  'bitcoin_index_synced{index="coinstatsindex"}': "1",
  'bitcoin_index_synced{index="basic block filter index"}': "1",
  ...each("bitcoin_peers_high_bandwidth", "selected_by", { node: "2", peer: "0" }),
  ...each("bitcoin_peers_by_client", "client", { "Satoshi:30": "0", "Satoshi:31": "2" }),
  ...each("bitcoin_peers_by_protocol", "protocol", { 70016: "0", 70017: "2" }),
  ...each("bitcoin_peers_by_service", "service", { NETWORK_LIMITED: "2", WITNESS: "2", P2P_V2: "2" }),
};

test("pr/trace", () => {
  expect(shown("pr/trace")).toEqual(PR_TRACE);
});

test("pr/trace, whose Chain and Node serve some families", () => {
  const served = [
    "bitcoin_chain_height",
    "bitcoin_header_height",
    "bitcoin_ibd",
    "bitcoin_verification_progress",
    "bitcoin_mempool_size",
    "bitcoin_mempool_bytes",
    "bitcoin_mempool_max_bytes",
    "bitcoin_peers",
    "bitcoin_bytes_recv_total",
    "bitcoin_bytes_sent_total",
  ];
  const rest = Object.entries(PR_TRACE).filter(([series]) => !served.includes(series));
  expect(rest).toHaveLength(Object.keys(PR_TRACE).length - served.length);
  expect(shown("pr/trace", "node", "jsonRpc")).toEqual(Object.fromEntries(rest));
});

test("a new node has no rate, no indexes, no estimates, and one warning though it is a text", () => {
  expect(shown("master, new")).toEqual({
    bitcoin_chain_height: "0",
    bitcoin_header_height: "0",
    bitcoin_test_chain: "1",
    bitcoin_ibd: "1",
    bitcoin_verification_progress: "0.000002005329749365225",
    bitcoin_difficulty: "4.656542373906925e-10",
    bitcoin_tip_timestamp_seconds: "1296688602",
    bitcoin_tip_median_timestamp_seconds: "1296688602",
    bitcoin_size_on_disk_bytes: "293",
    bitcoin_pruned: "0",
    bitcoin_peers: "0",
    bitcoin_network_active: "1",
    'bitcoin_node_info{chain="regtest",version="319900",subversion="/Satoshi:31.99.0/",protocol="70017"}': "1",
    bitcoin_warnings: "1",
    ...each("bitcoin_network_reachable", "network", { ipv4: "1", ipv6: "1", onion: "0", i2p: "0", cjdns: "0" }),
    ...each("bitcoin_local_addresses", "network", {
      ipv4: "0",
      ipv6: "0",
      onion: "0",
      i2p: "0",
      cjdns: "0",
      other: "0",
    }),
    'bitcoin_local_services_info{services="NETWORK,WITNESS,NETWORK_LIMITED,P2P_V2"}': "1",
    bitcoin_time_offset_seconds: "0",
    ...each("bitcoin_relay_backlog_transactions", "direction", { inbound: "0", outbound: "0" }),
    ...each("bitcoin_relay_transaction_tokens", "direction", { inbound: "420", outbound: "420" }),
    ...each("bitcoin_relay_byte_tokens", "direction", { inbound: "12000000", outbound: "12000000" }),
    bitcoin_relay_target_transactions_per_second: "14",
    'bitcoin_chain_tips{status="active"}': "1",
    'bitcoin_chain_tips{status="valid-fork"}': "0",
    'bitcoin_chain_tips{status="valid-headers"}': "0",
    'bitcoin_chain_tips{status="headers-only"}': "0",
    'bitcoin_chain_tips{status="invalid"}': "0",
    'bitcoin_chain_tips{status="other"}': "0",
    bitcoin_chain_transactions: "1",
  });
});

test("a pruned node reports the height of its first block", () => {
  expect(shown("master, pruned")).toMatchObject({
    bitcoin_chain_height: "814",
    bitcoin_size_on_disk_bytes: "134696",
    bitcoin_pruned: "1",
    bitcoin_prune_height: "363",
  });
});

test("a node without network has no peers and an unbroadcast transaction", () => {
  expect(shown("master, network off")).toEqual({
    bitcoin_mempool_size: "1",
    bitcoin_mempool_bytes: "1112",
    bitcoin_mempool_max_bytes: "300000000",
    bitcoin_mempool_vsize_bytes: "104",
    bitcoin_mempool_total_fee_satoshis: "5650",
    bitcoin_mempool_min_fee_rate_satoshis_per_vbyte: "0.1",
    bitcoin_min_relay_fee_rate_satoshis_per_vbyte: "0.1",
    bitcoin_mempool_unbroadcast_transactions: "1",
    bitcoin_peers: "0",
    bitcoin_network_active: "0",
    bitcoin_incremental_relay_fee_rate_satoshis_per_vbyte: "0.1",
    bitcoin_mempool_loaded: "1",
    bitcoin_mempool_optimal: "1",
    bitcoin_mempool_max_cluster_transactions: "64",
    bitcoin_mempool_max_cluster_vsize_bytes: "101000",
    ...each("bitcoin_network_reachable", "network", { ipv4: "1", ipv6: "1", onion: "0", i2p: "0", cjdns: "0" }),
    ...each("bitcoin_local_addresses", "network", {
      ipv4: "0",
      ipv6: "0",
      onion: "0",
      i2p: "0",
      cjdns: "0",
      other: "0",
    }),
    'bitcoin_local_services_info{services="WITNESS,NETWORK_LIMITED,P2P_V2"}': "1",
    bitcoin_time_offset_seconds: "0",
    ...each("bitcoin_relay_backlog_transactions", "direction", { inbound: "0", outbound: "0" }),
    ...each("bitcoin_relay_transaction_tokens", "direction", { inbound: "419", outbound: "419" }),
    ...each("bitcoin_relay_byte_tokens", "direction", { inbound: "19296722.92131994", outbound: "30242006.80330005" }),
    bitcoin_relay_target_transactions_per_second: "14",
    bitcoin_peers_with_overdue_ping: "0",
    bitcoin_peers_with_blocks_in_flight: "0",
    bitcoin_blocks_in_flight: "0",
    ...each("bitcoin_peers_high_bandwidth", "selected_by", { node: "0", peer: "0" }),
    bitcoin_peers_with_clock_off: "0",
    bitcoin_peers_relaying_transactions: "0",
    bitcoin_peer_addresses_processed: "0",
    bitcoin_peer_addresses_rate_limited: "0",
    bitcoin_peer_announcement_queue_transactions: "0",
    bitcoin_peer_announcement_queue_max_transactions: "0",
    ...each("bitcoin_peers_by_client", "client", {
      "Satoshi:23": "0",
      "Satoshi:24": "0",
      "Satoshi:25": "0",
      "Satoshi:26": "0",
      "Satoshi:27": "0",
      "Satoshi:28": "0",
      "Satoshi:29": "0",
      "Satoshi:30": "0",
      "Satoshi:31": "0",
      "Satoshi:32": "0",
      other: "0",
    }),
    ...each("bitcoin_peers_by_protocol", "protocol", { 70014: "0", 70015: "0", 70016: "0", 70017: "0", other: "0" }),
    ...each("bitcoin_peers_by_service", "service", {
      NETWORK: "0",
      NETWORK_LIMITED: "0",
      WITNESS: "0",
      COMPACT_FILTERS: "0",
      P2P_V2: "0",
    }),

    'bitcoin_connections{direction="inbound",network="ipv4",connection_type="inbound",transport="v1"}': "0",
    'bitcoin_connections{direction="inbound",network="ipv4",connection_type="inbound",transport="v2"}': "0",
    'bitcoin_connections{direction="outbound",network="ipv4",connection_type="outbound-full-relay",transport="v1"}':
      "0",
    'bitcoin_connections{direction="outbound",network="ipv4",connection_type="outbound-full-relay",transport="v2"}':
      "0",
  });
});
