// The set of unspent outputs at the last block, from the node's coinstatsindex. Without that index the node reads its whole chain
// state, for minutes. So the method is called only if the index is synced, and with a block's hash: without the index, the node
// then refuses the call.

import type { Registry } from "../metrics/registry.ts";
import type { JsonValue } from "../node/json.ts";
import { callRpc, type JsonRpc } from "../node/json-rpc.ts";
import { type Collector, fromBlock, type NewTip, polled } from "./collector.ts";
import * as result from "./result.ts";

const INDEX = "coinstatsindex";

const utxoSet = fromBlock("gettxoutsetinfo", readUtxoSet);

export function utxoSetCollector(registry: Registry): Collector {
  const height = registry.gauge(
    "bitcoin_utxo_set_height",
    "Height of the block that the bitcoin_utxo_set metrics describe.",
  );
  const coins = registry.gauge("bitcoin_utxo_set_coins", "Unspent outputs.");
  const amount = registry.gauge("bitcoin_utxo_set_amount_satoshis", "Value of all unspent outputs, in satoshis.");
  const bogoSize = registry.gauge(
    "bitcoin_utxo_set_bogosize",
    "Size of the set of unspent outputs in Bitcoin Core's own measure, which does not depend on the database.",
  );
  return {
    polled: [
      polled(height, utxoSet(result.count, "height")),
      polled(coins, utxoSet(result.count, "txouts")),
      polled(amount, utxoSet(result.satoshis, "total_amount")),
      polled(bogoSize, utxoSet(result.count, "bogosize")),
    ],
  };
}

async function readUtxoSet(rpc: JsonRpc, { hash }: NewTip): Promise<JsonValue | undefined> {
  const index = result.object(await callRpc(rpc, "getindexinfo", [INDEX]), INDEX);
  if (index === undefined || result.flag(index, "synced") !== true) return undefined;
  return callRpc(rpc, "gettxoutsetinfo", ["none", hash]);
}
