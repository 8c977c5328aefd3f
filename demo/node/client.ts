// One client of the simulated node: its connection, its threads and its subscriptions.

import type { Client } from "capnp-es";
import type { ImportedCapability } from "../../src/rpc/capability.ts";
import { Connection, type Transport } from "../../src/rpc/connection.ts";
import { DeadlineError } from "../../src/rpc/errors.ts";
import type { Callback } from "./callbacks.ts";
import type { NodeEvent } from "./chain.ts";
import { type Host, initObject } from "./objects.ts";
import type { NodeState } from "./state.ts";
import { Subscription } from "./subscription.ts";
import type { Tally } from "./tally.ts";

/** A real node waits without limit. This one disconnects a client that does not answer. */
const ANSWER_DEADLINE_MS = 30_000;

export class NodeClient implements Host {
  readonly state: NodeState;
  readonly tally: Tally;
  readonly threads = new Set<Client>();
  readonly connection: Connection;
  readonly #subscriptions = new Set<Subscription>();

  /** `onEnd` gets whether the client disconnected without unsubscribing, which crashes a real node. */
  constructor(transport: Transport, state: NodeState, tally: Tally, onEnd: (unclean: boolean) => void) {
    this.state = state;
    this.tally = tally;
    this.connection = new Connection({
      transport,
      bootstrap: initObject(this),
      deadlineMs: ANSWER_DEADLINE_MS,
      onEnd: () => onEnd(this.#subscriptions.size > 0),
    });
  }

  get subscriptions(): number {
    return this.#subscriptions.size;
  }

  subscribe(object: ImportedCapability, callback: Callback): Subscription {
    const subscription: Subscription = new Subscription(object, callback, () =>
      this.#subscriptions.delete(subscription),
    );
    this.#subscriptions.add(subscription);
    return subscription;
  }

  /** Calls each of the client's objects in turn, and waits for each answer. */
  async notify(event: NodeEvent): Promise<void> {
    for (const subscription of this.#subscriptions) {
      try {
        if (await subscription.notify(event)) this.tally.add(event);
      } catch (error) {
        // An exception is an answer too, but the client may not have counted the event, so the tally does not.
        if (error instanceof DeadlineError) this.connection.close();
      }
    }
  }

  /** Closes the connection as a node does when it stops: with no message before. */
  drop(): void {
    this.#subscriptions.clear();
    this.connection.close();
  }
}
