// The segments of a large frame, each in a buffer of its own, so that a message can use them without another copy: copying
// 32 MB at once takes 20 ms, in which nothing else is read.

export class LargeFrame {
  /**
   * As large as the segments from the start, and not filled with zeros: to fill 27 MB, or to copy them when a buffer grows,
   * takes up to 17 ms. Pages that are not written yet are not resident, so a size in the table costs no memory.
   */
  readonly #buffers: readonly Buffer<ArrayBuffer>[];
  /** The segment that is incomplete, and how many bytes it has. */
  #id = 0;
  #filled = 0;

  /** `sizes` of the segments, in bytes. */
  constructor(sizes: readonly number[]) {
    this.#buffers = sizes.map((sizeBytes) => Buffer.allocUnsafeSlow(sizeBytes));
    this.#skipComplete();
  }

  get isComplete(): boolean {
    return this.#id === this.#buffers.length;
  }

  /** Whole once the frame is complete; the caller may keep them. */
  get segments(): readonly ArrayBuffer[] {
    return this.#buffers.map(({ buffer }) => buffer);
  }

  /** Adds the bytes of `chunk` from `start` on that the frame needs. Returns the offset after these bytes. */
  add(chunk: Uint8Array, start: number): number {
    let at = start;
    while (at < chunk.length && !this.isComplete) {
      const buffer = this.#buffers[this.#id]!;
      const end = Math.min(chunk.length, at + buffer.length - this.#filled);
      buffer.set(chunk.subarray(at, end), this.#filled);
      this.#filled += end - at;
      at = end;
      this.#skipComplete();
    }
    return at;
  }

  #skipComplete(): void {
    while (!this.isComplete && this.#filled === this.#buffers[this.#id]!.length) {
      this.#id++;
      this.#filled = 0;
    }
  }
}
