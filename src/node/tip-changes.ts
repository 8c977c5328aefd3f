// How many blocks were disconnected from the active chain, and how many connected to it, between two tips. For nodes that report
// tips but no blocks.

import { RpcError } from "../rpc/errors.ts";
import { isObject, type JsonObject } from "./json.ts";
import { callRpc, type JsonRpc } from "./json-rpc.ts";
import type { Tip } from "./mining.ts";

export interface TipChange {
  readonly connected: number;
  readonly disconnected: number;
}

/** The longest walk from block to block: heights and hashes come from the node and may be wrong. */
const MAX_WALK = 10_000;

/** The fork of two tips is more than MAX_WALK blocks below one of them. */
export class TooFarApartError extends Error {
  override readonly name = "TooFarApartError";
}

/** Calls what compareTips needs, before there are two tips to compare. Rejects as callRpc does, also when the node refuses a method. */
export async function checkTip(rpc: JsonRpc, tip: Tip): Promise<void> {
  await header(rpc, tip.hash);
  await callRpc(rpc, "getblockhash", [tip.height]);
}

/**
 * Compares two tips by the node's headers. The node keeps the headers of abandoned branches too. Blocks below a snapshot that the
 * node loaded are not counted: they were not connected. Rejects as callRpc does, and with TooFarApartError.
 */
export async function compareTips(rpc: JsonRpc, from: Tip, to: Tip): Promise<TipChange> {
  const fork = await forkHeight(rpc, from, to);
  return { connected: await countConnected(rpc, fork, to), disconnected: from.height - fork };
}

/** The height of the last block that both tips build on. */
async function forkHeight(rpc: JsonRpc, from: Tip, to: Tip): Promise<number> {
  // The usual case: the new tip follows the old one.
  if (to.height === from.height + 1 && previousHash(await header(rpc, to.hash)) === from.hash) return from.height;
  let { hash, height } = from;
  while (height > to.height || (await ancestorHash(rpc, to, height)) !== hash) {
    if (from.height - height >= MAX_WALK) throw tooFarApart(from, to);
    hash = previousHash(await header(rpc, hash));
    height--;
  }
  return height;
}

/** The hash of the block at `height` that `tip` builds on. */
async function ancestorHash(rpc: JsonRpc, tip: Tip, height: number): Promise<string> {
  const atTip = { method: "getblockhash", params: [tip.height] } as const;
  const hashes = await rpc.callAll([atTip, { method: "getblockhash", params: [height] }, atTip]);
  const [before, ancestor, after] = hashes.map((outcome) => ("result" in outcome ? outcome.result : undefined));
  // `tip` was on the active chain before and after, so the block at `height` is its ancestor.
  if (before === tip.hash && after === tip.hash && typeof ancestor === "string") return ancestor;
  // The active chain has changed in between, so this walks the headers down to the ancestor.
  if (tip.height - height > MAX_WALK) throw tooFarApart({ hash: "", height }, tip);
  let { hash } = tip;
  for (let at = tip.height; at > height; at--) hash = previousHash(await header(rpc, hash));
  return hash;
}

/**
 * How many blocks above `fork` the node connected up to `tip`. `loadtxoutset` moves the tip to the snapshot's base at once. For the
 * base and the blocks below it, the node has headers without transactions (`nTx` 0).
 */
async function countConnected(rpc: JsonRpc, fork: number, tip: Tip): Promise<number> {
  const count = tip.height - fork;
  if (count < 2 || hasTransactions(await header(rpc, await ancestorHash(rpc, tip, fork + 1)))) return count;
  let { hash } = tip;
  for (let connected = 0; connected < Math.min(count, MAX_WALK); connected++) {
    const block = await header(rpc, hash);
    if (!hasTransactions(block)) return connected;
    hash = previousHash(block);
  }
  throw tooFarApart({ hash: "", height: fork }, tip);
}

async function header(rpc: JsonRpc, hash: string): Promise<JsonObject> {
  const answer = await callRpc(rpc, "getblockheader", [hash]);
  if (!isObject(answer)) throw new RpcError("failed", `getblockheader ${hash} answered no object`);
  return answer;
}

function previousHash(block: JsonObject): string {
  const previous = block["previousblockhash"];
  // Only the genesis block has none, and all chains of a network share it.
  if (typeof previous !== "string")
    throw new RpcError("failed", `getblockheader ${String(block["hash"])} names no previous block`);
  return previous;
}

function hasTransactions(block: JsonObject): boolean {
  return block["nTx"] !== 0;
}

function tooFarApart(from: Tip, to: Tip): TooFarApartError {
  return new TooFarApartError(`the tips at heights ${from.height} and ${to.height} are too far apart to count blocks`);
}
