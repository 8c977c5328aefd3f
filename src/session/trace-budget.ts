// Decides when the UTXO trace costs the node too much. The node's validation waits for the answer to each of its calls, so
// a trace that keeps the connection busy slows the node by as much.

/** The share is taken over this long: the burst of one connected block, about 2 s, must not use it up. */
const WINDOW_MS = 10_000;
const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 60 * 60_000;

interface Reading {
  readonly at: number;
  readonly busyMs: number;
}

/**
 * Gets readings of the busy clock about once a second while the trace is active. Times are milliseconds of one clock. The time before
 * the registration counts as quiet, so 2.5 s of callbacks at full rate always use up a budget of 25 %.
 */
export class TraceBudget {
  /** Share of wall time that calls may keep the connection busy; infinite for no limit. */
  readonly share: number;
  #readings: Reading[] = [];
  #pauses = 0;
  #since = 0;
  /** Kept beyond the session: a reconnect does not shorten the pause. */
  #pausedUntil = Number.NEGATIVE_INFINITY;

  /** `percent` of wall time; 100 and more means no limit. */
  constructor(percent: number) {
    this.share = percent >= 100 ? Number.POSITIVE_INFINITY : percent / 100;
  }

  /** Adds a reading. Returns the share over the last 10 s if it exceeds the budget, so that the trace must end. */
  excess(at: number, busyMs: number): number | undefined {
    this.#readings.push({ at, busyMs });
    // The newest reading that is at least a window old begins the window. Older readings are not needed.
    const begin = this.#readings.findLastIndex((reading) => at - reading.at >= WINDOW_MS);
    if (begin > 0) this.#readings = this.#readings.slice(begin);
    const first = this.#readings[0]!;
    const share = (busyMs - first.busyMs) / Math.max(WINDOW_MS, at - first.at);
    return share > this.share ? share : undefined;
  }

  /**
   * The trace was ended. Returns the milliseconds to pause it: twice as long each time, up to an hour. After an hour of tracing
   * within the budget, the pauses start again from the shortest.
   */
  pause(at: number): number {
    if (at - this.#since >= LONGEST_PAUSE_MS) this.#pauses = 0;
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#pauses++, LONGEST_PAUSE_MS);
    this.#pausedUntil = at + pauseMs;
    return pauseMs;
  }

  /** Whether the pause that `pause` returned is still running. */
  isPaused(at: number): boolean {
    return at < this.#pausedUntil;
  }

  /** The trace is active again: a new window starts with this reading. */
  restart(at: number, busyMs: number): void {
    this.#since = at;
    this.#readings = [{ at, busyMs }];
  }
}
