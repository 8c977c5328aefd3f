// The socket of the simulated node: a connection for each client, and one queue of events for all of them.

import type { Socket, UnixSocketListener } from "bun";
import { transportOf } from "../../src/node/socket.ts";
import type { NodeEvent } from "./chain.ts";
import { NodeClient } from "./client.ts";
import type { NodeState } from "./state.ts";
import type { Tally } from "./tally.ts";

export class NodeServer {
  readonly #state: NodeState;
  readonly #tally: Tally;
  readonly #clients = new Map<Socket<undefined>, NodeClient>();
  #listener: UnixSocketListener<undefined> | undefined;
  /** The end of the queue: resolves when every event is answered. */
  #answered: Promise<void> = Promise.resolve();
  /** Clients that disconnected without unsubscribing. */
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
        open: (socket) => this.#accept(socket),
        data: (socket, chunk) => this.#clients.get(socket)?.connection.receive(chunk),
        drain: (socket) => this.#clients.get(socket)?.connection.drained(),
        close: (socket) => this.#clients.get(socket)?.connection.disconnected("the client closed the socket"),
        error: (socket, error) => this.#clients.get(socket)?.connection.disconnected(error.message),
      },
    });
  }

  /**
   * Notifies the clients of `events` after all earlier ones. As in a node, the next event waits until every client has
   * answered. Resolves when all are answered.
   */
  notify(events: readonly NodeEvent[]): Promise<void> {
    this.#answered = this.#answered.then(() => this.#notifyNow(events));
    return this.#answered;
  }

  /** Drops the clients and closes the socket. */
  close(): void {
    this.#listener?.stop();
    this.#listener = undefined;
    for (const client of this.#clients.values()) client.drop();
  }

  async #notifyNow(events: readonly NodeEvent[]): Promise<void> {
    for (const event of events) {
      for (const client of this.#clients.values()) await client.notify(event);
    }
  }

  #accept(socket: Socket<undefined>): void {
    const client = new NodeClient(transportOf(socket), this.#state, this.#tally, (unclean) => {
      this.#clients.delete(socket);
      if (unclean) this.uncleanLeaves++;
    });
    this.#clients.set(socket, client);
  }
}
