// One visit to a node: handshake, sources, subscriptions, and leaving in order. Made anew for each connection.

import type { Server } from "capnp-es";
import type { ImportedCapability } from "../rpc/capability.ts";
import type { Connection } from "../rpc/connection.ts";
import { RpcError } from "../rpc/errors.ts";
import type { HotReader } from "../rpc/hot-path.ts";
import type { Handler$Client } from "../schema/handler.ts";
import { CALLS } from "./calls.ts";
import {
  type ChainEvents,
  chainNotificationsReader,
  chainNotificationsServer,
  type DebugLine,
} from "./chain-notifications.ts";
import { handshake, type NodeCapabilities } from "./handshake.ts";
import { batchRpc, type JsonRpc, singleRpc } from "./json-rpc.ts";
import type { LayoutName } from "./layouts.ts";
import { type MiningQueries, miningQueries } from "./mining.ts";
import { type NodeQueries, nodeQueries } from "./node-queries.ts";
import { warmupStatus } from "./readiness.ts";
import { type UtxoCacheEvents, utxoCacheTraceReader, utxoCacheTraceServer } from "./utxo-cache-trace.ts";

export interface SessionEvents {
  readonly chain: ChainEvents;
  readonly utxoCache: UtxoCacheEvents;
  /** Describes each event in a line. Making the lines takes time that a thread of the node waits for. */
  readonly debug?: DebugLine | undefined;
}

/** A registration in the node; it resolves to what ends it. */
type Registration = Promise<ImportedCapability>;

export class NodeSession {
  readonly #connection: Connection;
  readonly #capabilities: NodeCapabilities;
  readonly #events: SessionEvents;
  /** Chain and Node, where the node offers both. */
  readonly queries: NodeQueries | undefined;
  /** JSON-RPC over IPC, where the node offers it. */
  readonly jsonRpc: JsonRpc | undefined;
  /** Everything that was ever registered on this connection, or is being. */
  readonly #registrations: Registration[] = [];
  #mining: ImportedCapability | undefined;
  /** Set while Mining is asked for: the first poll and the tip watcher may want it at once. */
  #makingMining: Promise<ImportedCapability> | undefined;
  #isLeaving = false;

  private constructor(connection: Connection, capabilities: NodeCapabilities, events: SessionEvents) {
    this.#connection = connection;
    this.#capabilities = capabilities;
    this.#events = events;
    const { threads, chain, node, rpc } = capabilities;
    if (chain !== undefined && node !== undefined) this.queries = nodeQueries(threads, chain, node);
    if (rpc !== undefined) this.jsonRpc = batchRpc(threads, rpc);
    else if (node !== undefined) this.jsonRpc = singleRpc(threads, node);
  }

  /**
   * Shakes hands on a fresh connection, in the layout that is found unless one is given. Rejects with what the node
   * answered; the caller then closes the connection. Before anything else is asked, the node has to have started: see
   * `warmupStatus`.
   */
  static async open(connection: Connection, events: SessionEvents, layout?: LayoutName): Promise<NodeSession> {
    return new NodeSession(connection, await handshake(connection, layout), events);
  }

  get layout(): LayoutName {
    return this.#capabilities.layout;
  }

  get hasNotifications(): boolean {
    return this.#capabilities.chain !== undefined;
  }

  get hasUtxoTrace(): boolean {
    return this.#capabilities.tracing !== undefined;
  }

  /** Whether `leave` was called or the connection has ended: no question should be begun any more. */
  get isOver(): boolean {
    return this.#isLeaving || this.#connection.ended !== undefined;
  }

  /**
   * What a node that is still starting is doing; undefined once it has started and may be asked anything, or where there
   * is no way to ask.
   */
  async warmupStatus(): Promise<string | undefined> {
    return this.jsonRpc === undefined ? undefined : warmupStatus(this.jsonRpc);
  }

  /** The Mining interface. Newer nodes hand it out only when their chain is loaded: to be asked for after the start. */
  async mining(): Promise<MiningQueries> {
    if (this.#mining === undefined) {
      this.#makingMining ??= this.#capabilities.makeMining().finally(() => {
        this.#makingMining = undefined;
      });
      this.#mining = await this.#makingMining;
    }
    return miningQueries(this.#capabilities.threads, this.#mining, this.layout);
  }

  /** Registers for blocks, mempool changes and flushes. Rejects when the node refuses. */
  async subscribe(): Promise<void> {
    const { threads, chain } = this.#capabilities;
    const { chain: events, debug } = this.#events;
    const server = chainNotificationsServer(events, debug);
    this.#readHot(server, chainNotificationsReader(events));
    await this.#register(chain, (chain) =>
      threads.call(chain, CALLS.chain.handleNotifications, (params) => {
        params.notifications = server.client();
      }),
    );
  }

  /** Registers for the coins of the UTXO cache. Rejects when the node refuses. */
  async traceUtxoCache(): Promise<void> {
    const { threads, tracing } = this.#capabilities;
    const { utxoCache: events, debug } = this.#events;
    const server = utxoCacheTraceServer(events, debug);
    this.#readHot(server, utxoCacheTraceReader(events));
    await this.#register(tracing, (tracing) =>
      threads.call(tracing, CALLS.tracing.traceUtxoCache, (params) => {
        params.callback = server.client();
      }),
    );
  }

  /**
   * Ends every registration, gives everything back and closes the connection. A pr/trace node dies when a connection
   * closes with a registration on it; so this waits until the node has let go of every object of ours, and closes without
   * that only when `deadlineMs` is over. Resolves to whether the node had let go. Never rejects.
   */
  async leave(deadlineMs: number): Promise<boolean> {
    this.#isLeaving = true;
    const { promise: timeout, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, deadlineMs);
    await Promise.race([timeout, this.#endRegistrations()]);
    const inOrder = this.#connection.sizes.exports === 0;
    clearTimeout(timer);
    const { init, threads, chain, node, tracing, rpc } = this.#capabilities;
    for (const owned of [this.#mining, rpc, tracing, node, chain, threads, init]) owned?.close();
    this.#connection.close();
    return inOrder;
  }

  async #register(
    capability: ImportedCapability | undefined,
    register: (capability: ImportedCapability) => Promise<{ result: Handler$Client }>,
  ): Promise<void> {
    if (this.#isLeaving) throw new RpcError("disconnected", "the exporter is leaving the node");
    if (capability === undefined)
      throw new RpcError("unimplemented", `a node of layout ${this.layout} has no such events`);
    const registration = register(capability).then(({ result }) => result.client as ImportedCapability);
    this.#registrations.push(registration);
    await registration;
  }

  /** Events are read by offset, unless each is to be described in a line. */
  #readHot(server: Server, reader: HotReader): void {
    if (this.#events.debug === undefined) this.#connection.setHotReader(server, reader);
  }

  async #endRegistrations(): Promise<void> {
    for (const registration of await Promise.allSettled(this.#registrations)) {
      if (registration.status === "rejected") continue;
      const handler = registration.value;
      // A failure shows in the exports that the node keeps.
      await this.#capabilities.threads.call(handler, CALLS.handler.disconnect).catch(() => {});
      handler.close();
    }
    await this.#connection.exportsReleased();
  }
}
