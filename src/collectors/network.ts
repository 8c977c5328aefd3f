// The node in the peer-to-peer network: number of peers, traffic, bans, reachable networks, own addresses and services.

import type { Registry } from "../metrics/registry.ts";
import type { JsonValue } from "../node/json.ts";
import { type Collector, fromNode, fromRpc, polled, polledInto } from "./collector.ts";
import { countBy, NETWORKS, samplesOf } from "./labelled.ts";
import * as result from "./result.ts";

const networkInfo = fromRpc("getnetworkinfo");
const netTotals = fromRpc("getnettotals");

export function networkCollector(registry: Registry): Collector {
  const peers = registry.gauge("bitcoin_peers", "Connected peers, inbound and outbound.");
  const received = registry.polledCounter(
    "bitcoin_bytes_recv_total",
    "Bytes received from peers since the node started.",
  );
  const sent = registry.polledCounter("bitcoin_bytes_sent_total", "Bytes sent to peers since the node started.");
  const active = registry.gauge("bitcoin_network_active", "1 while P2P networking is enabled, else 0.");
  const banned = registry.gauge("bitcoin_banned_subnets", "Banned addresses and subnets.");
  const reachable = registry.gaugeVec(
    "bitcoin_network_reachable",
    "1 if the node connects to peers in this network, else 0.",
    ["network"],
    NETWORKS.length,
  );
  const localAddresses = registry.gaugeVec(
    "bitcoin_local_addresses",
    "Addresses of its own that the node announces to peers, by network.",
    ["network"],
    NETWORKS.length + 1,
  );
  const services = registry.gaugeVec(
    "bitcoin_local_services_info",
    "Services that the node offers to peers; always 1.",
    ["services"],
    1,
  );
  const timeOffset = registry.gauge(
    "bitcoin_time_offset_seconds",
    "Median difference of the outbound peers' clocks from the node's; negative if theirs are behind.",
  );
  return {
    polled: [
      polled(peers, fromNode("Node", "getNodeCount"), networkInfo(result.count, "connections")),
      polled(received, fromNode("Node", "getTotalBytesRecv"), netTotals(result.count, "totalbytesrecv")),
      polled(sent, fromNode("Node", "getTotalBytesSent"), netTotals(result.count, "totalbytessent")),
      polled(active, networkInfo(result.flag, "networkactive")),
      polledInto(samplesOf(reachable), networkInfo(readReachable)),
      polledInto(samplesOf(localAddresses), networkInfo(countAddresses)),
      polledInto(samplesOf(services), networkInfo(readServices)),
      polled(timeOffset, networkInfo(result.integer, "timeoffset")),
      polled(banned, fromRpc("listbanned", { items: "count" })(result.asCount)),
    ],
  };
}

function readReachable(info: JsonValue) {
  const networks = (result.list(info, "networks") ?? []).map(
    (network) => [result.text(network, "name"), result.flag(network, "reachable")] as const,
  );
  return NETWORKS.map((name) => [[name], networks.find(([other]) => other === name)?.[1]] as const);
}

function countAddresses(info: JsonValue) {
  const addresses = result.list(info, "localaddresses");
  return addresses && countBy(NETWORKS, networkOf)(addresses);
}

/** The node lists its addresses without their networks. */
function networkOf(entry: JsonValue): string {
  const address = result.text(entry, "address") ?? "";
  if (address.endsWith(".onion")) return "onion";
  if (address.endsWith(".i2p")) return "i2p";
  if (!address.includes(":")) return "ipv4";
  // CJDNS is all of fc00::/8.
  return address.startsWith("fc") ? "cjdns" : "ipv6";
}

function readServices(info: JsonValue) {
  const names = result.list(info, "localservicesnames");
  return names && ([[[names.join(",")], true]] as const);
}
