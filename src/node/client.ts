// One connection to a node: handshake, subscriptions, calls, and disconnecting in order. Session makes one per connection.

import type { Server } from "capnp-es";
import type { ImportedCapability } from "../rpc/capability.ts";
import type { Connection } from "../rpc/connection.ts";
import { within } from "../rpc/deadline.ts";
import { RpcError } from "../rpc/errors.ts";
import type { HotReader } from "../rpc/hot-reader.ts";
import type { ChainNotifications$Client } from "../schema/chain.ts";
import type { UtxoCacheTrace$Client } from "../schema/tracing.ts";
import { CallTimeouts } from "./call-timeouts.ts";
import { CALLS, type OnCall, readCapability } from "./calls.ts";
import {
  type ChainEvents,
  chainNotificationsReader,
  chainNotificationsServer,
  type DebugLine,
} from "./chain-notifications.ts";
import { completeHandshake, handshake, type NodeCapabilities } from "./handshake.ts";
import { batchRpc, type JsonRpc, singleRpc } from "./json-rpc.ts";
import { type LayoutName, StoppingError } from "./layouts.ts";
import { type MiningQueries, miningQueries, NO_TIP } from "./mining.ts";
import { type NodeQueries, nodeQueries } from "./node-queries.ts";
import { NO_DEADLINE_MS, type Threads } from "./server-threads.ts";
import { StopGuard } from "./stop-guard.ts";
import { type UtxoCacheEvents, utxoCacheTraceReader, utxoCacheTraceServer } from "./utxo-cache-trace.ts";
import { warmupStatus } from "./warmup.ts";

export interface ClientOptions {
  /** How long a call may take before it counts as failed, in milliseconds. */
  readonly callTimeoutMs: number;
  /** The layout to use; detected when undefined. */
  readonly layout?: LayoutName | undefined;
  /** JSON-RPC over HTTP, for a node that has none over IPC. */
  readonly httpRpc?: JsonRpc | undefined;
  /** For calls over IPC; `httpRpc` has its own. */
  readonly onCall?: OnCall;
}

export interface ClientEvents {
  readonly chain: ChainEvents;
  readonly utxoCache: UtxoCacheEvents;
  /** Logs each event in a line. A thread of the node waits while the line is made. */
  readonly debug?: DebugLine | undefined;
}

/** A subscription of ours in the node. Resolves to the handler that ends it. */
type Registration = Promise<ImportedCapability>;

/** A registration that completes late must be ended like any other. So its call is never canceled, even if no caller waits. */
const NEVER = { deadlineMs: NO_DEADLINE_MS };
const REGISTERING = { ...NEVER, read: readCapability };

/** The part of the deadline of `leave` that is reserved for ending the registration for notifications. */
const UNREGISTER_MS = 1500;

const FOR_LEAVING = { isForLeaving: true };

export class NodeClient {
  readonly #connection: Connection;
  #capabilities: NodeCapabilities;
  readonly #threads: Threads;
  readonly #stopGuard: StopGuard;
  /** For calls of `queries` and `mining`, which have no deadline of their own; `jsonRpc` applies them itself. */
  readonly timeouts: CallTimeouts;
  readonly #events: ClientEvents;
  /** JSON-RPC over IPC where the node supports it, else over HTTP where that is configured. */
  readonly jsonRpc: JsonRpc | undefined;
  readonly isJsonRpcOverHttp: boolean;
  /** The registrations on this connection, complete or under way. The trace's is undefined again once it has failed. */
  #notifications: Registration | undefined;
  #trace: Registration | undefined;
  /** Set while the trace is being ended. */
  #endingTrace: Promise<void> | undefined;
  /** Whether `warmupStatus` has resolved to undefined. */
  #hasStarted = false;
  #mining: ImportedCapability | undefined;
  /** Set while the call for Mining is under way: the first poll and the tip watcher may need it at the same time. */
  #makingMining: Promise<ImportedCapability> | undefined;
  /** Resolves when the node is stopping and waits for our answer to its last flush. */
  readonly #lastFlush = Promise.withResolvers<void>();
  /** Resolves when `leave` must not wait any longer for that flush. */
  readonly #outOfPatience = Promise.withResolvers<void>();
  /** Resolves when all registrations have ended. Set when `leave` is called. */
  #unregistered: Promise<void> | undefined;

