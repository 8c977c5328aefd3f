// A pr/trace node without Bitcoin: it speaks the node's protocol on a Unix socket, and its owner causes each event. For the
// demo and for tests that need to know every event.

import { type NodeEvent, SimulatedChain } from "./node/chain.ts";
import { NodeServer } from "./node/server.ts";
import { NodeState } from "./node/state.ts";
import { Tally } from "./node/tally.ts";

export interface SimulatedNodeOptions {
  /** Where to listen. */
  readonly socketPath: string;
  /** How long each start takes. The socket is open meanwhile, but the chain is not loaded. */
  readonly warmupMs?: number;
  /** Unix time in seconds of new blocks; without it they are ten minutes apart. */
  readonly now?: () => number;
}

const SEED = 1;
/** The chain's length at first: more than 100, so that there are coins to spend. */
const BLOCKS = 110;
/** Blocks that an initial block download has to load. */
const MISSING_BLOCKS = 8;

/** Listens at once; throws the system's error when it cannot. */
export function startSimulatedNode(options: SimulatedNodeOptions): SimulatedNode {
  const node = new SimulatedNode(options);
  node.start();
  return node;
}

/** An event resolves when the clients have answered it; without clients at once. */
export class SimulatedNode implements AsyncDisposable {
  readonly socketPath: string;
  readonly #warmupMs: number;
  readonly #chain: SimulatedChain;
  readonly #state: NodeState;
  readonly #server: NodeServer;
  #warmup: Promise<void> = Promise.resolve();
  /** What clients were notified of and answered, over all starts. */
  readonly reported = new Tally();

  constructor({ socketPath, warmupMs = 0, now }: SimulatedNodeOptions) {
    this.socketPath = socketPath;
    this.#warmupMs = warmupMs;
    this.#chain = new SimulatedChain({ seed: SEED, blocks: BLOCKS, now });
    this.#state = new NodeState(this.#chain);
    this.#server = new NodeServer(this.#state, this.reported);
  }

  get height(): number {
    return this.#chain.tip.height;
  }

  get peerCount(): number {
    return this.#state.peers.connected.length;
  }

  get mempoolSize(): number {
    return this.#chain.mempool.length;
  }

  /** Objects that clients have subscribed now. */
  get subscriptions(): number {
    return this.#server.subscriptions;
  }

  /** Clients that disconnected without unsubscribing. The first crashes a real node. */
  get uncleanLeaves(): number {
    return this.#server.uncleanLeaves;
  }

  /** Calls that need the chain while it is not loaded. The first crashes a real node. */
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

  /** Replaces a transaction of the mempool by one with a higher fee. */
  replaceTransaction(): Promise<void> {
    return this.#happen(this.#chain.replaceTransaction());
  }

  mineBlock(): Promise<void> {
    if (this.#state.missingBlocks > 0) this.#state.missingBlocks--;
    return this.#happen(this.#chain.mineBlock());
  }

  /** Switches to a branch that forks off `depth` blocks below the tip, 1 to 6, and is one block longer. */
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

  /** Listens; after `stop` again, with the same chain and mempool. */
  start({ warmupMs = this.#warmupMs } = {}): void {
    this.#server.listen(this.socketPath);
    this.#state.startStep = "Loading block index…";
    this.#warmup = Bun.sleep(warmupMs).then(() => {
      this.#state.startStep = undefined;
      this.#state.started();
    });
  }

  /** Waits until the start is complete and every event is answered, then drops the clients and closes the socket. */
  async stop(): Promise<void> {
    await this.#warmup;
    await this.idle();
    this.#server.close();
  }

  /** Resolves when the clients have answered every event. */
  idle(): Promise<void> {
    return this.#happen([]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #happen(events: readonly NodeEvent[]): Promise<void> {
    for (const event of events) this.#state.apply(event);
    return this.#server.notify(events);
  }
}
