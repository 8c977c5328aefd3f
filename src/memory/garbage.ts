// Chooses when the garbage collector runs: between two calls, for 0.3 ms. By itself it runs for 1 to 3 ms, also in the middle of
// a call that a thread of the node waits for.

import { edenGC } from "bun:jsc";

/** Garbage per collection, which takes the same time for less. With this amount, one in some 4000 calls waits for it. */
const COLLECTED_AFTER_BYTES = 4 * 1024 * 1024;

/**
 * Some bytes of a call and 900 of a block survive young collections by chance. After so many of them, all garbage is collected in
 * the background.
 */
const YOUNG_COLLECTIONS = 31;

export interface GarbageOptions {
  /**
   * Bytes allocated once and never touched, so that they take no memory if allocated before the process has freed any. The
   * collector starts by itself when the heap has doubled; it counts these, and every chunk of a socket, freed or not.
   */
  readonly ballastBytes?: number;
  /** Collects the youngest garbage, in 0.3 ms. */
  readonly collectYoung?: () => void;
  /** Starts to collect all garbage on another thread, in 4 ms or more. The event loop stops for less than a millisecond. */
  readonly collectInBackground?: () => void;
  /** Collects all garbage and frees its memory, in 8 ms. */
  readonly collectAll?: () => void;
}

export class Garbage {
  readonly ballast: ArrayBuffer;
  readonly #collectYoung: () => void;
  readonly #collectInBackground: () => void;
  readonly #collectAll: () => void;
  #bytes = 0;
  #youngCollections = 0;

  constructor(options: GarbageOptions = {}) {
    this.ballast = new ArrayBuffer(options.ballastBytes ?? 0);
    this.#collectYoung = options.collectYoung ?? edenGC;
    this.#collectInBackground = options.collectInBackground ?? (() => Bun.gc(false));
    this.#collectAll = options.collectAll ?? (() => Bun.gc(true));
  }

  /** Counts bytes that are no longer used, and collects when there are enough. Call it when no peer waits for an answer. */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < COLLECTED_AFTER_BYTES) return;
    if (this.#youngCollections === YOUNG_COLLECTIONS) return this.collectInBackground();
    this.#bytes = 0;
    this.#youngCollections++;
    this.#collectYoung();
  }

  /** Starts to collect all garbage. Call it after work that leaves much: a young collection would stop the event loop for 2 ms. */
  collectInBackground(): void {
    this.#startAgain();
    this.#collectInBackground();
  }

  /** Collects all garbage and frees its memory. Call it when no thread of a node can be waiting for us. */
  collectAll(): void {
    this.#startAgain();
    this.#collectAll();
  }

  #startAgain(): void {
    this.#youngCollections = 0;
    this.#bytes = 0;
  }
}

/** Without it the collector starts every six blocks of 2 MB: bench/callbacks.ts measures these. */
const BALLAST_BYTES = 64 * 1024 * 1024;

/** One instance, because the process has one heap. */
export const garbage = new Garbage({ ballastBytes: BALLAST_BYTES });
