// The peers: connections by direction, network, type and transport, and ping times.

import { OTHER } from "../metrics/family.ts";
import type { Registry } from "../metrics/registry.ts";
import type { JsonValue } from "../node/json.ts";
import { type Collector, fromRpc, polled, polledInto, type Target } from "./collector.ts";
import { NETWORKS } from "./labelled.ts";
import * as result from "./result.ts";
import { lowest, median } from "./statistics.ts";

// The values of Bitcoin Core. Any other value, or none, counts as OTHER, so the number of series is bounded.
const PEER_NETWORKS = [...NETWORKS, "not_publicly_routable", "internal"];
const CONNECTION_TYPES = [
  "inbound",
  "outbound-full-relay",
  "block-relay-only",
  "manual",
  "addr-fetch",
  "feeler",
  "private-broadcast",
];
const TRANSPORTS = ["v1", "v2", "detecting"];

const MAX_SERIES = 2 * (PEER_NETWORKS.length + 1) * (CONNECTION_TYPES.length + 1) * (TRANSPORTS.length + 1);

type Labels = readonly [direction: string, network: string, connectionType: string, transport: string];

/** Shown even without such peers, so that sums by direction or transport are 0 rather than absent. */
const ALWAYS_SHOWN: readonly Labels[] = [
  ["inbound", "ipv4", "inbound", "v1"],
  ["inbound", "ipv4", "inbound", "v2"],
  ["outbound", "ipv4", "outbound-full-relay", "v1"],
  ["outbound", "ipv4", "outbound-full-relay", "v2"],
];

const peerInfo = fromRpc("getpeerinfo");

export function peersCollector(registry: Registry): Collector {
  const connections = registry.gaugeVec(
    "bitcoin_connections",
    "Connected peers by direction, network, type of connection and transport protocol.",
    ["direction", "network", "connection_type", "transport"],
    MAX_SERIES,
  );
  const medianPing = registry.gauge("bitcoin_peer_ping_median_seconds", "Median of the peers' latest ping times.");
  const minPing = registry.gauge(
    "bitcoin_peer_ping_min_seconds",
    "Lowest ping time ever measured to a connected peer.",
  );

  const counts: Target<readonly JsonValue[]> = {
    set(peers) {
      for (const labels of ALWAYS_SHOWN) connections.with(...labels);
      const byLabels = Map.groupBy(peers, (peer) => connections.with(...labelsOf(peer)));
      // A series without peers stays at 0, so that its graph has no gap.
      for (const gauge of connections) gauge.set(byLabels.get(gauge)?.length ?? 0);
    },
    clear: () => connections.clear(),
  };

  return {
    polled: [
      polledInto(counts, peerInfo(result.asList)),
      polled(medianPing, peerInfo(timesOf(median), "pingtime")),
      polled(minPing, peerInfo(timesOf(lowest), "minping")),
    ],
  };
}

function labelsOf(peer: JsonValue): Labels {
  return [
    result.flag(peer, "inbound") === true ? "inbound" : "outbound",
    known(PEER_NETWORKS, result.text(peer, "network")),
    known(CONNECTION_TYPES, result.text(peer, "connection_type")),
    known(TRANSPORTS, result.text(peer, "transport_protocol_type")),
  ];
}

function known(values: readonly string[], text: string | undefined): string {
  return text !== undefined && values.includes(text) ? text : OTHER;
}

/** Reads the ping times. A peer that has not answered a ping yet has none. */
function timesOf(read: (seconds: readonly number[]) => number | undefined) {
  return (peers: JsonValue, field: string) =>
    read(result.asList(peers).flatMap((peer) => result.number(peer, field) ?? []));
}
