// The UTXO cache: coins that enter it, are spent from it and leave it, and what they are worth.

import type { Counter } from "../metrics/cells.ts";
import type { Registry } from "../metrics/registry.ts";
import type { UtxoCacheEvents } from "../node/utxo-cache-trace.ts";
import { type Collector, setOrClear } from "./collector.ts";

export interface UtxoCacheCollector extends Collector {
  readonly utxoCacheEvents: UtxoCacheEvents;
  setUtxoTraceActive(isActive: boolean | undefined): void;
}

/** `onRefused` is told of each coin whose value is no amount: it is counted, its value is not. */
export function utxoCacheCollector(registry: Registry, onRefused: (method: string) => void): UtxoCacheCollector {
  const flow = (name: keyof UtxoCacheEvents, help: string, valueHelp: string) => {
    const coins = registry.counter(`bitcoin_utxo_cache_${name}_total`, help);
    const value: Counter = registry.counter(`bitcoin_utxo_cache_${name}_value_total`, valueHelp);
    return (valueLow: number, valueHigh: number) => {
      coins.inc();
      if (!value.addInt64(valueLow, valueHigh)) onRefused(`UtxoCacheTrace.${name}`);
    };
  };
  const active = registry.gauge(
    "bitcoin_utxo_trace_active",
    "1 while the exporter is told of the UTXO cache's coins, else 0.",
  );
  return {
    setUtxoTraceActive: (isActive) => setOrClear(active, isActive),
    utxoCacheEvents: {
      add: flow("add", "Coins added to the UTXO cache.", "Value of the coins added to the UTXO cache, in satoshis."),
      spend: flow(
        "spend",
        "Coins spent from the UTXO cache.",
        "Value of the coins spent from the UTXO cache, in satoshis.",
      ),
      uncache: flow(
        "uncache",
        "Coins dropped from the UTXO cache unspent.",
        "Value of the coins dropped from the UTXO cache unspent, in satoshis.",
      ),
    },
  };
}
