// Transactions that a node with -privatebroadcast sends over short separate connections. Other nodes refuse the method.

import type { Registry } from "../metrics/registry.ts";
import type { JsonValue } from "../node/json.ts";
import { type Collector, fromRpc, polled } from "./collector.ts";
import * as result from "./result.ts";

const broadcastInfo = fromRpc("getprivatebroadcastinfo");

export function privateBroadcastCollector(registry: Registry): Collector {
  const queued = registry.gauge(
    "bitcoin_private_broadcast_transactions",
    "Transactions in the queue of the private broadcast.",
  );
  const exhausted = registry.gauge(
    "bitcoin_private_broadcast_exhausted_transactions",
    "Transactions in the queue of the private broadcast that the node does not send any more, after too many attempts.",
  );
  return {
    polled: [polled(queued, broadcastInfo(countQueued)), polled(exhausted, broadcastInfo(countExhausted))],
  };
}

function countQueued(info: JsonValue): number | undefined {
  return result.list(info, "transactions")?.length;
}

/** Undefined if the node does not report the remaining attempts: before v32. */
function countExhausted(info: JsonValue): number | undefined {
  const attempts = result
    .list(info, "transactions")
    ?.map((transaction) => result.count(transaction, "attempts_remaining"));
  if (attempts === undefined || attempts.includes(undefined)) return undefined;
  return attempts.filter((remaining) => remaining === 0n).length;
}
