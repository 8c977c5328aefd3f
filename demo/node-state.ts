// What the simulated node is at this moment, besides its subscribers. The node changes it; the objects that clients hold
// answer from it.

import { type Peer, peersAt } from "./peers.ts";
import type { Block, NodeEvent, SimulatedChain } from "./simulated-chain.ts";

/** -maxmempool's default, and about what an entry takes besides its transaction. */
export const MEMPOOL_MAX_BYTES = 300_000_000;
const MEMPOOL_ENTRY_BYTES = 900;

export class NodeState {
  readonly chain: SimulatedChain;
  /** What the node is doing while it starts, such as "Loading block index…"; undefined once it has started. */
  startStep: string | undefined;
  /** Blocks that are known by their headers and still to be downloaded. */
  missingBlocks = 0;
  isInitialBlockDownload = false;
  /** Transactions in the active chain. */
  confirmedTransactions = 0;
  /** Of all blocks that ever came, those of forgotten branches too. */
  diskBytes = 0;
  /** Branches that were the active chain once. */
  forks = 0;
  /** Since the last start. */
  receivedBytes = 0;
  sentBytes = 0;
  /** Calls while the node starts that would have ended a real one. */
  fatalCalls = 0;
  #startedMs = performance.now();

  constructor(chain: SimulatedChain) {
    this.chain = chain;
    for (let height = 0; height <= chain.tip.height; height++) this.#connected(chain.block(height)!);
  }

  get uptimeS(): number {
    return Math.floor((performance.now() - this.#startedMs) / 1000);
  }

  get headerHeight(): number {
    return this.chain.tip.height + this.missingBlocks;
  }

  get peers(): readonly Peer[] {
    return peersAt(this.chain.tip.height);
  }

  /** From 0 to 1. */
  get verificationProgress(): number {
    return this.chain.tip.height / this.headerHeight;
  }

  get mempoolUsageBytes(): number {
    return this.chain.mempool.reduce((sum, { bytes }) => sum + bytes.length + MEMPOOL_ENTRY_BYTES, 0);
  }

  started(): void {
    this.#startedMs = performance.now();
    this.receivedBytes = this.sentBytes = 0;
  }

  /** Counts what this changes, and what the network said for it to happen. */
  happened(event: NodeEvent): void {
    if (event.name === "blockConnected") this.#connected(event.block);
    if (event.name === "blockDisconnected") this.confirmedTransactions -= event.block.transactions.length;
    const bytes =
      event.name === "transactionAddedToMempool"
        ? event.transaction.bytes
        : event.name === "blockConnected"
          ? event.block.bytes
          : undefined;
    if (bytes === undefined) return;
    this.receivedBytes += bytes.length;
    // It comes from one peer and goes on to the others.
    this.sentBytes += bytes.length * (this.peers.length - 1);
  }

  #connected({ transactions, bytes }: Block): void {
    this.confirmedTransactions += transactions.length;
    this.diskBytes += bytes.length;
  }
}
