// The optional indexes of the node, such as txindex. A node without indexes has no series.

import type { Registry } from "../metrics/registry.ts";
import type { JsonValue } from "../node/json.ts";
import { type Collector, fromRpc, type PolledValue, polledInto } from "./collector.ts";
import { samplesOf } from "./labelled.ts";
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
    polled: [
      polledInto(samplesOf(heights), byIndex(result.height, "best_block_height")),
      polledInto(samplesOf(synced), byIndex(result.flag, "synced")),
    ],
  };
}

/** Reads a field of each index that the node has. */
function byIndex(read: (index: JsonValue, field: string) => PolledValue, field: string) {
  return indexInfo((indexes) =>
    Object.entries(result.asObject(indexes)).map(([name, index]) => [[name], read(index, field)] as const),
  );
}
