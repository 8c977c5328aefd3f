// The peer-to-peer network: who is connected and how much is said.

import type { Registry } from "../metrics/registry.ts";
import { type Collector, poll } from "./collector.ts";

export function peersCollector(registry: Registry): Collector {
  const peers = registry.gauge("bitcoin_peers", "Connected peers, inbound and outbound.");
  const received = registry.polledCounter(
    "bitcoin_bytes_recv_total",
    "Bytes received from peers since the node started.",
  );
  const sent = registry.polledCounter("bitcoin_bytes_sent_total", "Bytes sent to peers since the node started.");
  return {
    polls: [
      poll("Node.getNodeCount", peers, (node) => node.getNodeCount()),
      poll("Node.getTotalBytesRecv", received, (node) => node.getTotalBytesRecv()),
      poll("Node.getTotalBytesSent", sent, (node) => node.getTotalBytesSent()),
    ],
  };
}
