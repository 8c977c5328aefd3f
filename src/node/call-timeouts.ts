// Timeouts of calls. After its timeout a call has failed for its caller. It is not canceled, and its answer may still be used.

import { within } from "../rpc/deadline.ts";

/** A timeout grows to this many times the configured one. */
const MAX_GROWTH = 10;

export class CallTimeouts {
  readonly #baseMs: number;
  /** By method, where it is longer than the base: twice as long as the last answer took. */
  readonly #grown = new Map<string, number>();

  constructor(baseMs: number) {
    this.#baseMs = baseMs;
  }

  /**
   * Resolves to `answer`. Rejects with a DeadlineError after the timeout of `name`: the configured time, or twice the time of the
   * last answer if that is longer, so that answers of a slow node are used.
   */
  async wait<T>(name: string, answer: Promise<T>): Promise<T> {
    const start = performance.now();
    answer.then(
      () => this.#answered(name, performance.now() - start),
      () => {},
    );
    return within(this.#grown.get(name) ?? this.#baseMs, answer, name);
  }

  #answered(name: string, durationMs: number): void {
    const timeoutMs = Math.min(2 * durationMs, MAX_GROWTH * this.#baseMs);
    if (timeoutMs > this.#baseMs) this.#grown.set(name, timeoutMs);
    else this.#grown.delete(name);
  }
}
