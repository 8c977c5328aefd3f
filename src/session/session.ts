// One connection to a node, from connect to disconnect: handshake, readiness, subscribing or watching the tip, polling.

import type { Collectors } from "../collectors/catalogue.ts";
import type { Reported } from "../collectors/collector.ts";
import type { ExporterCollector } from "../collectors/exporter.ts";
import { garbage } from "../memory/garbage.ts";
import type { ChainEvents } from "../node/chain-notifications.ts";
import { type ClientEvents, NodeClient } from "../node/client.ts";
import { failureOf } from "../node/json-rpc.ts";
import { connectUnix } from "../node/socket.ts";
import type { Options } from "../options.ts";
import type { BusyClock } from "../rpc/busy-clock.ts";
import type { Connection } from "../rpc/connection.ts";
import { DeadlineError, errorText } from "../rpc/errors.ts";
import { Pause } from "./pause.ts";
import { Poller } from "./poller.ts";
import { chooseQuestions, type Questions, type SourceKind } from "./questions.ts";
import { startGraceMs } from "./start-grace.ts";
import { TipPolls } from "./tip-polls.ts";
import { watchTips } from "./tip-watcher.ts";
import type { TraceBudget } from "./trace-budget.ts";
import { TraceKeeper } from "./trace-keeper.ts";

type SessionFlags = Pick<Options, "socketPath" | "pollIntervalMs" | "utxoTrace" | "subscribe" | "layout" | "debug">;

export interface SessionOptions extends SessionFlags {
  readonly traceBudget: TraceBudget;
  readonly busyClock: BusyClock;
  readonly collectors: Collectors;
  readonly metrics: ExporterCollector;
  readonly log: (line: string) => void;
}

export interface SessionEnd {
  /** Whether the session had subscribed to the node, or had begun to watch its tip. */
  readonly wasUp: boolean;
  readonly reason: string;
}

/** A call without an answer for this long has failed. A node that validates a block may be this slow. */
const CALL_DEADLINE_MS = 10_000;

/** So many failed deadlines in a row mean a node that is stalled. One may be a slow method. */
const STALLED_CALLS = 2;

/** How often it is decided whether the trace should start or end. */
const TRACE_INTERVAL_MS = 1000;

/** How often a node that is starting is asked whether it is ready. */
const WARMUP_INTERVAL_MS = 1000;

