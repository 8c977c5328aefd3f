// The peer-to-peer network: number of peers, traffic, bans.

import type { Registry } from "../metrics/registry.ts";
import { type Collector, fromNode, fromRpc, polled } from "./collector.ts";
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
  return {
    polled: [
      polled(
        peers,
        fromNode("Node.getNodeCount", (node) => node.getNodeCount()),
        networkInfo(result.count, "connections"),
      ),
      polled(
        received,
        fromNode("Node.getTotalBytesRecv", (node) => node.getTotalBytesRecv()),
        netTotals(result.count, "totalbytesrecv"),
      ),
      polled(
        sent,
        fromNode("Node.getTotalBytesSent", (node) => node.getTotalBytesSent()),
        netTotals(result.count, "totalbytessent"),
      ),
      polled(active, networkInfo(result.flag, "networkactive")),
      polled(
        banned,
        fromRpc("listbanned")((bans) => result.asList(bans).length),
      ),
    ],
  };
}
