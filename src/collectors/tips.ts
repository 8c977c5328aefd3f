// The tips of all branches that the node knows, by status.

import type { Registry } from "../metrics/registry.ts";
import type { JsonValue } from "../node/json.ts";
import { type Collector, fromRpc, polledInto } from "./collector.ts";
import { countBy, samplesOf } from "./labelled.ts";
import * as result from "./result.ts";

/** The node's own `unknown`, and statuses that this exporter does not know, count as `other`. */
const STATUSES = ["active", "valid-fork", "valid-headers", "headers-only", "invalid"];

/** Polls from one call to the next: the node reads its whole block index, 900,000 entries on mainnet, and holds cs_main. */
const EVERY = 10;

const chainTips = fromRpc("getchaintips", { every: EVERY });

export function tipsCollector(registry: Registry): Collector {
  const byStatus = registry.gaugeVec(
    "bitcoin_chain_tips",
    "Tips of the branches of the block tree that the node knows, by status.",
    ["status"],
    STATUSES.length + 1,
  );
  return {
    polled: [polledInto(samplesOf(byStatus), chainTips(countBy(STATUSES, statusOf)))],
  };
}

function statusOf(tip: JsonValue): string | undefined {
  return result.text(tip, "status");
}
