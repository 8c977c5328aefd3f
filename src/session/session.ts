// One connection to a node, from connect to disconnect: handshake, readiness, subscribing or watching the tip, polling.

import type { Collectors } from "../collectors/catalogue.ts";
import type { ExporterCollector } from "../collectors/exporter.ts";
import { garbage } from "../memory/garbage.ts";
import type { ChainEvents } from "../node/chain-notifications.ts";
import { type ClientEvents, NodeClient } from "../node/client.ts";
import { httpRpc } from "../node/http-rpc.ts";
import { StoppingError } from "../node/layouts.ts";
import type { Tip } from "../node/mining.ts";
import { connectUnix, nodeHasStarted } from "../node/socket.ts";
import type { Options } from "../options.ts";
import type { BusyClock } from "../rpc/busy-clock.ts";
import type { Connection } from "../rpc/connection.ts";
import { errorText } from "../rpc/errors.ts";
import { CallLog } from "./call-log.ts";
import { Pause } from "./pause.ts";
import { PollSchedule } from "./poll-schedule.ts";
import { choosePolledCalls, type PolledCalls } from "./polled-calls.ts";
import { Poller } from "./poller.ts";
import { waitForReadiness } from "./readiness.ts";
import { describeNode, reportedBy, sourcesOf } from "./supported.ts";
import { TipPolls } from "./tip-polls.ts";
import { readTip, type TipWatcherOptions, watchTips } from "./tip-watcher.ts";
import type { TraceBudget } from "./trace-budget.ts";
import { TraceKeeper } from "./trace-keeper.ts";

type SessionFlags = Pick<
  Options,
  "socketPath" | "pollIntervalMs" | "callTimeoutMs" | "utxoTrace" | "subscribe" | "layout" | "rpc" | "debug"
>;

export interface SessionOptions extends SessionFlags {
  readonly traceBudget: TraceBudget;
  readonly busyClock: BusyClock;
  readonly collectors: Collectors;
  readonly metrics: ExporterCollector;
  /** Logs that the session is up, unless sessions keep ending too soon. */
  readonly announce: (line: string) => void;
  readonly log: (line: string) => void;
  /** Called with the new connection, before the first call to the node. */
  readonly onConnected?: (connection: Connection) => void;
  /**
   * For a session of one poll: called when that poll and the calls for its tip are answered, once. The tip is not
   * followed then, and the caller leaves.
   */
  readonly onPolled?: (client: NodeClient) => void;
}

export interface SessionEnd {
  /** Whether the session had subscribed to the node, or had begun to watch its tip. */
  readonly wasUp: boolean;
  /** Whether it was up for half a minute, and a poll ended: the connection works. */
  readonly wasStable: boolean;
  /** Whether the node reported that it is stopping. */
  readonly isStopping: boolean;
  readonly reason: string;
}

/** A session that ends sooner counts as a failed attempt. */
const STABLE_AFTER_MS = 30_000;

/** Delay after a disconnected block before the exporter checks whether the block below is the tip. */
const UNREPORTED_TIP_MS = 3000;

/** Interval of the checks whether the trace should start or end, which samples are too old, and whether a tip is unreported. */
const TEND_INTERVAL_MS = 1000;

