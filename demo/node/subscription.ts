// One object that a client subscribed: it gets one call at a time, and `destroy` as the last.

import type { ImportedCapability } from "../../src/rpc/capability.ts";
import type { Callback } from "./callbacks.ts";
import type { NodeEvent } from "./chain.ts";

export class Subscription {
  readonly #object: ImportedCapability;
  readonly #callback: Callback;
  /** Set by Handler.disconnect: no further event is sent. */
  #isEnding = false;
  /** Resolves when no call is pending. */
  #quiet: Promise<unknown> = Promise.resolve();

  readonly #onEnd: () => void;

  /** Retains `object`, a parameter of the current call, beyond that call. */
  constructor(object: ImportedCapability, callback: Callback, onEnd: () => void) {
    this.#object = object.retain();
    this.#callback = callback;
    this.#onEnd = onEnd;
  }

  /** Resolves to whether the object has a method for the event. Rejects with the client's exception, or without an answer. */
  async notify(event: NodeEvent): Promise<boolean> {
    const answered = this.#isEnding ? undefined : this.#callback.notify(event);
    if (answered === undefined) return false;
    this.#quiet = answered.catch(() => {});
    await answered;
    return true;
  }

  /** Calls `destroy`, waits for the answer and releases the object, as a node does in Handler.disconnect. */
  async end(): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    await this.#quiet;
    await this.#callback.destroy().catch(() => {});
    this.#object.close();
    this.#onEnd();
  }
}
