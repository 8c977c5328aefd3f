// The bytes that connections hold: large requests that wait for a turn, and responses that slow readers have not read yet.
// Bounded for all connections of a server together.

/** Four pages of the maximum size. A scrape of a usual page holds nothing. */
const MAX_BACKLOG_BYTES = 32 * 1024 * 1024;

export interface Holder {
  /** Closes its connection at once. */
  terminate(): void;
}

export class Backlog {
  readonly #maxBytes: number;
  /** Bytes by holder. The first has made no progress for the longest time. */
  readonly #holders = new Map<Holder, number>();
  #bytes = 0;

  constructor(maxBytes = MAX_BACKLOG_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /**
   * `holder` has made progress, and holds so many bytes now. Above the limit, holders without progress for the longest time are
   * closed.
   */
  hold(holder: Holder, sizeBytes: number): void {
    this.#remove(holder);
    if (sizeBytes === 0) return;
    this.#holders.set(holder, sizeBytes);
    this.#bytes += sizeBytes;
    for (const first of this.#holders.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#remove(first);
      first.terminate();
    }
  }

  #remove(holder: Holder): void {
    this.#bytes -= this.#holders.get(holder) ?? 0;
    this.#holders.delete(holder);
  }
}