export class Session {
  readonly #options: SessionOptions;
  readonly #debug: (line: string) => void;
  readonly #calls: CallLog;
  readonly #ended = Promise.withResolvers<Error>();
  readonly #pause = new Pause();
  /** Ends requests over HTTP with the session, which is safe for every node. */
  readonly #httpRpc = new AbortController();
  #connection: Connection | undefined;
  #client: NodeClient | undefined;
  /** The handshake. A pr/trace node may crash when a connection ends in the middle of it. */
  #opening: Promise<NodeClient> | undefined;
  #poller: Poller | undefined;
  #tipPolls: TipPolls | undefined;
  readonly #schedule: PollSchedule;
  #tendTimer: Timer | undefined;
  /** When the session was up, by performance.now. */
  #upSince: number | undefined;
  #hasPolled = false;
  /** The tip below the last block that was disconnected, if no block was connected and no tip reported since. */
  #unreportedTip: { readonly height: number; readonly since: number } | undefined;
  #isLeaving = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#debug = options.debug ? options.log : () => {};
    this.#calls = new CallLog({ metrics: options.metrics, log: options.log, debug: this.#debug });
    this.#schedule = new PollSchedule(options.pollIntervalMs);
  }

  /** Resolves when the session is over: the node stopped or is unreachable, or `leave` was called. Never rejects. */
  async run(): Promise<SessionEnd> {
    const { collectors, metrics } = this.#options;
    try {
      await this.#open();
    } catch (error) {
      this.#ended.resolve(error as Error);
    }
    // While polling, only a node that stops makes the client leave.
    const wasUp = this.#upSince !== undefined;
    const isStopping = wasUp && !this.#isLeaving && this.#client?.isLeaving === true;
    clearInterval(this.#tendTimer);
    collectors.setUtxoTraceActive(undefined);
    metrics.disconnected();
    collectors.endSession();
    this.#poller?.clear();
    this.#tipPolls?.clear();
    await this.#leaveAfterFailure();
    // A node that stops may have reported blocks until the end.
    collectors.endSession();
    const failure = isStopping ? undefined : await this.#ended.promise;
    const reason = failure === undefined ? "it is stopping" : errorText(failure);
    const wasStable = wasUp && this.#hasPolled && performance.now() - this.#upSince! >= STABLE_AFTER_MS;
    return { wasUp, wasStable, isStopping: isStopping || failure instanceof StoppingError, reason };
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
    this.#httpRpc.abort();
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
    const { socketPath, callTimeoutMs, layout, rpc, collectors, metrics, announce, busyClock } = this.#options;
    this.#connection = await connectUnix(socketPath, {
      deadlineMs: callTimeoutMs,
      busyClock,
      onEnd: (reason) => {
        this.#ended.resolve(reason);
        this.#httpRpc.abort();
        this.#pause.end();
      },
    });
    this.#options.onConnected?.(this.#connection);
    // Stopped while connecting: nothing is subscribed yet, so closing is enough.
    if (this.#isLeaving) this.#connection.close();
    const onCall = metrics.called;
    this.#opening = NodeClient.open(this.#connection, this.#events(), {
      callTimeoutMs,
      layout,
      onCall,
      httpRpc:
        rpc === undefined
          ? undefined
          : httpRpc(rpc.address, rpc.credentials, { deadlineMs: callTimeoutMs, signal: this.#httpRpc.signal, onCall }),
    });
    const client = await this.#opening;
    this.#client = client;
    await this.#waitForReadiness(client, this.#connection);
    // Not before: what a node supports is final once it has started.
    const polledCalls = choosePolledCalls(collectors.polled, sourcesOf(client));
    this.#tipPolls = this.#makeTipPolls(client, polledCalls);
    collectors.startSession(reportedBy(client, this.#options));
    if (this.#isToSubscribe(client)) await this.#subscribe(client);
    else await this.#startWatching(client);
    this.#upSince = performance.now();
    metrics.connected(client.layout);
    announce(
      `connected to the node at ${socketPath}: layout ${client.layout}, ${describeNode(client, rpc !== undefined)}`,
    );
    await this.#pollUntilEnd(client, polledCalls);
  }

  #isToSubscribe(client: NodeClient): boolean {
    return client.hasNotifications && this.#options.subscribe;
  }

  /** A node that stops crashes with a subscription on it, and may have begun to stop before the subscription was made. */
  async #subscribe(client: NodeClient): Promise<void> {
    await refuseStopping(client);
    await client.subscribe(this.#options.callTimeoutMs);
    await refuseStopping(client);
  }

  async #startWatching(client: NodeClient): Promise<void> {
    // A v32 node that is polled while it stops never ends: estimatesmartfee waits for a scheduler that has ended.
    if (client.jsonRpc !== undefined) await refuseStopping(client);
    // A node whose only source is Mining must support it.
    else await client.mining();
    if (this.#options.onPolled === undefined) void watchTips(this.#tipWatcher(client));
    else await readTip(this.#tipWatcher(client));
  }

  #waitForReadiness(client: NodeClient, connection: Connection): Promise<void> {
    const { socketPath, log } = this.#options;
    return waitForReadiness({
      client,
      socketPath,
      nodeHasStarted: () => nodeHasStarted(connection),
      refuseLeaving: () => this.#refuseLeaving(),
      pause: this.#pause,
      log,
      debug: this.#debug,
    });
  }

  /** Throws if the session was stopped during the handshake or a wait, or the connection has ended: no further call may be made. */
  #refuseLeaving(): void {
    if (this.#isLeaving) throw new Error("the exporter is stopping");
    if (this.#connection?.ended !== undefined) throw this.#connection.ended;
  }

  /** Handlers of the node's callbacks. The exporter also reads each block that becomes the tip. */
  #events(): ClientEvents {
    const { collectors, debug, log } = this.#options;
    const { events } = collectors;
    const chain: ChainEvents = {
      ...events,
      blockConnected: (height) => {
        events.blockConnected(height);
        this.#unreportedTip = undefined;
        // A BlockInfo without a height has -1.
        if (height >= 0) this.#tipChanged(height, Date.now());
      },
      blockDisconnected: (height) => {
        events.blockDisconnected(height);
        this.#unreportedTip = { height: height - 1, since: performance.now() };
        if (height > 0) this.#tipChanged(height - 1);
      },
      updatedBlockTip: () => {
        this.#unreportedTip = undefined;
        events.updatedBlockTip();
      },
    };
    return { chain, utxoCache: collectors.utxoCacheEvents ?? IGNORED_COINS, debug: debug ? log : undefined };
  }

  /** `arrivedMs`: when the exporter received a block that was connected just now, in Unix milliseconds. */
  #tipChanged(tip: Tip | number, arrivedMs?: number): void {
    this.#tipPolls?.tipChanged(tip, arrivedMs);
    this.#schedule.tipChanged(performance.now());
    // So that the poll loop checks again when the next poll is due.
    this.#pause.end();
  }

  #makeTipPolls(client: NodeClient, polledCalls: PolledCalls): TipPolls {
    return new TipPolls({
      client,
      calls: polledCalls.block,
      mayBeSyncing: () => this.#options.collectors.chain.initialBlockDownload !== "over",
      onError: (method, error) => this.#calls.failed(method, error),
    });
  }

  #tipWatcher(client: NodeClient): TipWatcherOptions {
    return {
      client,
      // A node with notifications may crash when the exporter disconnects while a call waits; others do not.
      pollEveryMs: client.hasNotifications ? this.#options.pollIntervalMs : undefined,
      events: { ...this.#options.collectors.chain, tipChanged: this.#options.collectors.events.updatedBlockTip },
      isSyncing: () => this.#options.collectors.chain.initialBlockDownload === "active",
      onTip: (tip, isNew) => this.#tipChanged(tip, isNew ? Date.now() : undefined),
      onStopping: () => void client.leave(Number.POSITIVE_INFINITY),
      onError: (method, error) => this.#calls.failed(method, error),
    };
  }

  async #pollUntilEnd(client: NodeClient, polledCalls: PolledCalls): Promise<void> {
    const { pollIntervalMs, callTimeoutMs, metrics } = this.#options;
    const poller = new Poller({
      client,
      calls: polledCalls,
      onAnswer: (method, value) => {
        if (this.#options.debug) this.#debug(`poll: ${method} = ${valueText(value)}`);
        this.#calls.pollAnswered();
      },
      onError: (method, error) => this.#calls.pollFailed(method, error),
    });
    this.#poller = poller;
    const trace = this.#makeTraceKeeper(client);
    /** Duration of the last complete round. One under way does not count, because the node may be stalled. */
    let lastRoundMs = 0;
    this.#tendTimer = setInterval(() => {
      void trace?.tend();
      void this.#countUnreportedTip(client);
      // A value that two polls in a row did not refresh is no longer shown.
      poller.clearOld((every) => (every + 1) * (pollIntervalMs + lastRoundMs) + callTimeoutMs);
    }, TEND_INTERVAL_MS);
    while (!client.isOver) {
      const { kind, delayMs } = this.#schedule.next(performance.now());
      if (delayMs > 0) {
        await this.#pause.wait(delayMs);
        continue;
      }
      // A node that stops is not polled: a call under way when it ends its connections may crash a v31 node.
      if (await client.isStopping()) return void client.leave(Number.POSITIVE_INFINITY);
      const start = performance.now();
      this.#schedule.started(kind, start);
      await (kind === "all" ? poller.poll() : poller.pollAfterTip());
      if (client.isOver) return;
      metrics.pollsMissed(this.#schedule.ended(performance.now()));
      if (kind === "all") {
        lastRoundMs = performance.now() - start;
        metrics.polled(lastRoundMs);
        if (!this.#hasPolled && this.#isToSubscribe(client)) void this.#readFirstTip(client);
        this.#hasPolled = true;
      }
      // This poll may have reported the end of initial block download.
      this.#tipPolls?.resume();
      if (this.#options.onPolled !== undefined) return this.#endOnePoll(client, poller, this.#options.onPolled);
      await trace?.tend();
      garbage.collectInBackground();
    }
  }

  async #endOnePoll(client: NodeClient, poller: Poller, onPolled: (client: NodeClient) => void): Promise<void> {
    await poller.pollOverdue();
    await this.#tipPolls?.settled;
    if (!client.isOver) onPolled(client);
  }

  /**
   * A node reports disconnected blocks, but the new tip only when a block is connected: after `invalidateblock` none is. In a
   * reorganization the node answers once it has connected the new branch, and then has another tip.
   */
  async #countUnreportedTip(client: NodeClient): Promise<void> {
    const tip = this.#unreportedTip;
    if (tip === undefined || performance.now() - tip.since < UNREPORTED_TIP_MS) return;
    const height = await client.queries?.getHeight().catch(() => undefined);
    // A block or a tip was reported meanwhile, or the node did not answer: then it is called again.
    if (client.isOver || height === undefined || this.#unreportedTip !== tip) return;
    this.#unreportedTip = undefined;
    if (height === tip.height) this.#options.collectors.events.updatedBlockTip();
  }

  /** Notifications report only future blocks, so this reads the current tip. */
  async #readFirstTip(client: NodeClient): Promise<void> {
    const height = await client.queries?.getHeight().catch(() => undefined);
    if (height !== undefined) this.#tipPolls?.tipChanged(height);
  }

  /** Undefined where the trace is disabled or not supported. */
  #makeTraceKeeper(client: NodeClient): TraceKeeper | undefined {
    const { collectors, utxoTrace, traceBudget, busyClock, callTimeoutMs, pollIntervalMs, log } = this.#options;
    const isWanted = utxoTrace && collectors.utxoCacheEvents !== undefined && this.#isToSubscribe(client);
    if (!isWanted || !client.hasUtxoTrace) return undefined;
    return new TraceKeeper({
      client,
      budget: traceBudget,
      clock: busyClock,
      deadlineMs: callTimeoutMs,
      retryMs: pollIntervalMs,
      mayBeSyncing: () => collectors.chain.initialBlockDownload !== "over",
      setActive: collectors.setUtxoTraceActive,
      onError: (method, error) => this.#calls.failed(method, error),
      log,
      debug: this.#debug,
    });
  }
}

async function refuseStopping(client: NodeClient): Promise<void> {
  if (await client.isStopping()) throw new StoppingError();
}

/** For a session without the trace: nothing calls it. */
const IGNORED_COINS = { add() {}, spend() {}, uncache() {} };

function valueText(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value).slice(0, 200) : String(value ?? "none");
}
