// A tree of blocks, and the answers of JSON-RPC methods about them, without a node.

import type { JsonValue } from "../../src/node/json.ts";
import { type JsonRpc, JsonRpcError, type RpcRequest } from "../../src/node/json-rpc.ts";
import type { Tip } from "../../src/node/mining.ts";

export interface Block extends Tip {
  readonly previous: Block | undefined;
  /** Whether the node has the header only, as of blocks below a snapshot that it loaded. */
  isHeaderOnly?: boolean;
}

/** A node's blocks, and its JSON-RPC methods about them. */
export class BlockTree implements JsonRpc {
  readonly #blocks = new Map<string, Block>();
  readonly genesis: Block = this.#add(undefined);
  /** The tip of the active chain. */
  active: Block = this.genesis;
  /** Requests answered. */
  requests = 0;
  /** Called before each request. */
  beforeRequest = () => {};

  /** A block on `previous`. */
  mine(previous: Block): Block {
    return this.#add(previous);
  }

  /** Adds `count` blocks on `previous`, by default the active chain's tip; returns the last. */
  extend(count: number, previous = this.active): Block {
    let tip = previous;
    for (let block = 0; block < count; block++) tip = this.mine(tip);
    this.active = tip;
    return tip;
  }

  forget(block: Block): void {
    this.#blocks.delete(block.hash);
  }

  async callAll(requests: readonly RpcRequest[]) {
    return requests.map((request) => {
      this.requests++;
      this.beforeRequest();
      try {
        return { result: this.#answer(request) };
      } catch (error) {
        return { error: error as Error };
      }
    });
  }

  #answer({ method, params = [] }: RpcRequest): JsonValue {
    const [param] = params;
    if (method === "getblockhash") {
      if (typeof param !== "number" || param > this.active.height) {
        throw new JsonRpcError(-8, "Block height out of range");
      }
      return ancestor(this.active, param).hash;
    }
    if (method !== "getblockheader") throw new JsonRpcError(-32601, "Method not found");
    const block = this.#blocks.get(String(param));
    if (block === undefined) throw new JsonRpcError(-5, "Block not found");
    const { hash, height, previous } = block;
    const header = { hash, height, nTx: block.isHeaderOnly === true ? 0 : 1 };
    return previous === undefined ? header : { ...header, previousblockhash: previous.hash };
  }

  #add(previous: Block | undefined): Block {
    const hash = (this.#blocks.size + 1).toString(16).padStart(64, "0");
    const block = { hash, height: previous === undefined ? 0 : previous.height + 1, previous };
    this.#blocks.set(hash, block);
    return block;
  }
}

/** The block at `height` that `block` builds on. */
export function ancestor(block: Block, height: number): Block {
  let at = block;
  while (at.height > height) at = at.previous!;
  return at;
}
