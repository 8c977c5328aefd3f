// The background validation of a node that loaded a snapshot of the UTXO set. Such a node uses the snapshot at once and validates
// the blocks below it meanwhile. No samples on other nodes, nor after the validation.

import type { Registry } from "../metrics/registry.ts";
import { type Collector, fromRpc, polled } from "./collector.ts";
import * as result from "./result.ts";

const blockchainInfo = fromRpc("getblockchaininfo");
const FIELD = "backgroundvalidation";

export function snapshotCollector(registry: Registry): Collector {
  const height = registry.gauge(
    "bitcoin_background_validation_height",
    "Height up to which the blocks below the snapshot are validated.",
  );
  const targetHeight = registry.gauge("bitcoin_snapshot_height", "Height of the snapshot that the node started from.");
  const progress = registry.gauge(
    "bitcoin_background_validation_progress",
    "Share of the chain below the snapshot that is validated, from 0 to 1, as the node estimates it.",
  );
  return {
    polled: [
      polled(height, blockchainInfo(result.within(FIELD, result.count), "blocks")),
      polled(targetHeight, blockchainInfo(result.within(FIELD, result.count), "snapshotheight")),
      polled(progress, blockchainInfo(result.within(FIELD, result.number), "verificationprogress")),
    ],
  };
}
