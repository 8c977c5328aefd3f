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

/** A family that counts by label: 0 for each of `names` that is not in `counts`. */
const counter = (family: string, label: string, names: readonly string[]) => (counts: Record<string, string>) =>
  each(family, label, { ...Object.fromEntries(names.map((name) => [name, "0"])), ...counts });

const CLIENTS = Array.from({ length: 10 }, (_, index) => `Satoshi:${23 + index}`);
const PROTOCOLS = ["70014", "70015", "70016", "70017"];
const SERVICES = ["NETWORK", "NETWORK_LIMITED", "WITNESS", "COMPACT_FILTERS", "P2P_V2"];
const STATUSES = ["active", "valid-fork", "valid-headers", "headers-only", "invalid", "other"];
const BOUNDS = [0, 0.1, 0.2, 0.5, 1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300, 500, 1000];
const BANDS = BOUNDS.map((from, index) => (index < BOUNDS.length - 1 ? `${from}-${BOUNDS[index + 1]}` : `${from}+`));
const NETWORKS = ["ipv4", "ipv6", "onion", "i2p", "cjdns"];

const byClient = counter("bitcoin_peers_by_client", "client", [...CLIENTS, "other"]);
const byProtocol = counter("bitcoin_peers_by_protocol", "protocol", [...PROTOCOLS, "other"]);
const byService = counter("bitcoin_peers_by_service", "service", SERVICES);
const highBandwidth = counter("bitcoin_peers_high_bandwidth", "selected_by", ["node", "peer"]);
const chainTips = counter("bitcoin_chain_tips", "status", STATUSES);
const localAddresses = counter("bitcoin_local_addresses", "network", [...NETWORKS, "other"]);
const bandVbytes = counter("bitcoin_mempool_fee_rate_band_vbytes", "band", BANDS);
const bandFees = counter("bitcoin_mempool_fee_rate_band_fees_satoshis", "band", BANDS);

/** Peers of one kind, such as "inbound ipv4 inbound v1". */
function connections(kind: string, count: string): Record<string, string> {
  const [direction, network, type, transport] = kind.split(" ");
  const labels = `direction="${direction}",network="${network}",connection_type="${type}",transport="${transport}"`;
  return { [`bitcoin_connections{${labels}}`]: count };
}

/** The same estimate for all TARGETS. */
function fees(rate: string): Record<string, string> {
  return each("bitcoin_fee_estimate_satoshis_per_vbyte", "target", Object.fromEntries(TARGETS.map((of) => [of, rate])));
}

/** The estimates of the one estimator of nodes before v32, for all TARGETS. */
function blockPolicy(rate: string): Record<string, string> {
  const labels = TARGETS.map((target) => `{estimator="block_policy",target="${target}"}`);
  return Object.fromEntries(labels.map((own) => [`bitcoin_fee_estimate_by_estimator_satoshis_per_vbyte${own}`, rate]));
}

const NO_PEERS = {
  ...connections("inbound ipv4 inbound v1", "0"),
  ...connections("inbound ipv4 inbound v2", "0"),
  ...connections("outbound ipv4 outbound-full-relay v1", "0"),
  ...connections("outbound ipv4 outbound-full-relay v2", "0"),
  bitcoin_peers_with_overdue_ping: "0",
  bitcoin_peers_with_blocks_in_flight: "0",
  bitcoin_blocks_in_flight: "0",
  ...highBandwidth({}),
  bitcoin_peers_with_clock_off: "0",
  bitcoin_peers_relaying_transactions: "0",
  bitcoin_peer_addresses_processed: "0",
  bitcoin_peer_addresses_rate_limited: "0",
  bitcoin_peer_announcement_queue_transactions: "0",
  bitcoin_peer_announcement_queue_max_transactions: "0",
  ...byClient({}),
  ...byProtocol({}),
  ...byService({}),
};

