// How long the peer's calls have kept the connection busy: the time that the peer's threads spent waiting on it. One reads
// it as a counter.

/**
 * Calls that follow each other this closely come from one thread that waits for each answer: the pause is its own work. A
 * collection of garbage takes longer and is left out, at one or two calls in a thousand.
 */
const FOLLOWS_MS = 0.5;

/** Between two calls of a thread that has more of them. */
const CALLING_MS = 10;

export class BusyClock {
  #busyMs = 0;
  #lastEnd = Number.NEGATIVE_INFINITY;

  /** Milliseconds so far. */
  get busyMs(): number {
    return this.#busyMs;
  }

  /** Whether the peer has calls for us at this time, which is of the same clock: one came just before. */
  isCalling(now: number): boolean {
    return now - this.#lastEnd < CALLING_MS;
  }

  /** Calls came at `start` and were answered at `end`, in milliseconds of one clock that only goes forward. */
  record(start: number, end: number): void {
    const pause = start - this.#lastEnd;
    this.#busyMs += end - start + (pause < FOLLOWS_MS ? pause : 0);
    this.#lastEnd = end;
  }
}
