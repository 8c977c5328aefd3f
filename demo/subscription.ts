// One object that a client registered with the node, and what the node owes it: one call at a time, and a last `destroy`.

import type { ImportedCapability } from "../src/rpc/capability.ts";
import type { Callback } from "./callbacks.ts";
import type { NodeEvent } from "./simulated-chain.ts";

export class Subscription {
  readonly #object: ImportedCapability;
  readonly #callback: Callback;
  /** Whether its handler was told to disconnect: no event is told any more. */
  #isEnding = false;
  /** Resolves when no call is on its way. */
  #quiet: Promise<unknown> = Promise.resolve();

  readonly #onEnd: () => void;

  /** Keeps `object`, a parameter of a call that is going on, beyond that call. */
  constructor(object: ImportedCapability, callback: Callback, onEnd: () => void) {
    this.#object = object.retain();
    this.#callback = callback;
    this.#onEnd = onEnd;
  }

  /** Resolves to whether the client was told. Rejects when it did not answer, or with an exception. */
  async tell(event: NodeEvent): Promise<boolean> {
    const answered = this.#isEnding ? undefined : this.#callback.tell(event);
    if (answered === undefined) return false;
    this.#quiet = answered.catch(() => {});
    await answered;
    return true;
  }

  /** Lets go of the object, after `destroy` was called on it and answered: a node does this in Handler.disconnect. */
  async end(): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    await this.#quiet;
    await this.#callback.destroy().catch(() => {});
    this.#object.close();
    this.#onEnd();
  }
}
