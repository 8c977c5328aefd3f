// The node's address manager: addresses of other nodes that it knows.

import type { Registry } from "../metrics/registry.ts";
import type { JsonValue } from "../node/json.ts";
import { type Collector, fromRpc, polledInto } from "./collector.ts";
import { samplesOf } from "./labelled.ts";
import * as result from "./result.ts";

/** The networks of Bitcoin Core that an address can be in. The node's own total is left out: it is their sum. */
const NETWORKS = ["ipv4", "ipv6", "onion", "i2p", "cjdns"];
const TABLES = ["new", "tried"];

export function addrmanCollector(registry: Registry): Collector {
  const addresses = registry.gaugeVec(
    "bitcoin_addrman_addresses",
    "Addresses of other nodes that the node knows, by network and by whether it has connected to them (tried) or not (new).",
    ["network", "table"],
    NETWORKS.length * TABLES.length,
  );
  return { polled: [polledInto(samplesOf(addresses), fromRpc("getaddrmaninfo")(readTables))] };
}

function readTables(info: JsonValue) {
  return NETWORKS.flatMap((network) => {
    const tables = result.object(info, network) ?? {};
    return TABLES.map((table) => [[network, table], result.count(tables, table)] as const);
  });
}
