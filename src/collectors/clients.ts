// The peers by client, protocol version and service.

import type { Registry } from "../metrics/registry.ts";
import type { JsonValue } from "../node/json.ts";
import { type Collector, fromRpc, polledInto } from "./collector.ts";
import { countBy, samplesOf } from "./labelled.ts";
import * as result from "./result.ts";

/** Bitcoin Core's name for itself on the network, with its last ten major versions. Any other user agent is `other`. */
const MAJOR_VERSIONS = [23, 24, 25, 26, 27, 28, 29, 30, 31, 32];
const CLIENTS = MAJOR_VERSIONS.map((version) => `Satoshi:${version}`);
/** Matches the whole user agent: derived clients append a name to Bitcoin Core's. */
const USER_AGENT = /^\/(Satoshi:\d+)\.[^/]*\/$/;

/** Protocol versions of Bitcoin Core since compact blocks; v32 introduced the last one. */
const PROTOCOLS = ["70014", "70015", "70016", "70017"];

const SERVICES = ["NETWORK", "NETWORK_LIMITED", "WITNESS", "COMPACT_FILTERS", "P2P_V2"];

const peerInfo = fromRpc("getpeerinfo");

export function clientsCollector(registry: Registry): Collector {
  const byClient = registry.gaugeVec(
    "bitcoin_peers_by_client",
    "Connected peers by client: the major version of Bitcoin Core, or other.",
    ["client"],
    CLIENTS.length + 1,
  );
  const byProtocol = registry.gaugeVec(
    "bitcoin_peers_by_protocol",
    "Connected peers by protocol version.",
    ["protocol"],
    PROTOCOLS.length + 1,
  );
  const byService = registry.gaugeVec(
    "bitcoin_peers_by_service",
    "Connected peers that offer a service, by service.",
    ["service"],
    SERVICES.length,
  );
  return {
    polled: [
      polledInto(samplesOf(byClient), peerInfo(countBy(CLIENTS, clientOf))),
      polledInto(samplesOf(byProtocol), peerInfo(countBy(PROTOCOLS, protocolOf))),
      polledInto(samplesOf(byService), peerInfo(countServices)),
    ],
  };
}

function clientOf(peer: JsonValue): string | undefined {
  return USER_AGENT.exec(result.text(peer, "subver") ?? "")?.[1];
}

function protocolOf(peer: JsonValue): string | undefined {
  return result.count(peer, "version")?.toString();
}

function countServices(peers: JsonValue) {
  const offered = result.asList(peers).map((peer) => result.list(peer, "servicesnames") ?? []);
  return SERVICES.map((service) => [[service], offered.filter((names) => names.includes(service)).length] as const);
}
