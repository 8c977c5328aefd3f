// Composition and life: reaches the node, subscribes, polls, serves; loses the node and tries again; leaves in order.

import { backoffMs } from "./backoff.ts";
import { chainCollector } from "./collectors/chain.ts";
import type { Collector, Poll } from "./collectors/collector.ts";
import { type Build, exporterCollector } from "./collectors/exporter.ts";
import { mempoolCollector } from "./collectors/mempool.ts";
import { peersCollector } from "./collectors/peers.ts";
import { processCollector } from "./collectors/process.ts";
import { utxoCacheCollector } from "./collectors/utxo-cache.ts";
import { Registry } from "./metrics/registry.ts";
import { NodeSession } from "./node/session.ts";
import { connectUnix } from "./node/socket.ts";
import type { Connection } from "./rpc/connection.ts";
import { errorText } from "./rpc/errors.ts";

export interface ExporterOptions {
  /** The node's Unix socket. */
  readonly socketPath: string;
  readonly pollIntervalMs: number;
  /** Whether to trace the UTXO cache. */
  readonly utxoTrace: boolean;
  /** Whether each event and poll gets a log line. */
  readonly debug: boolean;
  readonly build: Build;
  /** Writes a log line; never blocks. */
  readonly log: (line: string) => void;
}

/** A call that the node has not answered by then is given up. A node that validates a block may be this slow. */
const CALL_DEADLINE_MS = 10_000;

/** How often a node that is starting is asked whether it has started. */
const WARMUP_INTERVAL_MS = 1000;

