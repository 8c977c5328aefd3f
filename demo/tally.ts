// What the simulated node told its subscribers and they answered. A correct exporter has counted exactly this.

import type { NodeEvent } from "./simulated-chain.ts";

export type EventName = NodeEvent["name"];

export class Tally {
  /** Subscriptions to ChainNotifications: an exporter makes one in each of its sessions. */
  sessions = 0;
  /** Height of the block that was connected last. */
  height: number | undefined;
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

  /** What the coins of all `name` events were worth. */
  valueSat(name: "add" | "spend" | "uncache"): bigint {
    return this.#valuesSat.get(name) ?? 0n;
  }

  add(event: NodeEvent): void {
    this.#counts.set(event.name, this.count(event.name) + 1);
    if (event.name === "blockConnected") this.height = event.block.height;
    if (event.name === "transactionRemovedFromMempool") {
      this.#removals.set(event.reason, this.removals(event.reason) + 1);
    }
    if ("coin" in event) this.#valuesSat.set(event.name, this.valueSat(event.name) + event.coin.valueSat);
  }
}
