// One connection to a node, from connect to disconnect: handshake, readiness, subscribing or watching the tip, polling.

import type { Collectors } from "../collectors/catalogue.ts";
import type { ExporterCollector } from "../collectors/exporter.ts";
import type { ChainEvents } from "../node/chain-notifications.ts";
import { type ClientEvents, NodeClient } from "../node/client.ts";
import { httpRpc } from "../node/http-rpc.ts";
import { StoppingError } from "../node/layouts.ts";
import { connectUnix, nodeHasStarted } from "../node/socket.ts";
import type { Options } from "../options.ts";
import type { BusyClock } from "../rpc/busy-clock.ts";
import type { Connection } from "../rpc/connection.ts";
import { errorText } from "../rpc/errors.ts";
import { CallLog } from "./call-log.ts";
import { Pause } from "./pause.ts";
import { Polling } from "./polling.ts";
import { waitForReadiness } from "./readiness.ts";
import { describeNode, reportedBy } from "./supported.ts";
import { readTip, type TipWatcherOptions, watchTips } from "./tip-watcher.ts";
import type { TraceBudget } from "./trace-budget.ts";

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
  #polling: Polling | undefined;
  /** When the session was up, by performance.now. */
  #upSince: number | undefined;
  #isLeaving = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#debug = options.debug ? options.log : () => {};
    this.#calls = new CallLog({ metrics: options.metrics, log: options.log, debug: this.#debug });
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
    collectors.setUtxoTraceActive(undefined);
    metrics.disconnected();
    collectors.endSession();
    this.#polling?.clear();
    await this.#leaveAfterFailure();
    // A node that stops may have reported blocks until the end.
    collectors.endSession();
    const failure = isStopping ? undefined : await this.#ended.promise;
    const reason = failure === undefined ? "it is stopping" : errorText(failure);
    const wasStable =
      wasUp && this.#polling?.hasPolled === true && performance.now() - this.#upSince! >= STABLE_AFTER_MS;
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
    const isSubscribed = client.hasNotifications && this.#options.subscribe;
    const polling = new Polling({
      ...this.#options,
      client,
      isSubscribed,
      callLog: this.#calls,
      debug: this.#options.debug ? this.#debug : undefined,
      pause: this.#pause,
    });
    this.#polling = polling;
    collectors.startSession(reportedBy(client, this.#options));
    if (isSubscribed) await this.#subscribe(client);
    else await this.#startWatching(client, polling);
    this.#upSince = performance.now();
    metrics.connected(client.layout);
    announce(
      `connected to the node at ${socketPath}: layout ${client.layout}, ${describeNode(client, rpc !== undefined)}`,
    );
    await polling.run();
  }

  /** A node that stops crashes with a subscription on it, and may have begun to stop before the subscription was made. */
  async #subscribe(client: NodeClient): Promise<void> {
    await refuseStopping(client);
    await client.subscribe(this.#options.callTimeoutMs);
    await refuseStopping(client);
  }

  async #startWatching(client: NodeClient, polling: Polling): Promise<void> {
    // A v32 node that is polled while it stops never ends: estimatesmartfee waits for a scheduler that has ended.
    if (client.jsonRpc !== undefined) await refuseStopping(client);
    // A node whose only source is Mining must support it.
    else await client.mining();
    if (this.#options.onPolled === undefined) void watchTips(this.#tipWatcher(client, polling));
    else await readTip(this.#tipWatcher(client, polling));
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
        this.#polling?.blockConnected(height);
      },
      blockDisconnected: (height) => {
        events.blockDisconnected(height);
        this.#polling?.blockDisconnected(height);
      },
      updatedBlockTip: () => {
        this.#polling?.tipReported();
        events.updatedBlockTip();
      },
    };
    return { chain, utxoCache: collectors.utxoCacheEvents ?? IGNORED_COINS, debug: debug ? log : undefined };
  }

  #tipWatcher(client: NodeClient, polling: Polling): TipWatcherOptions {
    return {
      client,
      // A node with notifications may crash when the exporter disconnects while a call waits; others do not.
      pollEveryMs: client.hasNotifications ? this.#options.pollIntervalMs : undefined,
      events: { ...this.#options.collectors.chain, tipChanged: this.#options.collectors.events.updatedBlockTip },
      isSyncing: () => this.#options.collectors.chain.initialBlockDownload === "active",
      onTip: (tip, isNew) => polling.tipChanged(tip, isNew ? Date.now() : undefined),
      onStopping: () => void client.leave(Number.POSITIVE_INFINITY),
      onError: (method, error) => this.#calls.failed(method, error),
    };
  }
}

async function refuseStopping(client: NodeClient): Promise<void> {
  if (await client.isStopping()) throw new StoppingError();
}

/** For a session without the trace: nothing calls it. */
const IGNORED_COINS = { add() {}, spend() {}, uncache() {} };
