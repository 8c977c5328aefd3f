// One session to a node: handshake, subscriptions, questions, and leaving in order. Made anew for each connection.

import type { Server } from "capnp-es";
import type { ImportedCapability } from "../rpc/capability.ts";
import type { Connection } from "../rpc/connection.ts";
import { within } from "../rpc/deadline.ts";
import { RpcError } from "../rpc/errors.ts";
import type { HotReader } from "../rpc/hot-reader.ts";
import type { ChainNotifications$Client } from "../schema/chain.ts";
import type { UtxoCacheTrace$Client } from "../schema/tracing.ts";
import { CallTimeouts } from "./call-timeouts.ts";
import { CALLS, readCapability } from "./calls.ts";
import {
  type ChainEvents,
  chainNotificationsReader,
  chainNotificationsServer,
  type DebugLine,
} from "./chain-notifications.ts";
import { completeHandshake, handshake, type NodeCapabilities } from "./handshake.ts";
import { batchRpc, type JsonRpc, singleRpc } from "./json-rpc.ts";
import type { LayoutName } from "./layouts.ts";
import { type MiningQueries, miningQueries, NO_TIP } from "./mining.ts";
import { type NodeQueries, nodeQueries } from "./node-queries.ts";
import { warmupStatus } from "./readiness.ts";
import { NO_DEADLINE_MS, type Threads } from "./server-threads.ts";
import { type UtxoCacheEvents, utxoCacheTraceReader, utxoCacheTraceServer } from "./utxo-cache-trace.ts";

export interface ClientOptions {
  /** How long a call may take before it counts as failed, in milliseconds. */
  readonly callTimeoutMs: number;
  /** The layout to use; detected when undefined. */
  readonly layout?: LayoutName | undefined;
  /** JSON-RPC over HTTP, for a node that has none over IPC. */
  readonly httpRpc?: JsonRpc | undefined;
}

export interface ClientEvents {
  readonly chain: ChainEvents;
  readonly utxoCache: UtxoCacheEvents;
  /** Describes each event in a line. Making the lines takes time that a thread of the node waits for. */
  readonly debug?: DebugLine | undefined;
}

/** A registration in the node; it resolves to what ends it. */
type Registration = Promise<ImportedCapability>;

/**
 * A registration that comes late has to be ended like any other: its caller may give up, the call is never. The longest
 * that a timer takes.
 */
const NEVER = { deadlineMs: NO_DEADLINE_MS };
const REGISTERING = { ...NEVER, read: readCapability };

/** Of the time to leave, what is kept for ending the registration for notifications. */
const UNREGISTER_MS = 1500;

const FOR_LEAVING = { isForLeaving: true };

/** Leaving waits for this answer, and a flush does. It is a flag in the node, which takes no lock to read it. */
const STOPPING_DEADLINE_MS = 1000;