export class Session {
  readonly #options: SessionOptions;
  readonly #debug: (line: string) => void;
  readonly #ended = Promise.withResolvers<Error>();
  readonly #pause = new Pause();
  #connection: Connection | undefined;
  #client: NodeClient | undefined;
  /** The handshake. A pr/trace node may crash when a connection ends in the middle of it. */
  #opening: Promise<NodeClient> | undefined;
  #poller: Poller | undefined;
  #tipPolls: TipPolls | undefined;
  #traceTimer: Timer | undefined;
  /** Calls of polls in a row that missed their deadline. */
  #unanswered = 0;
  #isLeaving = false;
  #wasUp = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#debug = options.debug ? options.log : () => {};
  }

  /** Resolves when the session is over: the node stopped, could not be reached, or `leave` was called. Never rejects. */
  async run(): Promise<SessionEnd> {
    const { collectors, metrics } = this.#options;
    try {
      await this.#open();
    } catch (error) {
      this.#ended.resolve(error as Error);
    }
    // While polling, only a node that stops makes the client leave.
    const isStopping = this.#wasUp && !this.#isLeaving && this.#client?.isLeaving === true;
    clearInterval(this.#traceTimer);
    collectors.setUtxoTraceActive(undefined);
    metrics.disconnected();
    collectors.endSession();
    this.#poller?.clear();
    this.#tipPolls?.clear();
    await this.#leaveAfterFailure();
    return { wasUp: this.#wasUp, reason: isStopping ? "it is stopping" : errorText(await this.#ended.promise) };
  }

  /**
   * A failure before the first poll leaves the connection open, perhaps with a subscription. A connection that ends during a
   * call may crash a pr/trace node, so this waits for the answers, however long they take.
   */
  async #leaveAfterFailure(): Promise<void> {
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

  /** Disconnects in order, as NodeClient.leave does, at any moment of the session. */
  async leave(deadlineMs: number): Promise<boolean> {
    this.#isLeaving = true;
    this.#pause.end();
    const end = performance.now() + deadlineMs;
    const client = this.#client ?? (await Promise.race([this.#opening?.catch(() => undefined), Bun.sleep(deadlineMs)]));
    const restMs = Math.max(0, end - performance.now());
    // Without a client, a call of the handshake that missed its deadline may be open.
    if (client === undefined) await Promise.race([this.#connection?.questionsReturned(), Bun.sleep(restMs)]);
    const isQuiet = (this.#connection?.sizes.questions ?? 0) === 0;
    const inOrder = (await client?.leave(restMs)) ?? isQuiet;
    this.#connection?.close();
    return inOrder;
  }

  async #open(): Promise<void> {
    const { socketPath, layout, metrics, log, busyClock } = this.#options;
    this.#connection = await connectUnix(socketPath, {
      deadlineMs: CALL_DEADLINE_MS,
      busyClock,
      onEnd: (reason) => {
        this.#ended.resolve(reason);
        this.#pause.end();
      },
    });
    // Stopped while connecting: nothing is subscribed yet, so closing is enough.
    if (this.#isLeaving) this.#connection.close();
    this.#opening = NodeClient.open(this.#connection, this.#events(), layout);
    const client = await this.#opening;
    this.#client = client;
    await this.#waitForReadiness(client);
    const questions = chooseQuestions(this.#options.collectors.polled, sourcesOf(client));
    this.#tipPolls = this.#makeTipPolls(client, questions);
    this.#options.collectors.startSession(this.#reportedBy(client));
    if (this.#isToSubscribe(client)) await this.#subscribe(client);
    else await this.#startWatching(client);
    this.#wasUp = true;
    metrics.connected(client.layout);
    log(`connected to the node at ${socketPath}: layout ${client.layout}, ${describe(client)}`);
    await this.#pollUntilEnd(client, questions);
  }

  #reportedBy(client: NodeClient): Reported {
    const notifications = this.#isToSubscribe(client);
    const utxoTrace = notifications && client.hasUtxoTrace && this.#options.utxoTrace;
    return { notifications, blocks: notifications || client.jsonRpc !== undefined, utxoTrace };
  }

  #isToSubscribe(client: NodeClient): boolean {
    return client.hasNotifications && this.#options.subscribe;
  }

  /** A node that stops crashes with a subscription on it, and may have begun to stop before the subscription was made. */
  async #subscribe(client: NodeClient): Promise<void> {
    await refuseStopping(client);
    await client.subscribe(CALL_DEADLINE_MS);
    await refuseStopping(client);
  }

  async #startWatching(client: NodeClient): Promise<void> {
    // A v32 node that is polled while it stops never ends: estimatesmartfee waits for a scheduler that has ended.
    if (client.jsonRpc !== undefined) await refuseStopping(client);
    // A node with no other source than Mining must support that.
    else await client.mining();
    void this.#watch(client);
  }

  /** Waits while the node is starting. Rejects when the connection ends. */
  async #waitForReadiness(client: NodeClient): Promise<void> {
    const { socketPath, log } = this.#options;
    if (client.layout === "v31") return this.#waitForMining(client);
    if (client.jsonRpc === undefined) {
      this.#refuseLeaving();
      const graceMs = startGraceMs(socketPath);
      if (graceMs === 0) return;
      log(`waiting ${Math.ceil(graceMs / 1000)} s for the node to start: its socket is new, and it cannot be asked`);
      await this.#pause.wait(graceMs);
      return this.#refuseLeaving();
    }
    let isLogged = false;
    for (;;) {
      this.#refuseLeaving();
      const status = await client.warmupStatus();
      if (status === undefined) return;
      if (isLogged) this.#debug(`the node is starting: ${status}`);
      else log(`waiting for the node to start: ${status}`);
      isLogged = true;
      await this.#pause.wait(WARMUP_INTERVAL_MS);
    }
  }

  /** A v31 node answers once its chain is loaded. */
  async #waitForMining(client: NodeClient): Promise<void> {
    this.#refuseLeaving();
    const { log } = this.#options;
    const timer = setTimeout(
      () => log("waiting for the node to start: its chain is not loaded yet"),
      WARMUP_INTERVAL_MS,
    );
    try {
      await client.mining();
    } finally {
      clearTimeout(timer);
    }
  }

  /** Stopped during the handshake or a wait: `leave` has the client, and the node is asked nothing more. */
  #refuseLeaving(): void {
    if (this.#isLeaving) throw new Error("the exporter is stopping");
  }

  /** Where the node's callbacks go. A block that was connected is asked about, too. */
  #events(): ClientEvents {
    const { collectors, debug, log } = this.#options;
    const chain: ChainEvents = {
      ...collectors.events,
      blockConnected: (height) => {
        collectors.events.blockConnected(height);
        // A BlockInfo without a height has -1.
        if (height >= 0) this.#tipPolls?.tipChanged(height, Date.now());
      },
    };
    return { chain, utxoCache: collectors.utxoCacheEvents ?? IGNORED_COINS, debug: debug ? log : undefined };
  }

  #makeTipPolls(client: NodeClient, questions: Questions): TipPolls {
    return new TipPolls({
      client,
      questions: questions.block,
      isSyncing: () => this.#options.collectors.initialBlockDownload !== "over",
      onError: (method, error, isMissing) => this.#callFailed(method, error, isMissing),
    });
  }

  #watch(client: NodeClient): Promise<void> {
    return watchTips({
      client,
      // A node with notifications may crash when the exporter disconnects while a call waits; others do not.
      lookEveryMs: client.hasNotifications ? this.#options.pollIntervalMs : undefined,
      events: { ...this.#options.collectors, tipChanged: this.#options.collectors.events.updatedBlockTip },
      isSyncing: () => this.#options.collectors.initialBlockDownload === "active",
      onTip: (tip, isNew) => this.#tipPolls?.tipChanged(tip, isNew ? Date.now() : undefined),
      onStopping: () => void client.leave(Number.POSITIVE_INFINITY),
      onError: (method, error, isMissing) => this.#callFailed(method, error, isMissing),
    });
  }

  async #pollUntilEnd(client: NodeClient, questions: Questions): Promise<void> {
    const { pollIntervalMs, metrics } = this.#options;
    const poller = new Poller({
      client,
      questions,
      onAnswer: (method, value) => {
        if (this.#options.debug) this.#debug(`poll: ${method} = ${valueText(value)}`);
        this.#pollAnswered();
      },
      onError: (method, error, isMissing) => {
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
      metrics.polled(performance.now() - start);
      if (isFirst) await this.#askAboutTip(client);
      isFirst = false;
      // This poll may have found initial block download over.
      this.#tipPolls?.resume();
      await trace?.tend();
      garbage.collect();
      if (!client.isOver) await this.#pause.wait(pollIntervalMs);
    }
  }

  /** Notifications report future blocks only, so the current tip is asked about here. */
  async #askAboutTip(client: NodeClient): Promise<void> {
    const height = await client.queries?.getHeight().catch(() => undefined);
    if (height !== undefined) this.#tipPolls?.tipChanged(height);
  }

  /** A node that stops is not polled: JSON-RPC methods wait for its scheduler, which may have ended, and it for them. */
  async #isStopping(client: NodeClient): Promise<boolean> {
    return client.jsonRpc !== undefined && (await client.isStopping());
  }

  /** Undefined where the trace is disabled or not supported. */
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
      isSyncing: () => collectors.initialBlockDownload !== "over",
      setActive: collectors.setUtxoTraceActive,
      onError: (method, error) => this.#callFailed(method, error, false),
      log,
      debug: this.#debug,
    });
  }

  #pollUnanswered(error: DeadlineError): void {
    this.#unanswered++;
    if (this.#unanswered === STALLED_CALLS) this.#options.log(`the node is stalled: ${error.message}; still polling`);
  }

  #pollAnswered(): void {
    if (this.#unanswered >= STALLED_CALLS) this.#options.log("the node answers again");
    this.#unanswered = 0;
  }

  #callFailed(method: string, error: unknown, isMissing: boolean): void {
    const { metrics, log } = this.#options;
    this.#debug(`${method} failed: ${errorText(error)}`);
    // The node's options switch off what the method reads: no failure, and no sample.
    if (failureOf(error) === "disabled") return;
    metrics.callFailed(method);
    if (isMissing) log(`the node does not support ${method}: its metrics have no sample on this connection`);
  }
}

