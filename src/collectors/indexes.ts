// The optional indexes of the node, such as txindex. A node without indexes has no series.

import type { Gauge } from "../metrics/cells.ts";
import type { Family } from "../metrics/family.ts";
import type { Registry } from "../metrics/registry.ts";
import type { JsonObject, JsonValue } from "../node/json.ts";
import { type Collector, fromRpc, type PolledFamily, type PolledValue, polledInto, setOrClear } from "./collector.ts";
import * as result from "./result.ts";

/** Bitcoin Core has four. */
const MAX_INDEXES = 16;

const indexInfo = fromRpc("getindexinfo");

export function indexesCollector(registry: Registry): Collector {
  const heights = registry.gaugeVec(
    "bitcoin_index_height",
    "Height up to which the index is built.",
    ["index"],
    MAX_INDEXES,
  );
  const synced = registry.gaugeVec(
    "bitcoin_index_synced",
    "1 if the index is built up to the tip, else 0.",
    ["index"],
    MAX_INDEXES,
  );
  return {
    polled: [byIndex(heights, result.height, "best_block_height"), byIndex(synced, result.flag, "synced")],
  };
}

function byIndex(
  family: Family<Gauge, readonly ["index"]>,
  read: (index: JsonValue, field: string) => PolledValue,
  field: string,
): PolledFamily<JsonObject> {
  const target = {
    set(indexes: JsonObject) {
      // Removes an index that the node no longer has.
      family.clear();
      for (const [name, index] of Object.entries(indexes)) setOrClear(family.with(name), read(index, field));
    },
    clear: () => family.clear(),
  };
  return polledInto(target, indexInfo(result.asObject));
}
