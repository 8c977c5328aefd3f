// When the garbage collector runs. Left to itself it does so in the middle of a call that a thread of the node waits for, and
// beside us, for 1 to 3 ms; told to, between two calls, for 0.3 ms. Who leaves much says so.

import { edenGC } from "bun:jsc";

/** Collecting takes as long however little there is: after so much it is one call in some two thousand that may wait for it. */
const COLLECTED_AFTER_BYTES = 4 * 1024 * 1024;

/**
 * Bytes that are never touched, and so are no memory. The collector begins by itself when the heap has doubled, and counts
 * these, and each chunk of the socket, though that was freed: without them it began every six blocks of 2 MB. See the bench
 * of these.
 */
const BALLAST_BYTES = 64 * 1024 * 1024;

export class Garbage {
  readonly #collect: () => void;
  readonly #ballast: ArrayBuffer;
  #bytes = 0;

  /** `collect` collects the youngest garbage. */
  constructor(collect: () => void = edenGC) {
    this.#collect = collect;
    this.#ballast = new ArrayBuffer(BALLAST_BYTES);
  }

  /** What the collector is to believe that the heap holds, in bytes, besides what it does. */
  get ballastBytes(): number {
    return this.#ballast.byteLength;
  }

  /** So many bytes, or about so many, are left that nobody needs. Said when nobody waits for what comes next. */
  leave(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes >= COLLECTED_AFTER_BYTES) this.collect();
  }

  /** Collects what there is. */
  collect(): void {
    this.#bytes = 0;
    this.#collect();
  }

  /** Collects what has survived, too, which takes 8 ms: for when no thread of a node can wait for us. */
  collectAll(): void {
    this.#bytes = 0;
    Bun.gc(true);
  }
}

/** That of the process, whose heap is one. */
export const garbage = new Garbage();
