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
 * Fed with readings of the busy clock about once a second while the trace is on. Times are milliseconds of one clock. Of the
 * 10 s, those before the registration count as quiet: a budget of 25 % is used up by 2.5 s at full rate, at any time.
 */
export class TraceBudget {
  /** Of wall time, how much calls may keep the connection busy; infinite when it is never too much. */
  readonly share: number;
  #readings: Reading[] = [];
  #sheds = 0;
  #since = 0;
  /** Outlives the client that the trace was ended in: a node that came back is not asked earlier. */
  #pausedUntil = Number.NEGATIVE_INFINITY;

  /** `percent` of wall time; 100 and more is never too much. */
  constructor(percent: number) {
    this.share = percent >= 100 ? Number.POSITIVE_INFINITY : percent / 100;
  }

  /** Takes a reading. The share over the last 10 s when that is above the budget, and the trace should go. */
  excess(at: number, busyMs: number): number | undefined {
    this.#readings.push({ at, busyMs });
    // The newest reading that is at least a window old begins the window; what is older tells nothing more.
    const begin = this.#readings.findLastIndex((reading) => at - reading.at >= WINDOW_MS);
    if (begin > 0) this.#readings = this.#readings.slice(begin);
    const first = this.#readings[0]!;
    const share = (busyMs - first.busyMs) / Math.max(WINDOW_MS, at - first.at);
    return share > this.share ? share : undefined;
  }

  /**
   * The trace was ended: for how many milliseconds to do without. Twice as long each time, up to an hour; after an hour of
   * tracing without trouble it begins anew.
   */
  shed(at: number): number {
    if (at - this.#since >= LONGEST_PAUSE_MS) this.#sheds = 0;
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#sheds++, LONGEST_PAUSE_MS);
    this.#pausedUntil = at + pauseMs;
    return pauseMs;
  }

  /** Whether the pause that `shed` told is not over. */
  isPaused(at: number): boolean {
    return at < this.#pausedUntil;
  }

  /** The trace is on again: the window begins anew, with this reading. */
  restart(at: number, busyMs: number): void {
    this.#since = at;
    this.#readings = [{ at, busyMs }];
  }
}