/** What the network is on each of these nodes. */
const NETWORK = {
  bitcoin_network_active: "1",
  ...each("bitcoin_network_reachable", "network", { ipv4: "1", ipv6: "1", onion: "0", i2p: "0", cjdns: "0" }),
  ...localAddresses({}),
  'bitcoin_local_services_info{services="NETWORK,WITNESS,NETWORK_LIMITED,P2P_V2"}': "1",
  bitcoin_time_offset_seconds: "0",
  ...each("bitcoin_relay_backlog_transactions", "direction", { inbound: "0", outbound: "0" }),
  ...each("bitcoin_relay_transaction_tokens", "direction", { inbound: "420", outbound: "420" }),
  bitcoin_relay_target_transactions_per_second: "14",
};

/** How the mempool is configured on them. */
const MEMPOOL = {
  bitcoin_mempool_max_bytes: "300000000",
  bitcoin_mempool_min_fee_rate_satoshis_per_vbyte: "0.1",
  bitcoin_min_relay_fee_rate_satoshis_per_vbyte: "0.1",
  bitcoin_incremental_relay_fee_rate_satoshis_per_vbyte: "0.1",
  bitcoin_mempool_loaded: "1",
  bitcoin_mempool_optimal: "1",
  bitcoin_mempool_max_cluster_transactions: "64",
  bitcoin_mempool_max_cluster_vsize_bytes: "101000",
  bitcoin_mempool_unbroadcast_transactions: "0",
};

/** What is the same on each regtest chain of them that is not new. */
const CHAIN = {
  bitcoin_test_chain: "1",
  bitcoin_ibd: "0",
  bitcoin_verification_progress: "1",
  bitcoin_difficulty: "4.656542373906925e-10",
  bitcoin_pruned: "0",
  bitcoin_peer_fee_filter_min_satoshis_per_vbyte: "0.1",
  bitcoin_peer_fee_filter_median_satoshis_per_vbyte: "0.1",
};

const V32 = {
  ...NO_PEERS,
  ...NETWORK,
  ...MEMPOOL,
  ...CHAIN,
  ...blockPolicy("152.468"),
  'bitcoin_fee_estimate_by_estimator_satoshis_per_vbyte{estimator="mempool_policy",target="2"}': "1.234",
  bitcoin_chain_height: "135",
  bitcoin_header_height: "135",
  bitcoin_tip_timestamp_seconds: "1795866621",
  bitcoin_tip_median_timestamp_seconds: "1795866620",
  bitcoin_size_on_disk_bytes: "64431",
  bitcoin_mempool_size: "4",
  bitcoin_mempool_bytes: "4768",
  bitcoin_mempool_vsize_bytes: "944",
  bitcoin_mempool_total_fee_satoshis: "38888",
  bitcoin_mempool_min_fee_rate_satoshis_per_vbyte: "1.234",
  bitcoin_min_relay_fee_rate_satoshis_per_vbyte: "1.234",
  bitcoin_peers: "2",
  bitcoin_bytes_recv_total: "17439",
  bitcoin_bytes_sent_total: "150466",
  bitcoin_banned_subnets: "0",
  ...localAddresses({ ipv4: "1", onion: "1" }),
  ...each("bitcoin_relay_transaction_tokens", "direction", { inbound: "398.1901561519999", outbound: "420" }),
  ...each("bitcoin_relay_byte_tokens", "direction", { inbound: "12138131.21242001", outbound: "12364582.03105001" }),
  bitcoin_upload_target_bytes: "524288000",
  bitcoin_upload_target_reached: "0",
  bitcoin_upload_target_left_bytes: "524137534",
  bitcoin_upload_target_cycle_left_seconds: "86392",
  'bitcoin_node_info{chain="regtest",version="319900",subversion="/Satoshi:31.99.0/",protocol="70017"}': "1",
  bitcoin_uptime_seconds: "8",
  bitcoin_warnings: "1",
  bitcoin_rpc_active_commands: "0",
  ...connections("inbound not_publicly_routable inbound v2", "1"),
  ...connections("outbound not_publicly_routable block-relay-only v2", "1"),
  bitcoin_peer_ping_median_seconds: "0.0024521235",
  bitcoin_peer_ping_min_seconds: "0.000591021",
  ...highBandwidth({ peer: "2" }),
  bitcoin_peers_relaying_transactions: "1",
  ...byClient({ "Satoshi:31": "2" }),
  ...byProtocol({ 70017: "2" }),
  ...byService({ NETWORK: "2", NETWORK_LIMITED: "2", WITNESS: "2", COMPACT_FILTERS: "1", P2P_V2: "2" }),
  ...Object.fromEntries(
    Object.entries({
      ipv4: ["2", "1"],
      ipv6: ["1", "0"],
      onion: ["1", "0"],
      i2p: ["0", "0"],
      cjdns: ["0", "0"],
    }).flatMap(([network, counts]) =>
      ["new", "tried"].map((table, index) => [
        `bitcoin_addrman_addresses{network="${network}",table="${table}"}`,
        counts[index]!,
      ]),
    ),
  ),
  bitcoin_private_broadcast_transactions: "2",
  bitcoin_private_broadcast_exhausted_transactions: "0",
  ...chainTips({ active: "1" }),
  ...each("bitcoin_index_height", "index", { coinstatsindex: "135" }),
  ...each("bitcoin_index_synced", "index", { coinstatsindex: "1" }),
  ...fees("1.234"),
  ...bandVbytes({ "2-3": "612.25", "12-20": "95.25", "50-80": "95.25", "200-300": "138.25" }),
  ...bandFees({ "2-3": "1566", "12-20": "1500", "50-80": "5821", "200-300": "30001" }),
  bitcoin_mempool_next_block_fees_satoshis: "38888",
  bitcoin_chain_transactions: "257",
  bitcoin_chain_transactions_per_second: "11.08695652173913",
};

