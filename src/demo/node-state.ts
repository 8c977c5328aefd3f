// What the simulated node is at this moment, besides its subscribers. The node changes it; the objects that clients hold
// answer from it.

import type { NodeEvent, SimulatedChain } from "./simulated-chain.ts";

const PEERS = 8;
/** A transaction or block comes from one peer and goes on to the others. */
const RELAYED_TO = PEERS - 1;

export class NodeState {
  readonly chain: SimulatedChain;
  readonly outboundPeers = PEERS;
  /** What the node is doing while it starts, such as "Loading block index…"; undefined once it has started. */
  startStep: string | undefined;
  /** Blocks that are known by their headers and still to be downloaded. */
  missingBlocks = 0;
  isInitialBlockDownload = false;
  /** Since the last start. */
  receivedBytes = 0;
  sentBytes = 0;
  /** Calls while the node starts that would have ended a real one. */
  fatalCalls = 0;
  #startedMs = performance.now();

  constructor(chain: SimulatedChain) {
    this.chain = chain;
  }

  get uptimeS(): number {
    return Math.floor((performance.now() - this.#startedMs) / 1000);
  }

  get headerHeight(): number {
    return this.chain.tip.height + this.missingBlocks;
  }

  started(): void {
    this.#startedMs = performance.now();
    this.receivedBytes = this.sentBytes = 0;
  }

  /** Counts what the network said for this to happen. */
  relayed(event: NodeEvent): void {
    const bytes =
      event.name === "transactionAddedToMempool"
        ? event.transaction.bytes
        : event.name === "blockConnected"
          ? event.block.bytes
          : undefined;
    if (bytes === undefined) return;
    this.receivedBytes += bytes.length;
    this.sentBytes += bytes.length * RELAYED_TO;
  }
}
