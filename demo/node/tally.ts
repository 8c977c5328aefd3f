// The events that subscribers of the simulated node have answered: what a correct exporter has counted.

import type { NodeEvent } from "./chain.ts";

type EventName = NodeEvent["name"];

export class Tally {
  /** Subscriptions to ChainNotifications: an exporter makes one per session. */
  sessions = 0;
  readonly #counts = new Map<EventName, number>();
  readonly #removals = new Map<number, number>();
  readonly #valuesSat = new Map<EventName, bigint>();

  /** Of one event, or of all. */
  count(name?: EventName): number {
    if (name !== undefined) return this.#counts.get(name) ?? 0;
    return this.#counts.values().reduce((sum, count) => sum + count, 0);
  }

  /** Transactions removed for `reason`, a MemPoolRemovalReason. */
  removals(reason: number): number {
    return this.#removals.get(reason) ?? 0;
  }

  /** Total value of the coins of all `name` events. */
  valueSat(name: "add" | "spend" | "uncache"): bigint {
    return this.#valuesSat.get(name) ?? 0n;
  }

  add(event: NodeEvent): void {
    this.#counts.set(event.name, this.count(event.name) + 1);
    if (event.name === "transactionRemovedFromMempool") {
      this.#removals.set(event.reason, this.removals(event.reason) + 1);
    }
    if ("coin" in event) this.#valuesSat.set(event.name, this.valueSat(event.name) + event.coin.valueSat);
  }
}
