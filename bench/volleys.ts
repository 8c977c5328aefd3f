// Volleys of callbacks from the reference node, with the check that the subscriber answered and counted each call.

import type { CallbackParams, Fired, ReferenceNode } from "../test/reference-node/reference-node.ts";
import { check } from "./bench.ts";
import type { Counts, Subscriber } from "./subscribers.ts";

/** Identical calls. */
export interface Volley {
  readonly name: string;
  readonly method: keyof CallbackParams;
  readonly params: CallbackParams[keyof CallbackParams];
  /** Calls in flight. */
  readonly depth: number;
  /** The count that they increase. */
  readonly counted: keyof Counts;
}

const UTXO_INFO = { outpointHash: 32, outpointN: 1, height: 900_000, value: 5_000_000_000, isCoinbase: false };

/** A transaction of usual size; all bytes are zero. */
export function transactions(depth: number): Volley {
  return {
    name: `transactionAddedToMempool 400 B, depth ${depth}`,
    method: "ChainNotifications.transactionAddedToMempool",
    params: { tx: 400 },
    depth,
    counted: "added",
  };
}

export const COINS: Volley = {
  name: "UtxoCacheTrace.add, depth 1",
  method: "UtxoCacheTrace.add",
  params: { utxoInfo: UTXO_INFO },
  depth: 1,
  counted: "coins",
};

export const BLOCKS: Volley = {
  name: "blockConnected 2 MB, depth 1",
  method: "ChainNotifications.blockConnected",
  params: { role: { validated: true }, block: { hash: 32, height: 900_000, data: 2_000_000 } },
  depth: 1,
  counted: "blocks",
};

/** Far above the time of any call. */
const CALL_DEADLINE_MS = 20;
const FIRE_DEADLINE_MS = 60_000;

/** Fires `count` calls and resolves when all are answered. Throws CheckError when the subscriber did not count them all. */
export async function fire(
  node: Pick<ReferenceNode, "fire">,
  subscriber: Subscriber,
  volley: Volley,
  count: number,
): Promise<Fired> {
  const { method, params, depth, counted } = volley;
  const before = await subscriber.counts();
  const fired = await node.fire(method, params, {
    count,
    depth,
    deadlineMs: FIRE_DEADLINE_MS + count * CALL_DEADLINE_MS,
  });
  check(`${volley.name}: answered calls`, fired.microseconds.length, count);
  check(`${volley.name}: counts`, await subscriber.counts(), { ...before, [counted]: before[counted] + count });
  return fired;
}
