// The node's address manager: addresses of other nodes that it knows.

import type { Registry } from "../metrics/registry.ts";
import type { JsonValue } from "../node/json.ts";
import { type Collector, fromRpc, polledInto } from "./collector.ts";
import { NETWORKS, samplesOf } from "./labelled.ts";
import * as result from "./result.ts";

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

/** Without the node's own total, which is the sum of the networks. */
function readTables(info: JsonValue) {
  return NETWORKS.flatMap((network) => {
    const tables = result.object(info, network) ?? {};
    return TABLES.map((table) => [[network, table], result.count(tables, table)] as const);
  });
}
