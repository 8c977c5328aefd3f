// The state of the simulated node, except its clients. The node changes it, and the objects of the clients answer from it.

import { type Block, type NodeEvent, type SimulatedChain, type Transaction, weightOf } from "./chain.ts";
import { Peers } from "./peers.ts";

/** The default of -maxmempool. */
export const MEMPOOL_MAX_BYTES = 300_000_000;
/** Approximate memory of an entry besides its transaction. */
const MEMPOOL_ENTRY_BYTES = 900;

export class NodeState {
  readonly chain: SimulatedChain;
  readonly peers = new Peers();
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
  /** Coins of the active chain. */
  unspentOutputs = 0;
  /** Calls during the start that crash a real node. */
  fatalCalls = 0;
  #startedMs = performance.now();

  constructor(chain: SimulatedChain) {
    this.chain = chain;
    for (let height = 0; height <= chain.tip.height; height++) this.#connected(chain.block(height)!);
    this.peers.restart(chain.tip.height);
  }

  get uptimeS(): number {
    return Math.floor((performance.now() - this.#startedMs) / 1000);
  }

  get headerHeight(): number {
    return this.chain.tip.height + this.missingBlocks;
  }

  /** From 0 to 1. */
  get verificationProgress(): number {
    return this.chain.tip.height / this.headerHeight;
  }

  get mempoolUsageBytes(): number {
    return this.chain.mempool.reduce((sum, transaction) => sum + weightOf(transaction) + MEMPOOL_ENTRY_BYTES, 0);
  }

  started(): void {
    this.#startedMs = performance.now();
    this.peers.restart(this.chain.tip.height);
  }

  /** Counts what the event changes, and the network traffic that it stands for. */
  apply(event: NodeEvent): void {
    if (event.name === "transactionAddedToMempool") this.peers.relayTransaction(event.transaction.bytes.length);
    if (event.name === "blockDisconnected") this.#count(event.block.transactions, -1);
    if (event.name !== "blockConnected") return;
    this.#connected(event.block);
    this.peers.relayBlock(event.block.height, event.block.bytes.length);
  }

  #connected({ transactions, bytes }: Block): void {
    this.#count(transactions, 1);
    this.diskBytes += bytes.length;
  }

  #count(transactions: readonly Transaction[], sign: 1 | -1): void {
    this.confirmedTransactions += sign * transactions.length;
    for (const { inputs, outputs } of transactions) this.unspentOutputs += sign * (outputs.length - inputs.length);
  }
}
