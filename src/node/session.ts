// One visit to a node: handshake, subscriptions, questions, and leaving in order. Made anew for each connection.

import type { Server } from "capnp-es";
import type { ImportedCapability } from "../rpc/capability.ts";
import type { Connection } from "../rpc/connection.ts";
import { RpcError } from "../rpc/errors.ts";
import type { HotReader } from "../rpc/hot-path.ts";
import { Chain$Client } from "../schema/chain.ts";
import { Handler$Client } from "../schema/handler.ts";
import { Tracing$Client } from "../schema/tracing.ts";
import {
  type ChainEvents,
  chainNotificationsReader,
  chainNotificationsServer,
  type DebugLine,
} from "./chain-notifications.ts";
import { handshake, type NodeCapabilities } from "./handshake.ts";
import { type NodeQueries, nodeQueries } from "./node-queries.ts";
import { warmupStatus } from "./readiness.ts";
import { type UtxoCacheEvents, utxoCacheTraceReader, utxoCacheTraceServer } from "./utxo-cache-trace.ts";

const handleNotifications = Chain$Client.methods[39];
const [traceUtxoCache] = Tracing$Client.methods;
const [, disconnect] = Handler$Client.methods;

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
  readonly queries: NodeQueries;
  /** Everything that was ever registered on this connection, or is being. */
  readonly #registrations: Registration[] = [];
  #isLeaving = false;

  private constructor(connection: Connection, capabilities: NodeCapabilities, events: SessionEvents) {
    this.#connection = connection;
    this.#capabilities = capabilities;
    this.#events = events;
    this.queries = nodeQueries(capabilities);
  }

  /**
   * Shakes hands on a fresh connection. Rejects with what the node answered; the caller then closes the connection.
   * Before anything else is asked, the node has to have started: see `warmupStatus`.
   */
  static async open(connection: Connection, events: SessionEvents): Promise<NodeSession> {
    return new NodeSession(connection, await handshake(connection), events);
  }

  /** What a node that is still starting is doing; undefined once it has started and may be asked anything. */
  warmupStatus(): Promise<string | undefined> {
    return warmupStatus(this.#capabilities);
  }

  /** Whether `leave` was called: no question should be begun any more. */
  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  /** Registers for blocks, mempool changes and flushes. Rejects when the node refuses. */
  async subscribe(): Promise<void> {
    const { threads, chain } = this.#capabilities;
    const { chain: events, debug } = this.#events;
    const server = chainNotificationsServer(events, debug);
    this.#readHot(server, chainNotificationsReader(events));
    await this.#register(() =>
      threads.call(chain, handleNotifications, (params) => {
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
    await this.#register(() =>
      threads.call(tracing, traceUtxoCache, (params) => {
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
    const { init, threads, chain, node, tracing } = this.#capabilities;
    for (const owned of [tracing, node, chain, threads, init]) owned.close();
    this.#connection.close();
    return inOrder;
  }

  async #register(register: () => Promise<{ result: Handler$Client }>): Promise<void> {
    if (this.#isLeaving) throw new RpcError("disconnected", "the exporter is leaving the node");
    const registration = register().then(({ result }) => result.client as ImportedCapability);
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
      await this.#capabilities.threads.call(handler, disconnect).catch(() => {});
      handler.close();
    }
    await this.#connection.exportsReleased();
  }
}
