// Decides when the UTXO trace costs the node too much. The node's validation waits for the answer to each of its calls, so
// a trace that keeps the connection busy slows the node by as much.

/** The share is taken over this long: the burst of one connected block, about 2 s, must not use it up. */
const WINDOW_MS = 10_000;
const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 60 * 60_000;

interface Sample {
  readonly at: number;
  readonly busyMs: number;
}

/** Fed with readings of the busy clock about once a second while the trace is on. Times are milliseconds of one clock. */
export class TraceBudget {
  readonly #share: number;
  #samples: Sample[] = [];
  #sheds = 0;

  /** `percent` of wall time that calls may keep the connection busy; 100 and more is never too much. */
  constructor(percent: number) {
    this.#share = percent >= 100 ? Number.POSITIVE_INFINITY : percent / 100;
  }

  /** Takes a reading. True when the share over the last 10 s is above the budget: the trace should go. */
  isExceeded(at: number, busyMs: number): boolean {
    this.#samples.push({ at, busyMs });
    // The newest sample that is at least a window old begins the window; what is older tells nothing more.
    const begin = this.#samples.findLastIndex((sample) => at - sample.at >= WINDOW_MS);
    if (begin < 0) return false;
    this.#samples = this.#samples.slice(begin);
    const [first] = this.#samples;
    return (busyMs - first!.busyMs) / (at - first!.at) > this.#share;
  }

  /** The trace was given up: how long to do without, longer each time. */
  shed(): number {
    this.#samples = [];
    return Math.min(FIRST_PAUSE_MS * 2 ** this.#sheds++, LONGEST_PAUSE_MS);
  }

  /** The trace is on again: the window begins anew. */
  restart(): void {
    this.#samples = [];
  }
}
