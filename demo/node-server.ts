// The socket of the simulated node: a connection for each client, and one thread, in effect, that tells them what happens.

import type { Socket, UnixSocketListener } from "bun";
import { transportOf } from "../src/node/socket.ts";
import { NodeClient } from "./node-client.ts";
import type { NodeState } from "./node-state.ts";
import type { NodeEvent } from "./simulated-chain.ts";
import type { Tally } from "./tally.ts";

export class NodeServer {
  readonly #state: NodeState;
  readonly #tally: Tally;
  readonly #clients = new Map<Socket<undefined>, NodeClient>();
  #listener: UnixSocketListener<undefined> | undefined;
  /** The end of the queue of events: resolves when all were told. */
  #told: Promise<void> = Promise.resolve();
  /** Clients that went with something registered. */
  uncleanLeaves = 0;

  constructor(state: NodeState, tally: Tally) {
    this.#state = state;
    this.#tally = tally;
  }

  get subscriptions(): number {
    return this.#clients.values().reduce((sum, client) => sum + client.subscriptions, 0);
  }

  /** Throws the system's error when it cannot listen at `socketPath`. */
  listen(socketPath: string): void {
    this.#listener = Bun.listen<undefined>({
      unix: socketPath,
      socket: {
        open: (socket) => this.#welcome(socket),
        data: (socket, chunk) => this.#clients.get(socket)?.connection.receive(chunk),
        drain: (socket) => this.#clients.get(socket)?.connection.drained(),
        close: (socket) => this.#clients.get(socket)?.connection.disconnected("the client closed the socket"),
        error: (socket, error) => this.#clients.get(socket)?.connection.disconnected(error.message),
      },
    });
  }

  /**
   * Tells the clients what happened, after all that happened before. As in a node, one event is on its way at a time: the
   * next waits until every client has answered. Resolves when all are told.
   */
  tell(events: readonly NodeEvent[]): Promise<void> {
    this.#told = this.#told.then(() => this.#tellNow(events));
    return this.#told;
  }

  /** Drops the clients and closes the socket. */
  close(): void {
    this.#listener?.stop();
    this.#listener = undefined;
    for (const client of this.#clients.values()) client.drop();
  }

  async #tellNow(events: readonly NodeEvent[]): Promise<void> {
    for (const event of events) {
      for (const client of this.#clients.values()) await client.tell(event);
    }
  }

  #welcome(socket: Socket<undefined>): void {
    const client = new NodeClient(transportOf(socket), this.#state, this.#tally, (unclean) => {
      this.#clients.delete(socket);
      if (unclean) this.uncleanLeaves++;
    });
    this.#clients.set(socket, client);
  }
}
