// A pr/trace node without Bitcoin: it speaks the node's protocol on a Unix socket and does what its owner says. For the
// demo, and for tests and benches that want a node whose every event is known.

import { NodeServer } from "./node-server.ts";
import { NodeState } from "./node-state.ts";
import { type NodeEvent, SimulatedChain } from "./simulated-chain.ts";
import { Tally } from "./tally.ts";

export interface SimulatedNodeOptions {
  /** Where to listen. */
  readonly socketPath: string;
  /** The same seed and calls give the same blocks and transactions. */
  readonly seed?: number;
  /** Blocks that the chain begins with, more than 100. */
  readonly blocks?: number;
  /** How long each start takes. The socket is open by then, but there is no chain to ask about. */
  readonly warmupMs?: number;
  /** Unix time in seconds, for blocks that come when they come: those of `blocks` lie ten minutes apart before it. */
  readonly now?: () => number;
}

/** Headers that are known and blocks that are missing when an initial block download begins. */
const MISSING_BLOCKS = 8;

/** Listens at once; throws the system's error when it cannot. */
export function startSimulatedNode(options: SimulatedNodeOptions): SimulatedNode {
  const node = new SimulatedNode(options);
  node.start();
  return node;
}

/** What happens resolves when the clients have been told and have answered. It happens without clients, too. */
export class SimulatedNode implements AsyncDisposable {
  readonly socketPath: string;
  readonly #warmupMs: number;
  readonly #chain: SimulatedChain;
  readonly #state: NodeState;
  readonly #server: NodeServer;
  #warmup: Promise<void> = Promise.resolve();
  /** What clients were told, over all starts. */
  readonly told = new Tally();

  constructor({ socketPath, seed = 1, blocks = 110, warmupMs = 0, now }: SimulatedNodeOptions) {
    this.socketPath = socketPath;
    this.#warmupMs = warmupMs;
    this.#chain = new SimulatedChain({ seed, blocks, now });
    this.#state = new NodeState(this.#chain);
    this.#server = new NodeServer(this.#state, this.told);
  }

  get height(): number {
    return this.#chain.tip.height;
  }

  get peerCount(): number {
    return this.#state.peers.length;
  }

  get mempoolSize(): number {
    return this.#chain.mempool.length;
  }

  /** Objects that clients have registered now. */
  get subscriptions(): number {
    return this.#server.subscriptions;
  }

  /** Clients that went with something registered. A real node dies of the first. */
  get uncleanLeaves(): number {
    return this.#server.uncleanLeaves;
  }

  /** Calls for what needs the chain while that is being loaded. A real node dies of the first. */
  get fatalCalls(): number {
    return this.#state.fatalCalls;
  }

  /** Resolves when the node has started. */
  ready(): Promise<void> {
    return this.#warmup;
  }

  addTransaction(): Promise<void> {
    return this.#happen(this.#chain.addTransaction());
  }

  /** Replaces a transaction of the mempool by one that pays more. */
  replaceTransaction(): Promise<void> {
    return this.#happen(this.#chain.replaceTransaction());
  }

  mineBlock(): Promise<void> {
    if (this.#state.missingBlocks > 0) this.#state.missingBlocks--;
    return this.#happen(this.#chain.mineBlock());
  }

  /** Switches to another branch, `depth` blocks below the tip, 1 to 6, that is one block longer. */
  reorg(depth: number): Promise<void> {
    const events = this.#chain.reorg(depth);
    this.#state.forks++;
    return this.#happen(events);
  }

  /** Writes the chain state to disk. */
  flush(): Promise<void> {
    return this.#happen(this.#chain.flush());
  }

  setInitialBlockDownload(isDownloading: boolean): void {
    this.#state.isInitialBlockDownload = isDownloading;
    this.#state.missingBlocks = isDownloading ? MISSING_BLOCKS : 0;
  }

  /** Begins to listen; also again after `stop`, with the same chain and mempool. */
  start({ warmupMs = this.#warmupMs } = {}): void {
    this.#server.listen(this.socketPath);
    this.#state.startStep = "Loading block index…";
    this.#warmup = Bun.sleep(warmupMs).then(() => {
      this.#state.startStep = undefined;
      this.#state.started();
    });
  }

  /** Finishes starting and tells what is still to tell, then drops the clients and closes the socket. */
  async stop(): Promise<void> {
    await this.#warmup;
    await this.idle();
    this.#server.close();
  }

  /** Resolves when there is nothing left to tell. */
  idle(): Promise<void> {
    return this.#happen([]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #happen(events: readonly NodeEvent[]): Promise<void> {
    for (const event of events) this.#state.happened(event);
    return this.#server.tell(events);
  }
}
