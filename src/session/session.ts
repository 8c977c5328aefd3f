// One session to a node, from connecting to the end of the connection: handshake, waiting for its start, subscribing or
// watching the tip, polling. The exporter makes one after the other.

import type { Collectors } from "../collectors/catalogue.ts";
import type { ExporterCollector } from "../collectors/exporter.ts";
import { garbage } from "../memory/garbage.ts";
import type { ChainEvents } from "../node/chain-notifications.ts";
import { type ClientEvents, NodeClient } from "../node/client.ts";
import type { LayoutName } from "../node/layouts.ts";
import { connectUnix } from "../node/socket.ts";
import type { BusyClock } from "../rpc/busy-clock.ts";
import type { Connection } from "../rpc/connection.ts";
import { DeadlineError, errorText } from "../rpc/errors.ts";
import { Poller } from "./poller.ts";
import { startGraceMs } from "./start-grace.ts";
import { TipPolls } from "./tip-polls.ts";
import { watchTips } from "./tip-watcher.ts";
import type { TraceBudget } from "./trace-budget.ts";
import { TraceKeeper } from "./trace-keeper.ts";

export interface SessionOptions {
  readonly socketPath: string;
  readonly pollIntervalMs: number;
  /** Whether to trace the UTXO cache where the node can. */
  readonly utxoTrace: boolean;
  /** Whether to register for the node's events; otherwise there are only polls. True unless said. */
  readonly subscribe?: boolean | undefined;
  readonly traceBudget: TraceBudget;
  readonly busyClock: BusyClock;
  /** The layout to assume; found out when undefined. */
  readonly layout?: LayoutName | undefined;
  readonly collectors: Collectors;
  readonly self: ExporterCollector;
  /** Whether each event and poll gets a log line. */
  readonly debug: boolean;
  readonly log: (line: string) => void;
}

export interface SessionEnd {
  /** Whether the node was subscribed to or watched. */
  readonly wasUp: boolean;
  readonly reason: string;
}

/** A call that the node has not answered by then is given up. A node that validates a block may be this slow. */
const CALL_DEADLINE_MS = 10_000;

/** So many calls in a row that are given up mean a node that is stalled; one may be a method that is slow. */
const STALLED_CALLS = 2;

/** How often it is seen whether the trace should begin or end. */
const TRACE_INTERVAL_MS = 1000;

/** How often a node that is starting is asked whether it has started. */
const WARMUP_INTERVAL_MS = 1000;

