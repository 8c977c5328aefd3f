// From one tip to the next: how many blocks left the active chain and how many entered it. Stock nodes report no blocks,
// only that the tip is another.

import { RpcError } from "../rpc/errors.ts";
import { isObject } from "./json.ts";
import { callRpc, type JsonRpc } from "./json-rpc.ts";
import type { Tip } from "./mining.ts";

export interface TipChange {
  readonly connected: number;
  readonly disconnected: number;
}

/**
 * Compares two tips by the node's own headers, whose ancestors it knows even of branches that it left. Rejects as callRpc
 * does.
 */
export async function compareTips(rpc: JsonRpc, from: Tip, to: Tip): Promise<TipChange> {
  const fork = await forkHeight(rpc, from, to);
  return { connected: to.height - fork, disconnected: from.height - fork };
}

/** The height of the last block that both tips build on. */
async function forkHeight(rpc: JsonRpc, from: Tip, to: Tip): Promise<number> {
  // Nearly always: one block more.
  if (to.height === from.height + 1 && (await previousHash(rpc, to.hash)) === from.hash) return from.height;
  let { hash, height } = from;
  while (height > to.height || (await ancestorHash(rpc, to, height)) !== hash) {
    hash = await previousHash(rpc, hash);
    height--;
  }
  return height;
}

/** The hash of the block at `height` that `tip` builds on. */
async function ancestorHash(rpc: JsonRpc, tip: Tip, height: number): Promise<string> {
  const atTip = { method: "getblockhash", params: [tip.height] } as const;
  const hashes = await rpc.callAll([atTip, { method: "getblockhash", params: [height] }, atTip]);
  const [before, ancestor, after] = hashes.map((outcome) => ("result" in outcome ? outcome.result : undefined));
  // While `tip` is on the active chain, before and after, the active chain tells its ancestors.
  if (before === tip.hash && after === tip.hash && typeof ancestor === "string") return ancestor;
  // It has left it meanwhile, and only its headers know.
  let { hash } = tip;
  for (let at = tip.height; at > height; at--) hash = await previousHash(rpc, hash);
  return hash;
}

async function previousHash(rpc: JsonRpc, hash: string): Promise<string> {
  const header = await callRpc(rpc, "getblockheader", [hash]);
  const previous = isObject(header) ? header["previousblockhash"] : undefined;
  // Only the genesis block has none, and every chain shares it.
  if (typeof previous !== "string") throw new RpcError("failed", `getblockheader ${hash} names no previous block`);
  return previous;
}
