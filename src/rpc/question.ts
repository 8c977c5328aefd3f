// One call of ours. It ends for the caller with results, an exception or its deadline; it ends for the
// connection when the peer's Return came. The two moments differ: see `returned`.

import type { Payload } from "capnp-es/capnp/rpc";
import { DeadlineError, errorText, RpcError } from "./errors.ts";

export interface CallOptions {
  /** Milliseconds until the call rejects with a DeadlineError. */
  readonly deadlineMs?: number;
}

/** What the connection makes a question from. */
export interface QuestionOptions<T> extends CallOptions {
  /** Interface and method, for errors. */
  readonly name: string;
  /** Turns the payload of the Return into what the caller waits for. */
  readonly read: (payload: Payload) => T;
  /** Tells the peer that nobody waits for the results any more. */
  readonly sendCancel: () => void;
}

/** A question as the connection's table holds it, whatever its results are. */
export interface OpenQuestion {
  readonly id: number;
  readonly name: string;
  /** Whether the caller gave up. Then Finish has been sent, and capabilities of a late Return are released already. */
  readonly canceled: boolean;
  /** Exports in the parameters, each as often as it was sent: a Return with releaseParamCaps gives them back. */
  paramExports: readonly number[];
  /** Resolves when the peer is done with the call, which may be long after a deadline, or the connection has ended. */
  readonly returned: Promise<void>;
  /** False when the results could not be read: their capabilities are then nobody's. */
  resolve(payload: Payload): boolean;
  reject(reason: unknown): void;
  /** The peer is done with the call, and the question has left the table. */
  end(): void;
}

export class Question<T> implements OpenQuestion {
  readonly id: number;
  readonly name: string;
  /**
   * The results, or a rejection: RpcError or DeadlineError. Capabilities in the results are the caller's, to be closed. A
   * rejection that nobody waits for is not an unhandled one.
   */
  readonly results: Promise<T>;
  readonly returned: Promise<void>;
  paramExports: readonly number[] = [];
  canceled = false;

  readonly #results = Promise.withResolvers<T>();
  readonly #returned = Promise.withResolvers<void>();
  readonly #read: (payload: Payload) => T;
  readonly #sendCancel: () => void;
  #ended = false;
  #timer: Timer | undefined;

  constructor(id: number, { name, read, sendCancel, deadlineMs }: QuestionOptions<T>) {
    this.id = id;
    this.name = name;
    this.#read = read;
    this.#sendCancel = sendCancel;
    this.results = this.#results.promise;
    this.returned = this.#returned.promise;
    this.results.catch(() => {});
    if (deadlineMs !== undefined) {
      this.#timer = setTimeout(() => {
        this.#cancel(new DeadlineError(`${name} was not answered within ${deadlineMs} ms`));
      }, deadlineMs);
    }
  }

  /** Gives up, and tells the peer. */
  #cancel(reason: DeadlineError): void {
    this.canceled = true;
    this.reject(reason);
    // After the Return, as when results are taken from an answer of ours, the id may be another question's.
    if (!this.#ended) this.#sendCancel();
  }

  resolve(payload: Payload): boolean {
    clearTimeout(this.#timer);
    try {
      this.#results.resolve(this.#read(payload));
      return true;
    } catch (error) {
      this.#results.reject(new RpcError("failed", `${this.name}: unreadable results: ${errorText(error)}`));
      return false;
    }
  }

  reject(reason: unknown): void {
    clearTimeout(this.#timer);
    this.#results.reject(reason);
  }

  end(): void {
    this.#ended = true;
    this.#returned.resolve();
  }
}
