// One visit to a node, from connecting to the end of the connection: handshake, waiting for its start, subscribing or
// watching the tip, polling. The exporter makes one after the other.

import type { Collectors } from "./collectors/catalogue.ts";
import type { ExporterCollector } from "./collectors/exporter.ts";
import { garbage } from "./memory/garbage.ts";
import type { ChainEvents } from "./node/chain-notifications.ts";
import type { LayoutName } from "./node/layouts.ts";
import { NodeSession, type SessionEvents } from "./node/session.ts";
import { connectUnix } from "./node/socket.ts";
import { Poller } from "./poller.ts";
import type { BusyClock } from "./rpc/busy-clock.ts";
import type { Connection } from "./rpc/connection.ts";
import { DeadlineError, errorText } from "./rpc/errors.ts";
import { startGraceMs } from "./start-grace.ts";
import { TipPolls } from "./tip-polls.ts";
import { watchTips } from "./tip-watcher.ts";
import type { TraceBudget } from "./trace-budget.ts";
import { TraceKeeper } from "./trace-keeper.ts";

export interface VisitOptions {
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

export interface VisitEnd {
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

export class Visit {
  readonly #options: VisitOptions;
  readonly #debug: (line: string) => void;
  readonly #ended = Promise.withResolvers<Error>();
  #connection: Connection | undefined;
  #session: NodeSession | undefined;
  /** The handshake: a pr/trace node may die of a connection that ends in the middle of it. */
  #opening: Promise<NodeSession> | undefined;
  #poller: Poller | undefined;
  #tipPolls: TipPolls | undefined;
  /** Ends the pause that `run` is in. */
  #wake = () => {};
  #traceTimer: Timer | undefined;
  /** Polls in a row that were given up. */
  #unanswered = 0;
  #isLeaving = false;
  #wasUp = false;

  constructor(options: VisitOptions) {
    this.#options = options;
    this.#debug = options.debug ? options.log : () => {};
  }

  /** Resolves when the visit is over: the node went, could not be reached, or `leave` was called. Never rejects. */
  async run(): Promise<VisitEnd> {
    const { self } = this.#options;
    try {
      await this.#open();
    } catch (error) {
      this.#ended.resolve(error as Error);
    }
    // Otherwise nobody leaves while we poll.
    const isStopping = this.#wasUp && !this.#isLeaving && this.#session?.isLeaving === true;
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
    if (connection.sizes.questions > 0 && this.#session?.isLeaving !== true) {
      const reason = errorText(await this.#ended.promise);
      this.#options.log(`no answer from the node: ${reason}; waiting until it has returned every call`);
    }
    await this.#session?.leave(Number.POSITIVE_INFINITY);
    await connection.questionsReturned();
    connection.close();
  }

  /** Leaves in order, as NodeSession.leave does; at any moment of the visit. */
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
    this.#opening = NodeSession.open(this.#connection, this.#events(), layout);
    const session = await this.#opening;
    this.#session = session;
    this.#tipPolls = this.#makeTipPolls(session);
    await this.#waitForStart(session);
    if (this.#isToSubscribe(session)) await this.#subscribe(session);
    else await this.#startWatching(session);
    this.#wasUp = true;
    self.connected(session.layout);
    log(`connected to the node at ${socketPath}: layout ${session.layout}, ${describe(session)}`);
    await this.#pollUntilEnd(session);
  }

  #isToSubscribe(session: NodeSession): boolean {
    return session.hasNotifications && this.#options.subscribe !== false;
  }

  /** A node that is stopping dies of what is registered on it, and may have begun before we had registered. */
  async #subscribe(session: NodeSession): Promise<void> {
    await refuseStopping(session);
    await session.subscribe(CALL_DEADLINE_MS);
    await refuseStopping(session);
  }

  async #startWatching(session: NodeSession): Promise<void> {
    // Stock master never ends when it is polled while it stops: estimatesmartfee waits for a scheduler that is gone.
    if (session.jsonRpc !== undefined) await refuseStopping(session);
    // A node that gives nothing but Mining, and then refuses that, gives nothing: it is not what it was said to be.
    else await session.mining();
    void this.#watch(session);
  }

