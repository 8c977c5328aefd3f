// How long the peer's calls have kept the connection busy: a counter of the time that the peer's threads waited for it.

/**
 * Calls this close together come from one thread that waits for each answer, so the pause between them counts. A garbage
 * collection takes longer and does not count; it affects one or two calls in a thousand.
 */
const FOLLOWS_MS = 0.5;

/** The longest pause between two calls of a thread that is making several. */
const CALLING_MS = 10;

export class BusyClock {
  #busyMs = 0;
  #lastEnd = Number.NEGATIVE_INFINITY;

  /** In milliseconds. */
  get busyMs(): number {
    return this.#busyMs;
  }

  /** Whether the peer is making calls at the time `now`: the last one ended just before. */
  isCalling(now: number): boolean {
    return now - this.#lastEnd < CALLING_MS;
  }

  /** Adds calls that arrived at `start` and were answered at `end`: milliseconds of one monotonic clock. */
  record(start: number, end: number): void {
    const pause = start - this.#lastEnd;
    this.#busyMs += end - start + (pause < FOLLOWS_MS ? pause : 0);
    this.#lastEnd = end;
  }
}
