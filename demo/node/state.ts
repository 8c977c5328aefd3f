// The state of the simulated node, except its clients. The node changes it, and the objects of the clients answer from it.

import type { Block, NodeEvent, SimulatedChain } from "./chain.ts";
import { type Peer, peersAt } from "./peers.ts";

/** The default of -maxmempool. */
export const MEMPOOL_MAX_BYTES = 300_000_000;
/** Approximate memory of an entry besides its transaction. */
const MEMPOOL_ENTRY_BYTES = 900;

export class NodeState {
  readonly chain: SimulatedChain;
  /** The current step of the start, such as "Loading block index…"; undefined once the node has started. */
  startStep: string | undefined;
  /** Blocks of known headers that are not downloaded yet. */
  missingBlocks = 0;
  isInitialBlockDownload = false;
  /** Transactions in the active chain. */
  confirmedTransactions = 0;
  /** Of all blocks ever connected. */
  diskBytes = 0;
  /** Branches that were active once. */
  forks = 0;
  /** Since the last start. */
  receivedBytes = 0;
  sentBytes = 0;
  /** Calls during the start that crash a real node. */
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

  /** Counts what the event changes, and the network traffic that it stands for. */
  apply(event: NodeEvent): void {
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
    // Received from one peer and sent to the others.
    this.sentBytes += bytes.length * (this.peers.length - 1);
  }

  #connected({ transactions, bytes }: Block): void {
    this.confirmedTransactions += transactions.length;
    this.diskBytes += bytes.length;
  }
}