/** The series whose name begins with none of these. */
function without(all: Readonly<Record<string, string>>, ...starts: string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(all).filter(([series]) => !starts.some((s) => series.startsWith(s))));
}

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
    ...localAddresses({ ipv4: "1" }),
    bitcoin_upload_target_left_bytes: "524142984",
    bitcoin_upload_target_cycle_left_seconds: "86393",
    'bitcoin_node_info{chain="regtest",version="310100",subversion="/Satoshi:31.1.0/",protocol="70016"}': "1",
    bitcoin_warnings: "0",
    bitcoin_peer_ping_median_seconds: "0.001381",
    bitcoin_peer_ping_min_seconds: "0.001082",
    ...byProtocol({ 70016: "2" }),
    ...fees("152.468"),
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
    ...localAddresses({ ipv4: "1" }),
    bitcoin_upload_target_left_bytes: "524141980",
    bitcoin_upload_target_cycle_left_seconds: "86387",
    'bitcoin_node_info{chain="regtest",version="300300",subversion="/Satoshi:30.3.0/",protocol="70016"}': "1",
    bitcoin_uptime_seconds: "14",
    bitcoin_warnings: "0",
    // Between 0.001292 and 0.005513, as doubles.
    bitcoin_peer_ping_median_seconds: "0.0034024999999999997",
    bitcoin_peer_ping_min_seconds: "0.001292",
    ...byClient({ "Satoshi:30": "2" }),
    ...byProtocol({ 70016: "2" }),
    ...fees("156.185"),
  });
});

const MASTER = {
  ...NO_PEERS,
  ...NETWORK,
  ...MEMPOOL,
  ...CHAIN,
  ...blockPolicy("2"),
  bitcoin_chain_height: "214",
  bitcoin_header_height: "214",
  bitcoin_tip_timestamp_seconds: "1795358589",
  bitcoin_tip_median_timestamp_seconds: "1795358568",
  bitcoin_size_on_disk_bytes: "112152",
  bitcoin_mempool_size: "3",
  bitcoin_mempool_bytes: "3320",
  bitcoin_mempool_vsize_bytes: "312",
  bitcoin_mempool_total_fee_satoshis: "11928",
  bitcoin_peers: "3",
  bitcoin_bytes_recv_total: "26590",
  bitcoin_bytes_sent_total: "323405",
  bitcoin_banned_subnets: "2",
  'bitcoin_node_info{chain="regtest",version="319900",subversion="/Satoshi:31.99.0/",protocol="70017"}': "1",
  bitcoin_uptime_seconds: "320",
  bitcoin_warnings: "1",
  ...connections("inbound not_publicly_routable inbound v2", "1"),
  ...connections("outbound not_publicly_routable block-relay-only v1", "1"),
  ...connections("outbound not_publicly_routable outbound-full-relay v2", "1"),
  bitcoin_peer_ping_median_seconds: "0.000133067",
  bitcoin_peer_ping_min_seconds: "0.000122101",
  ...chainTips({ active: "1", "valid-fork": "1", "valid-headers": "1", "headers-only": "1", invalid: "1" }),
  ...ofIndexes("txindex", "coinstatsindex", "txospenderindex", "basic block filter index"),
  ...fees("2"),
  bitcoin_chain_transactions: "457",
  bitcoin_chain_transactions_per_second: "2.03125",
  ...each("bitcoin_relay_byte_tokens", "direction", { inbound: "18142796.59401999", outbound: "27406489.98504997" }),
  ...highBandwidth({ peer: "3" }),
  bitcoin_peers_relaying_transactions: "1",
  ...byClient({ "Satoshi:30": "2", "Satoshi:31": "1" }),
  ...byProtocol({ 70016: "2", 70017: "1" }),
  ...byService({ NETWORK: "2", NETWORK_LIMITED: "3", WITNESS: "3", P2P_V2: "3" }),
};

