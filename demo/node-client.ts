// One client of the simulated node: its connection, the threads made for it, and what it registered.

import type { Client } from "capnp-es";
import type { ImportedCapability } from "../src/rpc/capability.ts";
import { Connection, type Transport } from "../src/rpc/connection.ts";
import { DeadlineError } from "../src/rpc/errors.ts";
import type { Callback } from "./callbacks.ts";
import { type Host, initObject } from "./node-objects.ts";
import type { NodeState } from "./node-state.ts";
import type { NodeEvent } from "./simulated-chain.ts";
import { Subscription } from "./subscription.ts";
import type { Tally } from "./tally.ts";

/** A real node waits for an answer for as long as it takes. This one gives up a client that is stuck. */
const ANSWER_DEADLINE_MS = 30_000;

export class NodeClient implements Host {
  readonly state: NodeState;
  readonly tally: Tally;
  readonly threads = new Set<Client>();
  readonly connection: Connection;
  readonly #subscriptions = new Set<Subscription>();

  /** `onGone` is told whether the client went with something registered: a real node dies of that. */
  constructor(transport: Transport, state: NodeState, tally: Tally, onGone: (unclean: boolean) => void) {
    this.state = state;
    this.tally = tally;
    this.connection = new Connection({
      transport,
      bootstrap: initObject(this),
      deadlineMs: ANSWER_DEADLINE_MS,
      onEnd: () => onGone(this.#subscriptions.size > 0),
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

  /** Tells all objects of the client what happened, one after the other, and waits for each answer. */
  async tell(event: NodeEvent): Promise<void> {
    for (const subscription of this.#subscriptions) {
      try {
        if (await subscription.tell(event)) this.tally.add(event);
      } catch (error) {
        // An exception is an answer too, but what the client made of the event is not known: nothing to tally.
        if (error instanceof DeadlineError) this.connection.close();
      }
    }
  }

  /** Ends the connection as a node that stops does: without a word. */
  drop(): void {
    this.#subscriptions.clear();
    this.connection.close();
  }
}
