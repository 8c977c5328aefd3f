// One call of ours. For the caller it ends with results, an exception or its deadline. For the connection it ends with the
// peer's Return, which may arrive long after the deadline: see `returned`.

import type { Payload } from "capnp-es/capnp/rpc";
import { DeadlineError, errorText, RpcError } from "./errors.ts";

/** `R` is the struct of the results, `T` what the caller receives. */
export interface CallOptions<R = unknown, T = R> {
  /** Milliseconds until the call rejects with a DeadlineError. */
  readonly deadlineMs?: number;
  /**
   * Turns the results into the value for the caller, by default the results themselves. Runs when the results arrive. Then the
   * capabilities in them that it did not retain (`importOf`) are released. If it throws, the call rejects with that error.
   */
  readonly read?: (results: R) => T;
}

/** What the connection makes a question from. */
export interface QuestionOptions<T> {
  /** Interface and method, for errors. */
  readonly name: string;
  /** Turns the payload of the Return into the value for the caller. */
  readonly read: (payload: Payload) => T;
  /** Sends the peer a Finish for results that are no longer needed. */
  readonly sendCancel: () => void;
  readonly deadlineMs: number;
}

export class Question<T> {
  readonly id: number;
  /** Interface and method. */
  readonly name: string;
  /**
   * What CallOptions.read returned, or a rejection: RpcError or DeadlineError. An unused rejection is not reported as
   * unhandled.
   */
  readonly results: Promise<T>;
  /** Resolves when the peer has returned the call or the connection has ended. */
  readonly returned: Promise<void>;
  /** Exports in the parameters, each as often as it was sent: a Return with releaseParamCaps releases them. */
  paramExports: readonly number[] = [];
  /** Whether the deadline passed: Finish was sent, with which the peer releases the capabilities of a late Return. */
  canceled = false;
  /** Whether the question has left the table. Right after `ask`: the call could not be sent. */
  hasEnded = false;

  readonly #resolve: (payload: Payload) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #resolveReturned: () => void;
  readonly #sendCancel: () => void;
  readonly #timer: Timer;

  constructor(id: number, { name, read, sendCancel, deadlineMs }: QuestionOptions<T>) {
    this.id = id;
    this.name = name;
    this.#sendCancel = sendCancel;
    const results = Promise.withResolvers<T>();
    this.results = results.promise;
    this.results.catch(() => {});
    this.#resolve = (payload) => results.resolve(read(payload));
    this.#reject = results.reject;
    const returned = Promise.withResolvers<void>();
    this.returned = returned.promise;
    this.#resolveReturned = returned.resolve;
    this.#timer = setTimeout(() => {
      this.#cancel(new DeadlineError(`${name} was not answered within ${deadlineMs} ms`));
    }, deadlineMs);
  }

  #cancel(reason: DeadlineError): void {
    this.canceled = true;
    this.reject(reason);
    // After the Return, as with results taken from an answer of ours, the id may belong to another question.
    if (!this.hasEnded) this.#sendCancel();
  }

  resolve(payload: Payload): void {
    clearTimeout(this.#timer);
    try {
      this.#resolve(payload);
    } catch (error) {
      const what = error instanceof RpcError ? "" : "unreadable results: ";
      this.#reject(new RpcError("failed", `${this.name}: ${what}${errorText(error)}`));
    }
  }

  reject(reason: unknown): void {
    clearTimeout(this.#timer);
    this.#reject(reason);
  }

  /** The peer has returned the call, and the question has left the table. */
  end(): void {
    this.hasEnded = true;
    this.#resolveReturned();
  }
}
