// Transactions that wait to be announced to peers. Bitcoin Core limits announcements with two token buckets per direction: one
// counts transactions, one their bytes.

import type { Registry } from "../metrics/registry.ts";
import type { JsonValue } from "../node/json.ts";
import { type Collector, fromRpc, type PolledValue, polled, polledInto } from "./collector.ts";
import { samplesOf } from "./labelled.ts";
import * as result from "./result.ts";

const DIRECTIONS = ["inbound", "outbound"];

const networkInfo = fromRpc("getnetworkinfo");

export function relayCollector(registry: Registry): Collector {
  const byDirection = (name: string, help: string) =>
    registry.gaugeVec(`bitcoin_relay_${name}`, help, ["direction"], DIRECTIONS.length);
  const backlog = byDirection(
    "backlog_transactions",
    "Transactions that wait to be announced to peers, by direction of the connections.",
  );
  const transactionTokens = byDirection(
    "transaction_tokens",
    "Transactions that may be announced at once, by direction of the connections.",
  );
  const byteTokens = byDirection(
    "byte_tokens",
    "Bytes of transactions that may be announced at once, by direction of the connections.",
  );
  const rate = registry.gauge(
    "bitcoin_relay_target_transactions_per_second",
    "Long-run maximum of the transactions per second that the node announces to inbound peers.",
  );
  return {
    polled: [
      polledInto(samplesOf(backlog), networkInfo(buckets(result.count, "backlog"))),
      polledInto(samplesOf(transactionTokens), networkInfo(buckets(result.number, "count_tok"))),
      polledInto(samplesOf(byteTokens), networkInfo(buckets(result.number, "size_tok"))),
      polled(rate, networkInfo(result.number, "tx_send_rate")),
    ],
  };
}

/** Reads a field of each bucket; undefined if the node has no buckets. */
function buckets(read: (bucket: JsonValue, field: string) => PolledValue, field: string) {
  return (info: JsonValue) => {
    const byDirection = result.object(info, "inv_buckets");
    return byDirection && DIRECTIONS.map((direction) => [[direction], readOf(byDirection[direction])] as const);
  };

  function readOf(bucket: JsonValue | undefined): PolledValue {
    return bucket === undefined ? undefined : read(bucket, field);
  }
}
