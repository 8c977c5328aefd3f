// Sees a stock node's tip change at once, where no notifications are to be had: waits for the next tip on a thread of its
// own, and counts what lies between two tips.

import type { ChainEvents } from "../node/chain-notifications.ts";
import type { NodeClient } from "../node/client.ts";
import { isMissingMethod, type JsonRpc } from "../node/json-rpc.ts";
import type { Tip } from "../node/mining.ts";
import { compareTips } from "../node/tip-changes.ts";

/** A wait ends after this even without a new tip, so that none outlives its node for long. */
const WAIT_MS = 60_000;

/** Between a failure and the next try. */
const RETRY_MS = 5000;

/** Between two waits without a new tip: one that is over for nothing must not become a loop that asks without a pause. */
const IDLE_MS = 10;

/** Between two looks at the tip of a node that is catching up, whose tip is always new. */
const SYNCING_MS = 1000;

/** Where a tip goes: to the events of a node with notifications, or as its height alone where blocks cannot be told apart. */
export interface TipEvents {
  readonly events: Pick<ChainEvents, "blockConnected" | "blockDisconnected" | "updatedBlockTip">;
  tipSeen(height: number): void;
}

export interface TipWatcherOptions {
  readonly client: NodeClient;
  readonly events: TipEvents;
  /** Looks at the tip this often, in milliseconds, instead of waiting in a call until it is another. */
  readonly lookEveryMs?: number | undefined;
  /** Whether the node is known to be in initial block download. */
  readonly isSyncing: () => boolean;
  /** Told of the first tip and of each new one, after the events. */
  readonly onTip: (tip: Tip) => void;
  /** Told, perhaps more than once, that the node stops. */
  readonly onStopping: () => void;
  /** `isMissing`: the node does not have the method, and it is not asked again. */
  readonly onError: (method: string, error: unknown, isMissing: boolean) => void;
}

/** Watches until the client is over. Never rejects. */
export async function watchTips(options: TipWatcherOptions): Promise<void> {
  const watcher = new TipWatcher(options);
  while (!options.client.isOver) await pause(options.client, await watcher.look());
}

/** In pieces, so that a client that ended is not kept for as long as a poll interval may be. */
async function pause(client: NodeClient, durationMs: number): Promise<void> {
  for (let restMs = durationMs; restMs > 0 && !client.isOver; restMs -= RETRY_MS) {
    await Bun.sleep(Math.min(restMs, RETRY_MS));
  }
}

class TipWatcher {
  readonly #options: TipWatcherOptions;
  /** The tip that was seen last, and the one up to which blocks were counted: the same unless counting failed. */
  #seen: Tip | undefined;
  #counted: Tip | undefined;
  /** False once the node turned out not to have the methods that counting needs. */
  #canCount = true;

  constructor(options: TipWatcherOptions) {
    this.#options = options;
  }

  /** Waits for the next tip, tells it, and resolves to the pause before the next look. Never rejects. */
  async look(): Promise<number> {
    const { client, lookEveryMs, isSyncing, onStopping, onError } = this.#options;
    let method = "Init.makeMining";
    try {
      const mining = await client.mining();
      const seen = lookEveryMs === undefined ? this.#seen : undefined;
      method = seen === undefined ? "Mining.getTip" : "Mining.waitTipChanged";
      const next = await (seen === undefined ? mining.getTip() : mining.waitTipChanged(seen, this.#waitMs));
      // A node without a tip yet, or one that lets nobody wait any more.
      if (next === undefined && seen !== undefined) onStopping();
      if (next === undefined) return SYNCING_MS;
      await this.#tell(next);
      return lookEveryMs ?? (isSyncing() ? SYNCING_MS : IDLE_MS);
    } catch (error) {
      if (client.isOver) return 0;
      onError(method, error, false);
      return RETRY_MS;
    }
  }

  get #waitMs(): number {
    return this.#seen?.hash === this.#counted?.hash ? WAIT_MS : RETRY_MS;
  }

  async #tell(tip: Tip): Promise<void> {
    const { events, onTip } = this.#options;
    this.#counted ??= tip;
    if (tip.hash !== this.#counted.hash) await this.#count(this.#counted, tip);
    if (tip.hash === this.#seen?.hash) return;
    if (this.#seen !== undefined) events.events.updatedBlockTip();
    this.#seen = tip;
    onTip(tip);
  }

  /** Tells the blocks between two tips, as a node with notifications would have. When that fails, it is for the next look. */
  async #count(from: Tip, to: Tip): Promise<void> {
    const { client, events: told, onError } = this.#options;
    try {
      if (client.jsonRpc !== undefined && this.#canCount) await report(client.jsonRpc, from, to, told.events);
      else told.tipSeen(to.height);
      this.#counted = to;
    } catch (error) {
      if (client.isOver) return;
      this.#canCount = !isMissingMethod(error);
      told.tipSeen(to.height);
      onError("getblockheader", error, !this.#canCount);
    }
  }
}

async function report(rpc: JsonRpc, from: Tip, to: Tip, events: TipEvents["events"]): Promise<void> {
  const { connected, disconnected } = await compareTips(rpc, from, to);
  for (let block = 0; block < disconnected; block++) events.blockDisconnected(from.height - block);
  for (let block = 1; block <= connected; block++) events.blockConnected(to.height - connected + block);
}
