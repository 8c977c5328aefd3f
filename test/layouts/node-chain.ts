// A reference node's chain: blocks of a tree, which Mining, Chain, Node and JSON-RPC report alike.

import { ancestor, type Block, BlockTree } from "../builders/block-tree.ts";
import type { ReferenceNode } from "../reference-node/reference-node.ts";

/** Between two blocks, by their headers. */
export const BLOCK_INTERVAL_S = 600;
const GENESIS_TIME = 1_296_688_602;

export class NodeChain {
  readonly #node: ReferenceNode;
  readonly #tree = new BlockTree();
  readonly #reported = new Set<Block>();
  /** The node's tip. */
  tip: Block;

  private constructor(node: ReferenceNode) {
    this.#node = node;
    this.tip = this.#tree.genesis;
  }

  /** A node with its own chain, up to `height`. */
  static async on(node: ReferenceNode, height: number): Promise<NodeChain> {
    const chain = new NodeChain(node);
    await chain.extend(height);
    return chain;
  }

  /** `count` blocks on `previous`, by default on the tip. The node has them all at once. */
  extend(count: number, previous = this.tip): Promise<void> {
    return this.moveTo(this.#tree.extend(count, previous));
  }

  /** The block `depth` below the tip. */
  below(depth: number): Block {
    return ancestor(this.tip, this.tip.height - depth);
  }

  /** The node's active chain ends with `tip`. All sources report that before waits for another tip end. */
  async moveTo(tip: Block): Promise<void> {
    const node = this.#node;
    const before = this.tip;
    this.tip = tip;
    for (
      let block: Block | undefined = tip;
      block !== undefined && !this.#reported.has(block);
      block = block.previous
    ) {
      this.#reported.add(block);
      await node.rpc("getblockheader", headerOf(block), [block.hash]);
    }
    for (let height = Math.max(before.height, tip.height); height >= 0; height--) {
      if (height > tip.height) {
        await node.rpcError("getblockhash", -8, "Block height out of range", [height]);
      } else {
        const { hash } = ancestor(tip, height);
        if (tip !== before && height <= before.height && ancestor(before, height).hash === hash) break;
        await node.rpc("getblockhash", hash, [height]);
      }
    }
    const { hash, height } = tip;
    const time = headerOf(tip).time;
    await node.rpc("getblockchaininfo", {
      chain: "regtest",
      blocks: height,
      headers: height,
      bestblockhash: hash,
      difficulty: 1,
      time,
      mediantime: time,
      verificationprogress: 1,
      initialblockdownload: false,
      backgroundvalidation: { snapshotheight: 5, blocks: 3, verificationprogress: 0.5 },
      size_on_disk: 1000,
      pruned: true,
      pruneheight: 1,
      warnings: [],
    });
    await node.answer("Chain.getHeight", { result: height, hasResult: true });
    await node.answer("Node.getHeaderTip", { height, blockTime: time, result: true });
    await node.tip({ hash, height });
  }
}

function headerOf({ hash, height, previous }: Block) {
  const time = GENESIS_TIME + height * BLOCK_INTERVAL_S;
  const header = { hash, height, time, mediantime: time };
  return previous === undefined ? header : { ...header, previousblockhash: previous.hash };
}