  /** Waits while the node is starting. Rejects when the connection ends. */
  async #waitForStart(session: NodeSession): Promise<void> {
    const { socketPath, log } = this.#options;
    if (session.jsonRpc === undefined) {
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
      const status = await session.warmupStatus();
      if (status === undefined) return;
      if (isTold) this.#debug(`the node is starting: ${status}`);
      else log(`waiting for the node to start: ${status}`);
      isTold = true;
      await this.#pause(WARMUP_INTERVAL_MS);
    }
  }

  /** Told to leave during the handshake or a pause: `leave` has the session, and the node is asked nothing more. */
  #refuseLeaving(): void {
    if (this.#isLeaving) throw new Error("the exporter is leaving the node");
  }

  /** What the node's callbacks go to. A block that was connected is asked about too. */
  #events(): SessionEvents {
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

  #makeTipPolls(session: NodeSession): TipPolls {
    return new TipPolls({
      session,
      polls: this.#options.collectors.tipPolls,
      isSyncing: () => this.#options.collectors.initialBlockDownload !== false,
      onError: (method, error, isMissing) => this.#callFailed(method, error, isMissing),
    });
  }

  #watch(session: NodeSession): Promise<void> {
    return watchTips({
      session,
      // A node with notifications may die of an exporter that goes while a call waits; others do not.
      lookEveryMs: session.hasNotifications ? this.#options.pollIntervalMs : undefined,
      events: this.#options.collectors,
      isSyncing: () => this.#options.collectors.initialBlockDownload === true,
      onTip: (tip) => this.#tipPolls?.tipChanged(tip),
      onStopping: () => void session.leave(Number.POSITIVE_INFINITY),
      onError: (method, error, isMissing) => this.#callFailed(method, error, isMissing),
    });
  }

  async #pollUntilEnd(session: NodeSession): Promise<void> {
    const { collectors, pollIntervalMs, self } = this.#options;
    const poller = new Poller(session, collectors, {
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
    const trace = this.#makeTraceKeeper(session);
    this.#traceTimer = setInterval(() => void trace?.tend(), TRACE_INTERVAL_MS);
    let isFirst = true;
    while (!session.isOver) {
      if (await this.#isStopping(session)) return void session.leave(Number.POSITIVE_INFINITY);
      const start = performance.now();
      await poller.poll();
      if (session.isOver) return;
      self.polled(performance.now() - start);
      if (isFirst) await this.#askAboutTip(session);
      isFirst = false;
      // The poll told whether the node syncs.
      this.#tipPolls?.resume();
      await trace?.tend();
      garbage.collect();
      if (!session.isOver) await this.#pause(pollIntervalMs);
    }
  }

  /** Notifications tell of blocks to come only: the tip that there is already is asked about, too. */
  async #askAboutTip(session: NodeSession): Promise<void> {
    const height = await session.queries?.getHeight().catch(() => undefined);
    if (height !== undefined) this.#tipPolls?.tipChanged(height);
  }

  /** A node that stops is not polled: JSON-RPC methods wait for its scheduler, which may have ended, and it for them. */
  async #isStopping(session: NodeSession): Promise<boolean> {
    return session.jsonRpc !== undefined && (await session.isStopping());
  }

  /** Undefined where the trace is not to be had, or not wanted. */
  #makeTraceKeeper(session: NodeSession): TraceKeeper | undefined {
    const { collectors, utxoTrace, traceBudget, busyClock, pollIntervalMs, log } = this.#options;
    const isWanted = utxoTrace && collectors.utxoCacheEvents !== undefined && this.#isToSubscribe(session);
    if (!isWanted || !session.hasUtxoTrace) return undefined;
    return new TraceKeeper({
      session,
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

async function refuseStopping(session: NodeSession): Promise<void> {
  if (await session.isStopping()) throw new Error("the node is stopping");
}

/** The trace is not registered where nobody counts coins. */
const NO_COINS = { add() {}, spend() {}, uncache() {} };

/** What this node gives and what it does not, for the log. */
function describe(session: NodeSession): string {
  const gives = {
    notifications: session.hasNotifications,
    "utxo trace": session.hasUtxoTrace,
    "chain and node": session.queries !== undefined,
    "json-rpc": session.jsonRpc !== undefined,
    mining: true,
  };
  const list = (wanted: boolean) => Object.entries(gives).flatMap(([name, has]) => (has === wanted ? [name] : []));
  const missing = list(false);
  return `gives ${list(true).join(", ")}${missing.length === 0 ? "" : `; not ${missing.join(", ")}`}`;
}

function valueText(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value).slice(0, 200) : String(value ?? "none");
}
