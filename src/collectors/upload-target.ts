// The limit that -maxuploadtarget sets for a cycle of a day. A node without it has no samples.

import type { Registry } from "../metrics/registry.ts";
import type { JsonValue } from "../node/json.ts";
import { type Collector, fromRpc, polled } from "./collector.ts";
import * as result from "./result.ts";

const netTotals = fromRpc("getnettotals");

export function uploadTargetCollector(registry: Registry): Collector {
  const target = registry.gauge("bitcoin_upload_target_bytes", "Bytes that the node may send per cycle.");
  const reached = registry.gauge(
    "bitcoin_upload_target_reached",
    "1 once the node has reached its upload target in this cycle, else 0.",
  );
  const bytesLeft = registry.gauge(
    "bitcoin_upload_target_left_bytes",
    "Bytes that the node may still send in this cycle.",
  );
  const secondsLeft = registry.gauge("bitcoin_upload_target_cycle_left_seconds", "Time until the next cycle.");
  return {
    polled: [
      polled(target, netTotals(ofTarget(result.count), "target")),
      polled(reached, netTotals(ofTarget(result.flag), "target_reached")),
      polled(bytesLeft, netTotals(ofTarget(result.count), "bytes_left_in_cycle")),
      polled(secondsLeft, netTotals(ofTarget(result.count), "time_left_in_cycle")),
    ],
  };
}

/** Reads a field of the target; no value if the target is 0: then there is no limit. */
function ofTarget<T>(read: (target: JsonValue, field: string) => T | undefined) {
  return (totals: JsonValue, field: string): T | undefined => {
    const target = result.object(totals, "uploadtarget");
    return target && result.count(target, "target") !== 0n ? read(target, field) : undefined;
  };
}
