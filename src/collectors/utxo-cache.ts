// The UTXO cache: coins added, spent and uncached, and their value.

import type { EventCounter } from "../metrics/cells.ts";
import type { Registry } from "../metrics/registry.ts";
import type { UtxoCacheEvents } from "../node/utxo-cache-trace.ts";
import { type Collector, setOrClear } from "./collector.ts";

export interface UtxoCacheCollector extends Collector {
  readonly utxoCacheEvents: UtxoCacheEvents;
  setUtxoTraceActive(isActive: boolean | undefined): void;
}

/** `onRefused` is called for each coin whose value is not an amount. Such a coin is counted without its value. */
export function utxoCacheCollector(registry: Registry, onRefused: (method: string) => void): UtxoCacheCollector {
  const counters: EventCounter[] = [];
  const flow = (name: keyof UtxoCacheEvents, help: string, valueHelp: string) => {
    const coins = registry.eventCounter(`bitcoin_utxo_cache_${name}_total`, help);
    const value = registry.eventCounter(`bitcoin_utxo_cache_${name}_value_total`, valueHelp);
    counters.push(coins, value);
    return (valueLow: number, valueHigh: number) => {
      coins.inc();
      if (!value.addInt64(valueLow, valueHigh)) onRefused(`UtxoCacheTrace.${name}`);
    };
  };
  const active = registry.gauge("bitcoin_utxo_trace_active", "1 while the UTXO trace is active, else 0.");
  return {
    startSession({ utxoTrace }) {
      if (utxoTrace) for (const counter of counters) counter.start();
    },
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
        "Coins removed from the UTXO cache unspent.",
        "Value of the coins removed from the UTXO cache unspent, in satoshis.",
      ),
    },
  };
}
