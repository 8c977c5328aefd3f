// When polls are due: everything at the poll interval, and the values that a new tip changes soon after each tip.

/** From a tip to its poll, so that a reorganization of several blocks causes one poll. */
const AFTER_TIP_MS = 250;

/** Between two polls after tips, so that a burst of blocks or initial block download causes few polls. */
const BETWEEN_TIPS_MS = 5000;

export interface DuePoll {
  readonly kind: "all" | "tip";
  /** Milliseconds until it is due; 0 when it is. */
  readonly delayMs: number;
}

/** Times are milliseconds of one clock. */
export class PollSchedule {
  readonly #intervalMs: number;
  #allAt = 0;
  #kind: DuePoll["kind"] = "all";
  /** When the first tip arrived since the last poll. */
  #tipAt: number | undefined;
  #lastTipPollAt = Number.NEGATIVE_INFINITY;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  tipChanged(now: number): void {
    this.#tipAt ??= now;
  }

  /** The next poll. */
  next(now: number): DuePoll {
    const tipAt =
      this.#tipAt === undefined
        ? Number.POSITIVE_INFINITY
        : Math.max(this.#tipAt + AFTER_TIP_MS, this.#lastTipPollAt + BETWEEN_TIPS_MS);
    const [kind, at] = tipAt < this.#allAt ? (["tip", tipAt] as const) : (["all", this.#allAt] as const);
    return { kind, delayMs: Math.max(0, at - now) };
  }

  /** A poll starts, which reads the changes of every tip until now. */
  started(kind: DuePoll["kind"], now: number): void {
    this.#kind = kind;
    this.#tipAt = undefined;
    if (kind === "tip") this.#lastTipPollAt = now;
    else this.#allAt = now;
  }

  /**
   * The poll has ended. The next one of everything is due an interval later. Returns how many polls of everything were missed: one
   * for each whole interval since the last one started or was due.
   */
  ended(now: number): number {
    const missed = Math.max(0, Math.floor((now - this.#allAt) / this.#intervalMs));
    if (this.#kind === "all") this.#allAt = now + this.#intervalMs;
    return missed;
  }
}