export class Session {
  readonly #options: SessionOptions;
  readonly #debug: (line: string) => void;
  readonly #ended = Promise.withResolvers<Error>();
  #connection: Connection | undefined;
  #client: NodeClient | undefined;
  /** The handshake: a pr/trace node may die of a connection that ends in the middle of it. */
  #opening: Promise<NodeClient> | undefined;
  #poller: Poller | undefined;
  #tipPolls: TipPolls | undefined;
  /** Ends the pause that `run` is in. */
  #wake = () => {};
  #traceTimer: Timer | undefined;
  /** Polls in a row that were given up. */
  #unanswered = 0;
  #isLeaving = false;
  #wasUp = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#debug = options.debug ? options.log : () => {};
  }

  /** Resolves when the session is over: the node went, could not be reached, or `leave` was called. Never rejects. */
  async run(): Promise<SessionEnd> {
    const { self } = this.#options;
    try {
      await this.#open();
    } catch (error) {
      this.#ended.resolve(error as Error);
    }
    // Otherwise nobody leaves while we poll.
    const isStopping = this.#wasUp && !this.#isLeaving && this.#client?.isLeaving === true;
    clearInterval(this.#traceTimer);
    this.#options.collectors.setUtxoTraceActive(undefined);
    self.disconnected();
    this.#poller?.clear();
    this.#tipPolls?.clear();
    await this.#leaveLate();
    return { wasUp: this.#wasUp, reason: isStopping ? "it is stopping" : errorText(await this.#ended.promise) };
  }

  /**
   * A failure on our way in leaves the connection open, and perhaps a registration on it. A call that is under way when
   * it ends may be a pr/trace node's death, so a peer that never answers is never hung up on.
   */
  async #leaveLate(): Promise<void> {
    const connection = this.#connection;
    if (this.#isLeaving || connection === undefined || connection.ended !== undefined) return;
    if (connection.sizes.questions > 0 && this.#client?.isLeaving !== true) {
      const reason = errorText(await this.#ended.promise);
      this.#options.log(`no answer from the node: ${reason}; waiting until it has returned every call`);
    }
    await this.#client?.leave(Number.POSITIVE_INFINITY);
    await connection.questionsReturned();
    connection.close();
  }

  /** Leaves in order, as NodeClient.leave does; at any moment of the session. */
  async leave(deadlineMs: number): Promise<boolean> {
    this.#isLeaving = true;
    this.#wake();
    const end = performance.now() + deadlineMs;
    const client = this.#client ?? (await Promise.race([this.#opening?.catch(() => undefined), Bun.sleep(deadlineMs)]));
    const restMs = Math.max(0, end - performance.now());
    // Without a client a call of the handshake may be open that was given up as late.
    if (client === undefined) await Promise.race([this.#connection?.questionsReturned(), Bun.sleep(restMs)]);
    const isQuiet = (this.#connection?.sizes.questions ?? 0) === 0;
    const inOrder = (await client?.leave(restMs)) ?? isQuiet;
    this.#connection?.close();
    return inOrder;
  }

  async #open(): Promise<void> {
    const { socketPath, layout, self, log, busyClock } = this.#options;
    this.#connection = await connectUnix(socketPath, {
      deadlineMs: CALL_DEADLINE_MS,
      busyClock,
      onEnd: (reason) => {
        this.#ended.resolve(reason);
        this.#wake();
      },
    });
    // Told to leave while connecting: nothing is registered, so closing is enough.
    if (this.#isLeaving) this.#connection.close();
    this.#opening = NodeClient.open(this.#connection, this.#events(), layout);
    const client = await this.#opening;
    this.#client = client;
    this.#tipPolls = this.#makeTipPolls(client);
    await this.#waitForStart(client);
    if (this.#isToSubscribe(client)) await this.#subscribe(client);
    else await this.#startWatching(client);
    this.#wasUp = true;
    self.connected(client.layout);
    log(`connected to the node at ${socketPath}: layout ${client.layout}, ${describe(client)}`);
    await this.#pollUntilEnd(client);
  }

  #isToSubscribe(client: NodeClient): boolean {
    return client.hasNotifications && this.#options.subscribe !== false;
  }

  /** A node that is stopping dies of what is registered on it, and may have begun before we had registered. */
  async #subscribe(client: NodeClient): Promise<void> {
    await refuseStopping(client);
    await client.subscribe(CALL_DEADLINE_MS);
    await refuseStopping(client);
  }

  async #startWatching(client: NodeClient): Promise<void> {
    // Stock v32 never ends when it is polled while it stops: estimatesmartfee waits for a scheduler that is gone.
    if (client.jsonRpc !== undefined) await refuseStopping(client);
    // A node that gives nothing but Mining, and then refuses that, gives nothing: it is not what it was said to be.
    else await client.mining();
    void this.#watch(client);
  }

  /** Waits while the node is starting. Rejects when the connection ends. */
  async #waitForStart(client: NodeClient): Promise<void> {
    const { socketPath, log } = this.#options;
    if (client.jsonRpc === undefined) {
      this.#refuseLeaving();
      const graceMs = startGraceMs(socketPath);
      if (graceMs === 0) return;
      log(`waiting ${Math.ceil(graceMs / 1000)} s for the node to start: its socket is new, and it cannot be asked`);
      await this.#pause(graceMs);
      return this.#refuseLeaving();
    }
    let isTold = false;
    for (;;) {
      this.#refuseLeaving();
      const status = await client.warmupStatus();
      if (status === undefined) return;
      if (isTold) this.#debug(`the node is starting: ${status}`);
      else log(`waiting for the node to start: ${status}`);
      isTold = true;
      await this.#pause(WARMUP_INTERVAL_MS);
    }
  }

  /** Told to leave during the handshake or a pause: `leave` has the client, and the node is asked nothing more. */
  #refuseLeaving(): void {
    if (this.#isLeaving) throw new Error("the exporter is leaving the node");
  }

  /** What the node's callbacks go to. A block that was connected is asked about too. */
  #events(): ClientEvents {
    const { collectors, debug, log } = this.#options;
    const chain: ChainEvents = {
      ...collectors.events,
      blockConnected: (height) => {
        collectors.events.blockConnected(height);
        // -1 is how a BlockInfo says that it has no height.
        if (height >= 0) this.#tipPolls?.tipChanged(height);
      },
    };
    return { chain, utxoCache: collectors.utxoCacheEvents ?? NO_COINS, debug: debug ? log : undefined };
  }

  #makeTipPolls(client: NodeClient): TipPolls {
    return new TipPolls({
      client,
      polls: this.#options.collectors.tipPolls,
      isSyncing: () => this.#options.collectors.initialBlockDownload !== false,
      onError: (method, error, isMissing) => this.#callFailed(method, error, isMissing),
    });
  }

  #watch(client: NodeClient): Promise<void> {
    return watchTips({
      client,
      // A node with notifications may die of an exporter that goes while a call waits; others do not.
      lookEveryMs: client.hasNotifications ? this.#options.pollIntervalMs : undefined,
      events: this.#options.collectors,
      isSyncing: () => this.#options.collectors.initialBlockDownload === true,
      onTip: (tip) => this.#tipPolls?.tipChanged(tip),
      onStopping: () => void client.leave(Number.POSITIVE_INFINITY),
      onError: (method, error, isMissing) => this.#callFailed(method, error, isMissing),
    });
  }

  async #pollUntilEnd(client: NodeClient): Promise<void> {
    const { collectors, pollIntervalMs, self } = this.#options;
    const poller = new Poller(client, collectors, {
      answered: (method, value) => {
        if (this.#options.debug) this.#debug(`poll: ${method} = ${valueText(value)}`);
        this.#pollAnswered();
      },
      callFailed: (method, error, isMissing) => {
        this.#callFailed(method, error, isMissing);
        if (error instanceof DeadlineError) this.#pollUnanswered(error);
      },
    });
    this.#poller = poller;
    const trace = this.#makeTraceKeeper(client);
    this.#traceTimer = setInterval(() => void trace?.tend(), TRACE_INTERVAL_MS);
    let isFirst = true;
    while (!client.isOver) {
      if (await this.#isStopping(client)) return void client.leave(Number.POSITIVE_INFINITY);
      const start = performance.now();
      await poller.poll();
      if (client.isOver) return;
      self.polled(performance.now() - start);
      if (isFirst) await this.#askAboutTip(client);
      isFirst = false;
      // The poll told whether the node syncs.
      this.#tipPolls?.resume();
      await trace?.tend();
      garbage.collect();
      if (!client.isOver) await this.#pause(pollIntervalMs);
    }
  }

  /** Notifications tell of blocks to come only: the tip that there is already is asked about, too. */
  async #askAboutTip(client: NodeClient): Promise<void> {
    const height = await client.queries?.getHeight().catch(() => undefined);
    if (height !== undefined) this.#tipPolls?.tipChanged(height);
  }

  /** A node that stops is not polled: JSON-RPC methods wait for its scheduler, which may have ended, and it for them. */
  async #isStopping(client: NodeClient): Promise<boolean> {
    return client.jsonRpc !== undefined && (await client.isStopping());
  }

  /** Undefined where the trace is not to be had, or not wanted. */
  #makeTraceKeeper(client: NodeClient): TraceKeeper | undefined {
    const { collectors, utxoTrace, traceBudget, busyClock, pollIntervalMs, log } = this.#options;
    const isWanted = utxoTrace && collectors.utxoCacheEvents !== undefined && this.#isToSubscribe(client);
    if (!isWanted || !client.hasUtxoTrace) return undefined;
    return new TraceKeeper({
      client,
      budget: traceBudget,
      clock: busyClock,
      deadlineMs: CALL_DEADLINE_MS,
      retryMs: pollIntervalMs,
      isSyncing: () => collectors.initialBlockDownload !== false,
      setActive: collectors.setUtxoTraceActive,
      onError: (method, error) => this.#callFailed(method, error, false),
      log,
      debug: this.#debug,
    });
  }

  #pollUnanswered(error: DeadlineError): void {
    this.#unanswered++;
    if (this.#unanswered === STALLED_CALLS) this.#options.log(`the node is stalled: ${error.message}; asking on`);
  }

  #pollAnswered(): void {
    if (this.#unanswered >= STALLED_CALLS) this.#options.log("the node answers again");
    this.#unanswered = 0;
  }

  #callFailed(method: string, error: unknown, isMissing: boolean): void {
    const { self, log } = this.#options;
    self.callFailed(method);
    this.#debug(`${method} failed: ${errorText(error)}`);
    if (isMissing) log(`the node has no ${method}: its metrics stay empty until another node is there`);
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

async function refuseStopping(client: NodeClient): Promise<void> {
  if (await client.isStopping()) throw new Error("the node is stopping");
}

/** The trace is not registered where nobody counts coins. */
const NO_COINS = { add() {}, spend() {}, uncache() {} };

/** What this node gives and what it does not, for the log. */
function describe(client: NodeClient): string {
  const gives = {
    notifications: client.hasNotifications,
    "utxo trace": client.hasUtxoTrace,
    "chain and node": client.queries !== undefined,
    "json-rpc": client.jsonRpc !== undefined,
    mining: true,
  };
  const list = (wanted: boolean) => Object.entries(gives).flatMap(([name, has]) => (has === wanted ? [name] : []));
  const missing = list(false);
  return `gives ${list(true).join(", ")}${missing.length === 0 ? "" : `; not ${missing.join(", ")}`}`;
}

function valueText(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value).slice(0, 200) : String(value ?? "none");
}
