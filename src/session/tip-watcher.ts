// Follows the tip of a node without notifications: waits for the next tip in a call, and counts the blocks between two tips.

import type { NodeClient } from "../node/client.ts";
import { isPermanent } from "../node/json-rpc.ts";
import type { Tip } from "../node/mining.ts";
import { checkTip, compareTips, type TipChange, TooFarApartError } from "../node/tip-changes.ts";

/** A wait ends after this time even without a new tip, so that the node has no old waits of past sessions. */
const WAIT_MS = 60_000;

/** Delay between a failure and the next attempt. */
const RETRY_MS = 5000;

/** Delay between two waits, in case a wait ends at once without a new tip. */
export const IDLE_MS = 10;

/** Delay between two calls for the tip during initial block download, when the tip is always new. */
const SYNCING_MS = 1000;

/** Where tips are counted. */
export interface TipEvents {
  /** The tip has changed. */
  tipChanged(): void;
  /** From now on blocks are counted. */
  startCountingBlocks(): void;
  /** Blocks between two tips; `height` is that of the new one. */
  blocksCounted(change: TipChange, height: number): void;
  /** The tip has changed, but the blocks up to it cannot be counted; `heightBefore` is that of the tip before. */
  tipSeen(height: number, heightBefore: number): void;
}

export interface TipWatcherOptions {
  readonly client: Pick<NodeClient, "isOver" | "jsonRpc" | "mining">;
  /** Default: Bun.sleep. */
  readonly sleep?: (durationMs: number) => Promise<void>;
  readonly events: TipEvents;
  /** Polls the tip at this interval, in milliseconds, instead of waiting for it in a call. */
  readonly pollEveryMs?: number | undefined;
  /** Whether the node is known to be in initial block download. */
  readonly isSyncing: () => boolean;
  /** Called for the first tip and each new one, after the events. `isNew`: a wait ended with it, so it has just become the tip. */
  readonly onTip: (tip: Tip, isNew: boolean) => void;
  /** Called, perhaps more than once, when the node stops. */
  readonly onStopping: () => void;
  readonly onError: (method: string, error: unknown) => void;
}

/** Watches until the client is over. Never rejects. */
export async function watchTips(options: TipWatcherOptions): Promise<void> {
  const watcher = new TipWatcher(options);
  while (!options.client.isOver) await sleepUnlessOver(options, await watcher.step());
}

/** Reads the tip once, without waiting for another. Never rejects. */
export async function readTip(options: TipWatcherOptions): Promise<void> {
  await new TipWatcher(options).step();
}

/** In pieces, so that the client is not kept in memory for a whole poll interval after its end. */
async function sleepUnlessOver({ client, sleep = Bun.sleep }: TipWatcherOptions, durationMs: number): Promise<void> {
  for (let restMs = durationMs; restMs > 0 && !client.isOver; restMs -= RETRY_MS) {
    await sleep(Math.min(restMs, RETRY_MS));
  }
}

class TipWatcher {
  readonly #options: TipWatcherOptions;
  /** The last tip, and the one up to which blocks are counted: the same unless counting failed. */
  #seen: Tip | undefined;
  #counted: Tip | undefined;
  /** False once the node refused a method that counting needs. */
  #canCount = true;

  constructor(options: TipWatcherOptions) {
    this.#options = options;
  }

  /** Waits for the next tip, reports it, and resolves to the delay before the next call, in milliseconds. Never rejects. */
  async step(): Promise<number> {
    const { client, pollEveryMs, isSyncing, onStopping, onError } = this.#options;
    let method = "Init.makeMining";
    try {
      const mining = await client.mining();
      const seen = pollEveryMs === undefined ? this.#seen : undefined;
      method = seen === undefined ? "Mining.getTip" : "Mining.waitTipChanged";
      const next = await (seen === undefined ? mining.getTip() : mining.waitTipChanged(seen, this.#waitMs));
      // Without a tip the node is starting, or it is stopping and ends all waits.
      if (next === undefined && seen !== undefined) onStopping();
      if (next === undefined) return SYNCING_MS;
      if (client.isOver) return 0;
      const hasChanged = await this.#report(next);
      if (pollEveryMs !== undefined) return pollEveryMs;
      // While the tip changes, the next wait starts at once, so that fewer changes are missed.
      return isSyncing() ? SYNCING_MS : hasChanged ? 0 : IDLE_MS;
    } catch (error) {
      if (client.isOver) return 0;
      onError(method, error);
      return RETRY_MS;
    }
  }

  get #waitMs(): number {
    return this.#seen?.hash === this.#counted?.hash ? WAIT_MS : RETRY_MS;
  }

  /** Resolves to whether the tip has changed. */
  async #report(tip: Tip): Promise<boolean> {
    const { client, events, pollEveryMs, onTip } = this.#options;
    const before = this.#seen;
    const isAnother = tip.hash !== before?.hash;
    const isCounted = await this.#count(tip);
    if (isAnother) {
      if (before !== undefined && !isCounted && !client.isOver) events.tipSeen(tip.height, before.height);
      if (before !== undefined) events.tipChanged();
      this.#seen = tip;
      onTip(tip, before !== undefined && pollEveryMs === undefined);
    }
    if (this.#counted === undefined) await this.#startCounting(tip);
    return isAnother;
  }

  /** Counts blocks from this tip on, if the node answers the calls for it. After a failure the next `step` tries again. */
  async #startCounting(tip: Tip): Promise<void> {
    const { client, events, onError } = this.#options;
    try {
      if (client.jsonRpc !== undefined && this.#canCount) {
        await checkTip(client.jsonRpc, tip);
        events.startCountingBlocks();
      }
      this.#counted = tip;
    } catch (error) {
      if (client.isOver) return;
      this.#canCount = !isPermanent(error);
      if (!this.#canCount) this.#counted = tip;
      onError("getblockheader", error);
    }
  }

  /** Counts the blocks up to a tip. Resolves to whether it succeeded; after a failure the next `step` tries again. */
  async #count(tip: Tip): Promise<boolean> {
    const { client, events, onError } = this.#options;
    const from = this.#counted;
    if (from === undefined || tip.hash === from.hash) return false;
    const { jsonRpc } = client;
    const isCounting = jsonRpc !== undefined && this.#canCount;
    try {
      if (isCounting) {
        const change = await compareTips(jsonRpc, from, tip);
        if (client.isOver) return false;
        events.blocksCounted(change, tip.height);
      }
      this.#counted = tip;
      return isCounting;
    } catch (error) {
      if (client.isOver) return false;
      this.#canCount = !isPermanent(error);
      // Another attempt would fail in the same way.
      if (error instanceof TooFarApartError) this.#counted = tip;
      onError("getblockheader", error);
      return false;
    }
  }
}
