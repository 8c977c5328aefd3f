// The tips of all branches that the node knows, by status.

import type { Registry } from "../metrics/registry.ts";
import type { JsonValue } from "../node/json.ts";
import { type Collector, fromRpc, polledInto, type Target } from "./collector.ts";
import * as result from "./result.ts";

const STATUSES = ["active", "valid-fork", "valid-headers", "headers-only", "invalid"];
/** Label of statuses that this exporter does not know, and of the node's own `unknown`. */
const OTHER = "other";

/** Polls from one call to the next: the node reads its whole block index, 900,000 entries on mainnet, and holds cs_main. */
const EVERY = 10;

export function tipsCollector(registry: Registry): Collector {
  const tips = registry.gaugeVec(
    "bitcoin_chain_tips",
    "Tips of the branches of the block tree that the node knows, by status.",
    ["status"],
    STATUSES.length + 1,
  );
  const known = new Map(STATUSES.map((status) => [status, tips.with(status)]));
  const other = tips.with(OTHER);

  const counts: Target<readonly JsonValue[]> = {
    set(list) {
      const byStatus = Map.groupBy(list, (tip) => known.get(result.text(tip, "status") ?? "") ?? other);
      for (const gauge of tips) gauge.set(byStatus.get(gauge)?.length ?? 0);
    },
    clear() {
      for (const gauge of tips) gauge.clear();
    },
  };
  return { polled: [polledInto(counts, fromRpc("getchaintips", { every: EVERY })(result.asList))] };
}
