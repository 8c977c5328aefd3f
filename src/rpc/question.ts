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

/** A question in the connection's table, with results of any type. */
export interface OpenQuestion {
  readonly id: number;
  readonly name: string;
  /** Whether the deadline passed: Finish was sent, with which the peer releases the capabilities of a late Return. */
  readonly canceled: boolean;
  /** Exports in the parameters, each as often as it was sent: a Return with releaseParamCaps releases them. */
  paramExports: readonly number[];
  /** Resolves when the peer has returned the call or the connection has ended. */
  readonly returned: Promise<void>;
  resolve(payload: Payload): void;
  reject(reason: unknown): void;
  /** The peer has returned the call, and the question has left the table. */
  end(): void;
}

export class Question<T> implements OpenQuestion {
  readonly id: number;
  readonly name: string;
  /**
   * What CallOptions.read returned, or a rejection: RpcError or DeadlineError. An unused rejection is not reported as
   * unhandled.
   */
  readonly results: Promise<T>;
  readonly returned: Promise<void>;
  paramExports: readonly number[] = [];
  canceled = false;

  readonly #results = Promise.withResolvers<T>();
  readonly #returned = Promise.withResolvers<void>();
  readonly #read: (payload: Payload) => T;
  readonly #sendCancel: () => void;
  readonly #timer: Timer;
  #ended = false;

  constructor(id: number, { name, read, sendCancel, deadlineMs }: QuestionOptions<T>) {
    this.id = id;
    this.name = name;
    this.#read = read;
    this.#sendCancel = sendCancel;
    this.results = this.#results.promise;
    this.returned = this.#returned.promise;
    this.results.catch(() => {});
    this.#timer = setTimeout(() => {
      this.#cancel(new DeadlineError(`${name} was not answered within ${deadlineMs} ms`));
    }, deadlineMs);
  }

  #cancel(reason: DeadlineError): void {
    this.canceled = true;
    this.reject(reason);
    // After the Return, as with results taken from an answer of ours, the id may belong to another question.
    if (!this.#ended) this.#sendCancel();
  }

  resolve(payload: Payload): void {
    clearTimeout(this.#timer);
    try {
      this.#results.resolve(this.#read(payload));
    } catch (error) {
      const what = error instanceof RpcError ? "" : "unreadable results: ";
      this.#results.reject(new RpcError("failed", `${this.name}: ${what}${errorText(error)}`));
    }
  }

  /** Whether the question has left the table. Right after `ask`: the call could not be sent. */
  get hasEnded(): boolean {
    return this.#ended;
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