/** Indexes that are synced up to height 214. */
function ofIndexes(...names: string[]): Record<string, string> {
  const all = (value: string) => Object.fromEntries(names.map((name) => [name, value]));
  return { ...each("bitcoin_index_height", "index", all("214")), ...each("bitcoin_index_synced", "index", all("1")) };
}

test("master", () => {
  expect(shown("master")).toEqual(MASTER);
});

const PR_TRACE = {
  ...without(MASTER, "bitcoin_node_info", "bitcoin_connections{", "bitcoin_index_", "bitcoin_relay_"),
  ...without(NO_PEERS, "bitcoin_peer"),
  bitcoin_peers: "2",
  bitcoin_bytes_recv_total: "186352",
  bitcoin_bytes_sent_total: "13633",
  bitcoin_banned_subnets: "1",
  'bitcoin_node_info{chain="regtest",version="309900",subversion="/Satoshi:30.99.0/",protocol="70016"}': "1",
  bitcoin_uptime_seconds: "318",
  ...connections("inbound not_publicly_routable inbound v2", "1"),
  ...connections("outbound not_publicly_routable block-relay-only v2", "1"),
  // Of two peers, between 0.000236 and 0.000271; the node itself answers 9.899999999999999e-05 for the other's minimum.
  bitcoin_peer_ping_median_seconds: "0.0002535",
  bitcoin_peer_ping_min_seconds: "0.000062",
  ...ofIndexes("txindex", "coinstatsindex", "basic block filter index"),
  ...highBandwidth({ node: "2" }),
  ...byClient({ "Satoshi:31": "2" }),
  ...byProtocol({ 70017: "2" }),
  ...byService({ NETWORK: "2", NETWORK_LIMITED: "2", WITNESS: "2", P2P_V2: "2" }),
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
    ...NETWORK,
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
    'bitcoin_node_info{chain="regtest",version="319900",subversion="/Satoshi:31.99.0/",protocol="70017"}': "1",
    bitcoin_warnings: "1",
    ...each("bitcoin_relay_byte_tokens", "direction", { inbound: "12000000", outbound: "12000000" }),
    ...chainTips({ active: "1" }),
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
    ...NO_PEERS,
    ...without(NETWORK, "bitcoin_local_services_info"),
    ...MEMPOOL,
    bitcoin_mempool_size: "1",
    bitcoin_mempool_bytes: "1112",
    bitcoin_mempool_vsize_bytes: "104",
    bitcoin_mempool_total_fee_satoshis: "5650",
    bitcoin_mempool_unbroadcast_transactions: "1",
    bitcoin_peers: "0",
    bitcoin_network_active: "0",
    'bitcoin_local_services_info{services="WITNESS,NETWORK_LIMITED,P2P_V2"}': "1",
    ...each("bitcoin_relay_transaction_tokens", "direction", { inbound: "419", outbound: "419" }),
    ...each("bitcoin_relay_byte_tokens", "direction", { inbound: "19296722.92131994", outbound: "30242006.80330005" }),
  });
});