export class NodeClient {
  readonly #connection: Connection;
  #capabilities: NodeCapabilities;
  readonly #threads: Threads;
  /** For calls of `queries` and `mining`, which have no deadline; `jsonRpc` applies them itself. */
  readonly timeouts: CallTimeouts;
  readonly #events: ClientEvents;
  /** JSON-RPC over IPC where the node supports it, else over HTTP where that is configured. */
  readonly jsonRpc: JsonRpc | undefined;
  readonly isJsonRpcOverHttp: boolean;
  /** The registrations on this connection, made or being made; the trace's until it fails. */
  #notifications: Registration | undefined;
  #trace: Registration | undefined;
  /** Set while the trace is being ended. */
  #endingTrace: Promise<void> | undefined;
  #mining: ImportedCapability | undefined;
  /** Set while Mining is asked for: the first poll and the tip watcher may want it at once. */
  #makingMining: Promise<ImportedCapability> | undefined;
  /** The question whether the node stops, while it is asked. */
  #stopping: Promise<boolean> | undefined;
  /** Resolves when the node stops and waits for our answer to its last flush. */
  readonly #lastFlush = Promise.withResolvers<void>();
  /** Resolves when who leaves can wait for that no longer. */
  readonly #outOfPatience = Promise.withResolvers<void>();
  /** Resolves when nothing is registered any more. Set when leaving begins. */
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
    this.#threads = threads.uncanceled(callTimeoutMs);
    if (rpc !== undefined) this.jsonRpc = batchRpc(this.#threads, rpc, this.timeouts);
    else if (node !== undefined) this.jsonRpc = singleRpc(this.#threads, node, this.timeouts);
    else this.jsonRpc = httpRpc;
    this.isJsonRpcOverHttp = this.jsonRpc !== undefined && this.jsonRpc === httpRpc;
  }

  /**
   * Does the handshake on a new connection. Rejects with what the node answered;
   * the caller then closes the connection. The node may be asked more once it has started: see `warmupStatus`.
   */
  static async open(connection: Connection, events: ClientEvents, options: ClientOptions): Promise<NodeClient> {
    return new NodeClient(connection, await handshake(connection, options.layout), events, options);
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

  /**
   * What a node that is starting does; undefined once it has started and may be asked anything, or where it has no JSON-RPC
   * to be asked by.
   */
  async warmupStatus(): Promise<string | undefined> {
    if (this.jsonRpc === undefined) return undefined;
    const status = await warmupStatus(this.jsonRpc);
    if (status === undefined && this.#capabilities.mayHaveChain) {
      this.#capabilities = await completeHandshake(this.#capabilities, this.jsonRpc);
    }
    return status;
  }

  /** Mining. Nodes from v31 on answer once their chain is loaded; a v30 node must not be asked before (`nodeHasStarted`). */
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

  /** Whether `leave` was called or the connection has ended: no question should be begun any more. */
  get isOver(): boolean {
    return this.isLeaving || this.#connection.ended !== undefined;
  }

  /** Whether the node was told to stop. False when it cannot say, or not within a second. */
  async isStopping(): Promise<boolean> {
    this.#stopping ??= Promise.race([this.#askStopping(), Bun.sleep(STOPPING_DEADLINE_MS).then(() => false)])
      .catch(() => false)
      .finally(() => {
        this.#stopping = undefined;
      });
    return this.#stopping;
  }

  async #askStopping(): Promise<boolean> {
    const { threads, node } = this.#capabilities;
    if (node !== undefined) {
      const options = { deadlineMs: STOPPING_DEADLINE_MS, isForLeaving: true };
      return (await threads.call(node, CALLS.node.shutdownRequested, undefined, options)).result;
    }
    // Mining has no such question, but only a node that stops has no tip for who waits for any.
    return (await (await this.mining()).waitTipChanged(NO_TIP, 0)) === undefined;
  }

  /** Registers for blocks, mempool changes and flushes. Rejects when the node refuses, or is not through in time. */
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
   * Registers for the coins of the UTXO cache. Rejects when the node refuses, or is not through in time; to be called
   * again then. Twice in the node would be counted twice.
   */
  async traceUtxoCache(deadlineMs: number): Promise<void> {
    this.#refuseWhenLeaving();
    this.#trace ??= this.#registerTrace();
    await within(deadlineMs, this.#trace, "Tracing.traceUtxoCache");
  }

  /**
   * Ends the registration for coins, which traceUtxoCache may make anew. Rejects when the node refuses, or is not through in
   * time: then it may still be registered, and this is to be called again.
   */
  async endUtxoTrace(deadlineMs: number): Promise<void> {
    this.#refuseWhenLeaving();
    this.#endingTrace ??= this.#endTrace();
    await within(deadlineMs, this.#endingTrace, "Handler.disconnect");
  }

  /**
   * Ends every registration, gives everything back and closes the connection. A pr/trace node dies when a connection
   * closes with a registration or a call on it; so this waits until the node has let go of every object of ours and has
   * returned every call, and closes without that only when `deadlineMs`, which may be infinite, is over. Resolves to
   * whether the node was done with us. Never rejects.
   */
  async leave(deadlineMs: number): Promise<boolean> {
    // Told to leave while it leaves already: each registration is ended once.
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
    if (this.isOver) throw new RpcError("disconnected", "the exporter is leaving the node");
  }

  /** Events are read by offset, unless each is to be described in a line. */
  #readHot(server: Server, reader: HotReader): void {
    if (this.#events.debug === undefined) this.#connection.setHotReader(server, reader);
  }

  /**
   * Ends the registrations, the one for notifications last: as long as it is there, a node that stops waits for us in its
   * last flush. Once it has gone on, it closes all connections, and dies if anything is registered on one. A flush that does
   * not come in time is not waited for: what is still registered when we go is the node's death, too.
   */
  async #unregister(): Promise<void> {
    this.#capabilities.threads.startLeaving();
    await this.#endingTrace?.catch(() => {});
    await this.#disconnect(this.#trace);
    if (this.#notifications !== undefined && (await this.isStopping())) {
      await Promise.race([this.#lastFlush.promise, this.#connection.exportsReleased(), this.#outOfPatience.promise]);
    }
    await this.#disconnect(this.#notifications);
  }

  async #disconnect(registration: Registration | undefined): Promise<void> {
    const handler = await registration?.catch(() => undefined);
    if (handler === undefined) return;
    // A failure shows in the exports that the node keeps.
    await this.#capabilities.threads.call(handler, CALLS.handler.disconnect, undefined, FOR_LEAVING).catch(() => {});
    handler.close();
  }

  /** Resolves to true when the node is done with us: it has let go of our objects and returned our calls. */
  async #ended(): Promise<boolean> {
    await this.#connection.exportsReleased();
    await this.#capabilities.threads.quiet();
    return true;
  }

  /** What the answer to a flush waits for: nothing, unless the node stops. */
  async #flushed(): Promise<void> {
    // The node may have been told to stop after it answered a question that is under way. What is asked once that has ended,
    // by whomever, is asked after the flush came.
    await this.#stopping;
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
