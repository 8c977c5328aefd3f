// The node on the peer-to-peer network: how many peers, how much is said, and whom it does not talk to.

import type { Registry } from "../metrics/registry.ts";
import { type Collector, poll } from "./collector.ts";
import * as result from "./result.ts";
import { rpcPoll, seed, value } from "./rpc-poll.ts";

export function networkCollector(registry: Registry): Collector {
  const peers = registry.gauge("bitcoin_peers", "Connected peers, inbound and outbound.");
  const received = registry.polledCounter(
    "bitcoin_bytes_recv_total",
    "Bytes received from peers since the node started.",
  );
  const sent = registry.polledCounter("bitcoin_bytes_sent_total", "Bytes sent to peers since the node started.");
  const active = registry.gauge("bitcoin_network_active", "1 while the node talks to peers at all, else 0.");
  const banned = registry.gauge("bitcoin_banned_subnets", "Addresses and subnets that the node's operator banned.");
  return {
    queryPolls: [
      poll("Node.getNodeCount", peers, (node) => node.getNodeCount()),
      poll("Node.getTotalBytesRecv", received, (node) => node.getTotalBytesRecv()),
      poll("Node.getTotalBytesSent", sent, (node) => node.getTotalBytesSent()),
    ],
    rpcPolls: [
      rpcPoll("getnetworkinfo", [
        seed(peers, (info) => result.count(info, "connections")),
        value(active, (info) => result.flag(info, "networkactive")),
      ]),
      rpcPoll("getnettotals", [
        seed(received, (totals) => result.count(totals, "totalbytesrecv")),
        seed(sent, (totals) => result.count(totals, "totalbytessent")),
      ]),
      rpcPoll("listbanned", [value(banned, (bans) => result.asList(bans).length)]),
    ],
  };
}