async function refuseStopping(client: NodeClient): Promise<void> {
  if (await client.isStopping()) throw new Error("the node is stopping");
}

/** For a session without the trace: nothing calls it. */
const IGNORED_COINS = { add() {}, spend() {}, uncache() {} };

/** The kinds of sources that serve the families of this session. */
function sourcesOf(client: NodeClient): ReadonlySet<SourceKind> {
  const { queries, jsonRpc } = client;
  const kinds = new Set<SourceKind>();
  if (queries !== undefined) kinds.add("node");
  if (jsonRpc !== undefined) kinds.add("jsonRpc").add("block");
  // Mining adds nothing to the other sources.
  if (kinds.size === 0) kinds.add("mining");
  return kinds;
}

/** What this node supports and what it does not, for the log. */
function describe(client: NodeClient): string {
  const interfaces = {
    notifications: client.hasNotifications,
    "utxo trace": client.hasUtxoTrace,
    "chain and node": client.queries !== undefined,
    "json-rpc": client.jsonRpc !== undefined,
    mining: true,
  };
  const list = (wanted: boolean) =>
    Object.entries(interfaces).flatMap(([name, isSupported]) => (isSupported === wanted ? [name] : []));
  const missing = list(false);
  return `supports ${list(true).join(", ")}${missing.length === 0 ? "" : `; not ${missing.join(", ")}`}`;
}

function valueText(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value).slice(0, 200) : String(value ?? "none");
}