export class Exporter {
  readonly #options: ExporterOptions;
  readonly #registry = new Registry();
  readonly #self;
  readonly #chain;
  readonly #mempool;
  readonly #utxoCache;
  readonly #polls: readonly Poll[];
  /** The visit that is going on; undefined while there is no connection. */
  #connection: Connection | undefined;
  #session: NodeSession | undefined;
  /** The handshake: a pr/trace node may die of a connection that ends in the middle of it. */
  #opening: Promise<NodeSession> | undefined;
  /** Ends the pause that `run` is in. */
  #wake = () => {};
  #isLeaving = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ExporterOptions) {
    this.#options = options;
    this.#chain = chainCollector(this.#registry);
    this.#mempool = mempoolCollector(this.#registry);
    const peers = peersCollector(this.#registry);
    this.#self = exporterCollector(this.#registry, options.build);
    this.#utxoCache = utxoCacheCollector(this.#registry, this.#self.callFailed);
    processCollector(this.#registry);
    const collectors: readonly Collector[] = [this.#chain, this.#mempool, peers];
    this.#polls = collectors.flatMap((collector) => collector.polls);
  }

  /** The metrics at this moment, in the Prometheus text format. */
  readonly render = (): Uint8Array => this.#registry.render();

  /** To be called for each log line that was dropped. */
  readonly logLineDropped = (): void => this.#self.logLineDropped();

  /** Begins to visit the node, again and again until `leave`. */
  start(): void {
    this.#running = this.#run();
  }

  /**
   * Leaves the node in order and stops trying. Resolves to whether the node let go of us within `deadlineMs`, which is
   * what a pr/trace node needs to survive our going. Never rejects.
   */
  async leave(deadlineMs: number): Promise<boolean> {
    this.#isLeaving = true;
    this.#wake();
    const end = performance.now() + deadlineMs;
    const session =
      this.#session ?? (await Promise.race([this.#opening?.catch(() => undefined), Bun.sleep(deadlineMs)]));
    const restMs = Math.max(0, end - performance.now());
    // Without a session a call of the handshake may be open that was given up as late.
    if (session === undefined) await Promise.race([this.#connection?.questionsReturned(), Bun.sleep(restMs)]);
    const isQuiet = (this.#connection?.sizes.questions ?? 0) === 0;
    const inOrder = (await session?.leave(restMs)) ?? isQuiet;
    this.#connection?.close();
    await this.#running;
    return inOrder;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#isLeaving) {
      const { wasUp, reason } = await this.#visit();
      if (this.#isLeaving) return;
      failures = wasUp ? 1 : failures + 1;
      const delayMs = backoffMs(failures);
      const retry = `next attempt in ${(delayMs / 1000).toFixed(1)} s`;
      if (wasUp) this.#options.log(`lost the node: ${reason}; ${retry}`);
      else if (failures === 1)
        this.#options.log(`cannot reach the node at ${this.#options.socketPath}: ${reason}; ${retry}`);
      else this.#debug(`still cannot reach the node: ${reason}; ${retry}`);
      await this.#pause(delayMs);
    }
  }

  /** One visit, from connecting to the end of the connection. */
  async #visit(): Promise<{ wasUp: boolean; reason: string }> {
    const ended = Promise.withResolvers<Error>();
    let wasUp = false;
    try {
      this.#connection = await connectUnix(this.#options.socketPath, {
        deadlineMs: CALL_DEADLINE_MS,
        onEnd: (reason) => {
          ended.resolve(reason);
          this.#wake();
        },
      });
      // Told to leave while connecting: nothing is registered, so closing is enough.
      if (this.#isLeaving) this.#connection.close();
      const events = {
        chain: { ...this.#chain.events, ...this.#mempool.events },
        utxoCache: this.#utxoCache.events,
        debug: this.#options.debug ? this.#options.log : undefined,
      };
      this.#opening = NodeSession.open(this.#connection, events);
      this.#session = await this.#opening;
      await this.#waitForStart(this.#session);
      await this.#refuseStopping(this.#session);
      await this.#session.subscribe(CALL_DEADLINE_MS);
      // Its last flush may have been before that.
      await this.#refuseStopping(this.#session);
      wasUp = true;
      this.#self.connected();
      this.#options.log(`connected to the node at ${this.#options.socketPath}`);
      await this.#pollUntilEnd(this.#connection, this.#session);
    } catch (error) {
      ended.resolve(error as Error);
    }
    // Otherwise nobody leaves while we poll.
    const isStopping = wasUp && !this.#isLeaving && this.#session?.isLeaving === true;
    // A failure on our way in leaves the connection open, and perhaps a registration on it. A call that is under way
    // when it ends may be a pr/trace node's death, so a peer that never answers is never hung up on.
    if (!this.#isLeaving && this.#connection?.ended === undefined) {
      await this.#leaveLate(this.#connection, await ended.promise);
    }
    this.#self.disconnected();
    for (const poll of this.#polls) poll.clear();
    this.#connection = this.#session = this.#opening = undefined;
    return { wasUp, reason: isStopping ? "it is stopping" : errorText(await ended.promise) };
  }

  async #leaveLate(connection: Connection | undefined, reason: Error): Promise<void> {
    if (connection !== undefined && connection.sizes.questions > 0)
      this.#options.log(`no answer from the node: ${errorText(reason)}; waiting until it has returned every call`);
    await this.#session?.leave(Number.POSITIVE_INFINITY);
    await connection?.questionsReturned();
    connection?.close();
  }

  /** A node that is stopping dies of what is registered on it. */
  async #refuseStopping(session: NodeSession): Promise<void> {
    if (await session.isStopping()) throw new Error("the node is stopping");
  }

  /** Waits while the node is starting. Rejects when the connection ends. */
  async #waitForStart(session: NodeSession): Promise<void> {
    let told = false;
    for (;;) {
      // Told to leave during the handshake or the pause: `leave` has the session, and the node is asked nothing more.
      if (this.#isLeaving) throw new Error("the exporter is leaving the node");
      const status = await session.warmupStatus();
      if (status === undefined) return;
      if (!told) this.#options.log(`waiting for the node to start: ${status}`);
      else this.#debug(`the node is starting: ${status}`);
      told = true;
      await this.#pause(WARMUP_INTERVAL_MS);
    }
  }

  async #pollUntilEnd(connection: Connection, session: NodeSession): Promise<void> {
    let traced = !this.#options.utxoTrace;
    while (connection.ended === undefined && !session.isLeaving) {
      await this.#poll(connection, session);
      // Tracing during initial block download would slow it many times over; the first poll after it registers.
      if (!traced && this.#chain.initialBlockDownload === false) traced = await this.#trace(session);
      if (connection.ended === undefined && !session.isLeaving) await this.#pause(this.#options.pollIntervalMs);
    }
  }

  async #poll(connection: Connection, session: NodeSession): Promise<void> {
    const start = performance.now();
    for (const poll of this.#polls) {
      if (session.isLeaving) return;
      try {
        const value = await poll.run(session.queries);
        this.#debug(`poll: ${poll.method} = ${value ?? "none"}`);
      } catch (error) {
        // The end of the connection is no fault of the call.
        if (connection.ended !== undefined || session.isLeaving) return;
        this.#callFailed(poll.method, error);
      }
    }
    this.#self.polled(performance.now() - start);
  }

  /** Resolves to whether the trace is registered. A refusal is tried again at the next poll. */
  async #trace(session: NodeSession): Promise<boolean> {
    try {
      await session.traceUtxoCache(CALL_DEADLINE_MS);
      this.#debug("tracing the UTXO cache");
      return true;
    } catch (error) {
      if (!session.isLeaving) this.#callFailed("Tracing.traceUtxoCache", error);
      return false;
    }
  }

  #callFailed(method: string, error: unknown): void {
    this.#self.callFailed(method);
    this.#debug(`${method} failed: ${errorText(error)}`);
  }

  #debug(line: string): void {
    if (this.#options.debug) this.#options.log(line);
  }

  /** Waits `delayMs`, or until the connection ends or `leave` is called. */
  async #pause(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = setTimeout(resolve, delayMs);
    await promise;
    clearTimeout(timer);
  }
}
