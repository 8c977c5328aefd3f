// The ends of all branches that the node knows: the active chain's, and those of forks by what became of them.

import type { Registry } from "../metrics/registry.ts";
import type { Collector } from "./collector.ts";
import * as result from "./result.ts";
import { type Part, rpcPoll } from "./rpc-poll.ts";

const STATUSES = ["active", "valid-fork", "valid-headers", "headers-only", "invalid"];
/** For a status that is newer than this exporter, and for the node's own `unknown`. */
const OTHER = "other";

/** The node walks its whole block index for an answer, some 900,000 entries on mainnet, and validates nothing meanwhile. */
const EVERY = 10;

export function tipsCollector(registry: Registry): Collector {
  const tips = registry.gaugeVec(
    "bitcoin_chain_tips",
    "Ends of the branches of the block tree that the node knows, by status.",
    ["status"],
    STATUSES.length + 1,
  );
  const known = new Map(STATUSES.map((status) => [status, tips.with(status)]));
  const other = tips.with(OTHER);

  const counts: Part = {
    set(list) {
      const byStatus = Map.groupBy(result.asList(list), (tip) => known.get(result.text(tip, "status") ?? "") ?? other);
      for (const gauge of tips) gauge.set(byStatus.get(gauge)?.length ?? 0);
    },
    clear() {
      for (const gauge of tips) gauge.clear();
    },
  };
  return { rpcPolls: [rpcPoll("getchaintips", [counts], { every: EVERY })] };
}
