// Sees a stock node's tip change at once, where no notifications are to be had: waits for the next tip on a thread of its
// own, and counts what lies between two tips.

import type { ChainEvents } from "./node/chain-notifications.ts";
import type { Tip } from "./node/mining.ts";
import type { NodeSession } from "./node/session.ts";
import { compareTips } from "./node/tip-changes.ts";

/** A wait ends after this even without a new tip, so that none outlives its node for long. */
const WAIT_MS = 60_000;

/** Between a failure and the next try. */
const RETRY_MS = 5000;

/** Between two waits without a new tip. */
const IDLE_MS = 10;

/** Between two looks at the tip of a node that is catching up, whose tip is always new. */
const SYNCING_MS = 1000;

/** Where a tip goes: to the events of a node with notifications, or as its height alone where blocks cannot be told apart. */
export interface TipEvents {
  readonly events: Pick<ChainEvents, "blockConnected" | "blockDisconnected" | "updatedBlockTip">;
  tipSeen(height: number): void;
}

export interface TipWatcherOptions {
  readonly session: NodeSession;
  readonly events: TipEvents;
  /** Whether the node is known to be in initial block download. */
  readonly isSyncing: () => boolean;
  /** Told of the first tip and of each new one, after the events. */
  readonly onTip: (tip: Tip) => void;
  readonly onError: (method: string, error: unknown) => void;
}

/** Watches until the session is over. Never rejects. */
export async function watchTips({ session, events, isSyncing, onTip, onError }: TipWatcherOptions): Promise<void> {
  let tip: Tip | undefined;
  while (!session.isOver) {
    try {
      const mining = await session.mining();
      const next = tip === undefined ? await mining.getTip() : await mining.waitTipChanged(tip, WAIT_MS);
      if (next !== undefined && next.hash !== tip?.hash) {
        // Should this fail, the old tip stands, and the next look counts from there.
        if (tip !== undefined) await report(session, tip, next, events);
        tip = next;
        onTip(next);
      }
      // A wait that was over for nothing must not become a loop that asks without a pause.
      else await Bun.sleep(IDLE_MS);
      if (next === undefined || isSyncing()) await Bun.sleep(SYNCING_MS);
    } catch (error) {
      if (session.isOver) return;
      onError("Mining.waitTipChanged", error);
      await Bun.sleep(RETRY_MS);
    }
  }
}

/** Turns a change of tip into the events that a node with notifications would have told. */
async function report(session: NodeSession, from: Tip, to: Tip, { events, tipSeen }: TipEvents): Promise<void> {
  if (session.jsonRpc === undefined) {
    tipSeen(to.height);
  } else {
    const { connected, disconnected } = await compareTips(session.jsonRpc, from, to);
    for (let block = 0; block < disconnected; block++) events.blockDisconnected(from.height - block);
    for (let block = 1; block <= connected; block++) events.blockConnected(to.height - connected + block);
  }
  events.updatedBlockTip();
}
