// The optional indexes of the node, such as txindex: how far each has come. A node without indexes has no series.

import type { Gauge } from "../metrics/cells.ts";
import type { Family } from "../metrics/family.ts";
import type { Registry } from "../metrics/registry.ts";
import type { JsonValue } from "../node/json.ts";
import { type Collector, type PollValue, setOrClear } from "./collector.ts";
import * as result from "./result.ts";
import { type Part, rpcPoll } from "./rpc-poll.ts";

/** Bitcoin Core has four. */
const MAX_INDEXES = 16;

export function indexesCollector(registry: Registry): Collector {
  const heights = registry.gaugeVec(
    "bitcoin_index_height",
    "Height of the block that the index has come to.",
    ["index"],
    MAX_INDEXES,
  );
  const synced = registry.gaugeVec(
    "bitcoin_index_synced",
    "1 if the index has come to the tip, else 0.",
    ["index"],
    MAX_INDEXES,
  );
  return {
    rpcPolls: [
      rpcPoll("getindexinfo", [
        byIndex(heights, (index) => result.height(index, "best_block_height")),
        byIndex(synced, (index) => result.flag(index, "synced")),
      ]),
    ],
  };
}

function byIndex(family: Family<Gauge, readonly ["index"]>, read: (index: JsonValue) => PollValue): Part {
  return {
    set(indexes) {
      // An index that the node no longer has must go.
      family.clear();
      for (const [name, index] of Object.entries(result.asObject(indexes))) setOrClear(family.with(name), read(index));
    },
    clear: () => family.clear(),
  };
}