  private constructor(
    connection: Connection,
    capabilities: NodeCapabilities,
    events: ClientEvents,
    { callTimeoutMs, httpRpc }: ClientOptions,
  ) {
    this.#connection = connection;
    this.#capabilities = capabilities;
    this.#events = events;
    const { node, rpc, threads } = capabilities;
    this.timeouts = new CallTimeouts(callTimeoutMs);
    this.#stopGuard = new StopGuard({
      // Not while it starts: a stop then ends the warm-up, too.
      isKnown: () => (this.#hasStarted && this.#capabilities.node !== undefined) || this.#mining !== undefined,
      isLockFree: () => this.#capabilities.node !== undefined,
      isStopping: () => this.#reportsStop(),
      onStopping: () => void this.leave(Number.POSITIVE_INFINITY),
    });
    this.#threads = this.#stopGuard.threads(threads.uncanceled(callTimeoutMs));
    if (rpc !== undefined) this.jsonRpc = this.#stopGuard.rpc(batchRpc(this.#threads, rpc, this.timeouts));
    else if (node !== undefined) this.jsonRpc = this.#stopGuard.rpc(singleRpc(this.#threads, node, this.timeouts));
    // The node's HTTP server stops before what its methods wait for.
    else this.jsonRpc = httpRpc;
    this.isJsonRpcOverHttp = this.jsonRpc !== undefined && this.jsonRpc === httpRpc;
  }

  /**
   * Does the handshake on a new connection. Rejects with the node's error; the caller then closes the connection. Calls that need
   * the chain must wait until the node has started: see `warmupStatus`.
   */
  static async open(connection: Connection, events: ClientEvents, options: ClientOptions): Promise<NodeClient> {
    return new NodeClient(connection, await handshake(connection, options.layout, options.onCall), events, options);
  }

  /** What the node supports is final once `warmupStatus` has resolved to undefined. */
  get layout(): LayoutName {
    return this.#capabilities.layout;
  }

  /** Chain and Node, where the node supports both. */
  get queries(): NodeQueries | undefined {
    const { chain, node } = this.#capabilities;
    return chain === undefined || node === undefined ? undefined : nodeQueries(this.#threads, chain, node);
  }

  get hasNotifications(): boolean {
    return this.#capabilities.chain !== undefined;
  }

  get hasUtxoTrace(): boolean {
    return this.#capabilities.tracing !== undefined;
  }

  /** What a starting node is doing; undefined once it has started, and on a node without JSON-RPC. */
  async warmupStatus(): Promise<string | undefined> {
    if (this.jsonRpc === undefined) return undefined;
    const status = await warmupStatus(this.jsonRpc);
    if (status === undefined && this.#capabilities.mayHaveChain) {
      this.#capabilities = await completeHandshake(this.#capabilities, this.jsonRpc);
    }
    this.#hasStarted = status === undefined;
    return status;
  }

  /** Mining. Nodes from v31 on answer once their chain is loaded. A v30 node crashes if called before (`nodeHasStarted`). */
  async mining(): Promise<MiningQueries> {
    if (this.#mining === undefined) {
      this.#makingMining ??= this.#capabilities.makeMining().finally(() => {
        this.#makingMining = undefined;
      });
      this.#mining = await this.#makingMining;
    }
    return miningQueries(this.#threads, this.#mining, this.layout);
  }

  /** Whether `leave` was called. */
  get isLeaving(): boolean {
    return this.#unregistered !== undefined;
  }

  /** Whether `leave` was called or the connection has ended: no further call should be made. */
  get isOver(): boolean {
    return this.isLeaving || this.#connection.ended !== undefined;
  }

  /** Whether the node is stopping. False when it does not support the call, or does not answer within a second. */
  isStopping(): Promise<boolean> {
    return this.#stopGuard.isStopping();
  }

  async #reportsStop(): Promise<boolean> {
    const { threads, node } = this.#capabilities;
    if (node !== undefined) {
      return (await threads.call(node, CALLS.node.shutdownRequested, undefined, { ...NEVER, ...FOR_LEAVING })).result;
    }
    // Mining has no such method. But a wait for any tip returns none only if the node is stopping.
    try {
      return (await (await this.mining()).waitTipChanged(NO_TIP, 0)) === undefined;
    } catch (error) {
      if (error instanceof StoppingError) return true;
      throw error;
    }
  }

  /** Subscribes to blocks, mempool changes and flushes. Rejects when the node refuses, or does not answer in time. */
  async subscribe(deadlineMs: number): Promise<void> {
    const { threads, chain } = this.#capabilities;
    const { chain: events, debug } = this.#events;
    const server = chainNotificationsServer(events, debug, () => this.#flushed());
    this.#readHot(server, chainNotificationsReader(events));
    this.#refuseWhenLeaving();
    if (chain === undefined) throw this.#lacks("notifications");
    const fill = (params: { notifications: ChainNotifications$Client }) => {
      params.notifications = server.client();
    };
    this.#notifications = registrationOf(threads.call(chain, CALLS.chain.handleNotifications, fill, REGISTERING));
    await within(deadlineMs, this.#notifications, "Chain.handleNotifications");
  }

  /**
   * Subscribes to the coins of the UTXO cache. Rejects when the node refuses, or does not answer in time; call it again then. It
   * registers once at most, because two registrations would count each coin twice.
   */
  async traceUtxoCache(deadlineMs: number): Promise<void> {
    this.#refuseWhenLeaving();
    this.#trace ??= this.#registerTrace();
    await within(deadlineMs, this.#trace, "Tracing.traceUtxoCache");
  }

  /**
   * Unsubscribes from the coins; `traceUtxoCache` may subscribe again. Rejects when the node refuses, or does not answer in time.
   * The registration may then still exist, and this must be called again.
   */
  async endUtxoTrace(deadlineMs: number): Promise<void> {
    this.#refuseWhenLeaving();
    this.#endingTrace ??= this.#endTrace();
    await within(deadlineMs, this.#endingTrace, "Handler.disconnect");
  }

  /**
   * Ends every registration, releases every capability and closes the connection. A pr/trace node crashes if a connection closes
   * with a registration or a call on it. So this waits until the node has released every object of ours and returned every call,
   * or until `deadlineMs`, which may be infinite, is over. Resolves to whether the node did so in time. Never rejects.
   */
  async leave(deadlineMs: number): Promise<boolean> {
    // `leave` may be called again meanwhile: each registration is ended once.
    this.#unregistered ??= this.#unregister();
    const { promise: timeout, resolve } = Promise.withResolvers<boolean>();
    const isPatient = !Number.isFinite(deadlineMs);
    const timer = isPatient ? undefined : setTimeout(() => resolve(false), deadlineMs);
    const patienceMs = Math.max(0, deadlineMs - UNREGISTER_MS);
    const patience = isPatient ? undefined : setTimeout(this.#outOfPatience.resolve, patienceMs);
    const inOrder = await Promise.race([timeout, this.#unregistered.then(() => this.#ended())]);
    clearTimeout(timer);
    clearTimeout(patience);
    const { init, threads, chain, node, tracing, rpc } = this.#capabilities;
    for (const owned of [this.#mining, rpc, tracing, node, chain, threads, init]) owned?.close();
    this.#connection.close();
    return inOrder;
  }

  #registerTrace(): Registration {
    const { threads, tracing } = this.#capabilities;
    const { utxoCache: events, debug } = this.#events;
    const server = utxoCacheTraceServer(events, debug);
    this.#readHot(server, utxoCacheTraceReader(events));
    if (tracing === undefined) throw this.#lacks("UTXO trace");
    const fill = (params: { callback: UtxoCacheTrace$Client }) => {
      params.callback = server.client();
    };
    const registration = registrationOf(threads.call(tracing, CALLS.tracing.traceUtxoCache, fill, REGISTERING));
    registration.catch(() => {
      this.#trace = undefined;
    });
    return registration;
  }

  async #endTrace(): Promise<void> {
    try {
      const handler = await this.#trace;
      if (handler === undefined) return;
      await this.#capabilities.threads.call(handler, CALLS.handler.disconnect, undefined, {
        ...NEVER,
        ...FOR_LEAVING,
      });
      handler.close();
      this.#trace = undefined;
    } finally {
      this.#endingTrace = undefined;
    }
  }

  #lacks(what: string): RpcError {
    return new RpcError("unimplemented", `a node of layout ${this.layout} has no ${what}`);
  }

  #refuseWhenLeaving(): void {
    if (this.isOver) throw new RpcError("disconnected", "the exporter is disconnecting");
  }

  /** Reads events by offset, unless the debug log describes each in a line. */
  #readHot(server: Server, reader: HotReader): void {
    if (this.#events.debug === undefined) this.#connection.exports.setHotReader(server, reader);
  }

  /**
   * Ends the registrations, the one for notifications last: while it exists, a stopping node waits for our answer to its last
   * flush. After that answer the node closes all connections, and crashes if a registration is left on one. If the flush does not
   * come in time, the registration is ended without it, because disconnecting with a registration crashes the node as well.
   */
  async #unregister(): Promise<void> {
    this.#capabilities.threads.startLeaving();
    await this.#endingTrace?.catch(() => {});
    await this.#disconnect(this.#trace);
    if (this.#notifications !== undefined && (await this.isStopping())) {
      await Promise.race([this.#lastFlush.promise, this.#connection.exports.released(), this.#outOfPatience.promise]);
    }
    await this.#disconnect(this.#notifications);
  }

  async #disconnect(registration: Registration | undefined): Promise<void> {
    const handler = await registration?.catch(() => undefined);
    if (handler === undefined) return;
    // After a failure the node keeps our object, and `#ended` does not resolve.
    await this.#capabilities.threads.call(handler, CALLS.handler.disconnect, undefined, FOR_LEAVING).catch(() => {});
    handler.close();
  }

  /** Resolves to true when the node has released our objects and returned our calls. */
  async #ended(): Promise<boolean> {
    await this.#connection.exports.released();
    await this.#capabilities.threads.quiet();
    return true;
  }

  /** The answer to a flush waits for this. It resolves at once, unless the node is stopping. */
  async #flushed(): Promise<void> {
    // The answer to a call under way may be from before the stop. The next call starts after the flush has arrived.
    await this.#stopGuard.answered();
    if (!(await this.isStopping())) return;
    this.#lastFlush.resolve();
    void this.leave(Number.POSITIVE_INFINITY);
    await this.#unregistered;
  }
}

function registrationOf(registration: Registration): Registration {
  registration.catch(() => {});
  return registration;
}
