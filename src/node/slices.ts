// Splits long work into slices, between which the event loop runs: threads of the node wait for the answers to their callbacks.

/** Milliseconds. A callback waits for one slice at most, and takes some 0.04 ms itself; bench/polls.ts measures both. */
const SLICE_MS = 0.15;

export class Slices {
  #start = performance.now();

  /** Whether the time of the slice is over. To be called after each small step of the work. */
  get isOver(): boolean {
    return performance.now() - this.#start >= SLICE_MS;
  }

  /** Lets the event loop run, and starts the next slice. */
  async next(): Promise<void> {
    await new Promise(setImmediate);
    this.#start = performance.now();
  }
}
