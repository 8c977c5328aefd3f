// The peers by autonomous system. No samples on a node without -asmap, nor while no peer is mapped.

import type { Registry } from "../metrics/registry.ts";
import type { JsonValue } from "../node/json.ts";
import { type Collector, fromRpc, polled } from "./collector.ts";
import * as result from "./result.ts";
import { sum } from "./statistics.ts";

const peerInfo = fromRpc("getpeerinfo");

export function asmapCollector(registry: Registry): Collector {
  const systems = registry.gauge("bitcoin_peer_autonomous_systems", "Autonomous systems of the connected peers.");
  const unmapped = registry.gauge(
    "bitcoin_peers_without_autonomous_system",
    "Connected peers whose autonomous system the node does not know.",
  );
  const largestShare = registry.gauge(
    "bitcoin_peer_autonomous_system_largest_share",
    "Share of the connected peers that are in the most frequent autonomous system, from 0 to 1.",
  );
  return {
    polled: [
      polled(systems, peerInfo(ofMapped((sizes) => sizes.length))),
      polled(unmapped, peerInfo(ofMapped((sizes, peers) => peers - sum(sizes)))),
      polled(largestShare, peerInfo(ofMapped((sizes, peers) => Math.max(...sizes) / peers))),
    ],
  };
}

/** Reads the number of peers per autonomous system, if there are any, and the number of all peers. */
function ofMapped(read: (sizes: readonly number[], peers: number) => number) {
  return (info: JsonValue): number | undefined => {
    const peers = result.asList(info);
    const mapped = peers.flatMap((peer) => result.count(peer, "mapped_as") ?? []);
    const sizes = [...Map.groupBy(mapped, (system) => system).values()].map((group) => group.length);
    return sizes.length === 0 ? undefined : read(sizes, peers.length);
  };
}
