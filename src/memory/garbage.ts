// When the garbage collector runs. Left to itself it does so in the middle of a call that a thread of the node waits for, and
// beside us, for 1 to 3 ms; told to, between two calls, for 0.3 ms. Who leaves much says so.

import { edenGC } from "bun:jsc";

/** Collecting takes as long however little there is: after so much it is one call in some four thousand that may wait for it. */
const COLLECTED_AFTER_BYTES = 4 * 1024 * 1024;

/** What survives young collections, by chance, is some bytes of a call and 900 of a block: it goes with each 32nd. */
const YOUNG_COLLECTIONS = 31;

export interface GarbageOptions {
  /**
   * Bytes that are never touched, and so are no memory if the process asks for them before it has given any back. The
   * collector begins by itself when the heap has doubled, and counts these, and each chunk of a socket, though that was freed.
   */
  readonly ballastBytes?: number;
  /** Collects the youngest garbage, in 0.3 ms. */
  readonly collectYoung?: () => void;
  /** Collects all garbage, in 8 ms. */
  readonly collectAll?: () => void;
}

export class Garbage {
  readonly ballast: ArrayBuffer;
  readonly #collectYoung: () => void;
  readonly #collectAll: () => void;
  #bytes = 0;
  #youngCollections = 0;

  constructor({ ballastBytes = 0, collectYoung = edenGC, collectAll = () => Bun.gc(true) }: GarbageOptions = {}) {
    this.ballast = new ArrayBuffer(ballastBytes);
    this.#collectYoung = collectYoung;
    this.#collectAll = collectAll;
  }

  /** So many bytes, or about so many, are left that nobody needs. Said when nobody waits for what comes next. */
  leave(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes >= COLLECTED_AFTER_BYTES) this.collect();
  }

  /** Collects what there is. */
  collect(): void {
    if (this.#youngCollections === YOUNG_COLLECTIONS) return this.collectAll();
    this.#youngCollections++;
    this.#bytes = 0;
    this.#collectYoung();
  }

  /** Collects what has survived, too: for when no thread of a node can wait for us. */
  collectAll(): void {
    this.#youngCollections = 0;
    this.#bytes = 0;
    this.#collectAll();
  }
}

/** Without it the collector began every six blocks of 2 MB: see the bench of these. */
const BALLAST_BYTES = 64 * 1024 * 1024;

/** That of the process, whose heap is one. */
export const garbage = new Garbage({ ballastBytes: BALLAST_BYTES });
