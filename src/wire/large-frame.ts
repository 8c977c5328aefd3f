// The segments of a large frame, each in a buffer of its own, so that a message can use them without another copy: copying
// 32 MB at once takes 20 ms, in which nothing else is read.

/** A buffer grows to so many times the bytes in it, which have to be copied: rarely, and few of them. */
const GROWTH = 8;

export class LargeFrame {
  readonly #sizes: readonly number[];
  /** Each grows with the bytes received, not with the size in the table, which costs the peer nothing; and not beyond it. */
  readonly #buffers: Uint8Array<ArrayBuffer>[];
  /** The segment that is incomplete, and how many bytes it has. */
  #id = 0;
  #filled = 0;

  /** `sizes` of the segments, in bytes. */
  constructor(sizes: readonly number[]) {
    this.#sizes = sizes;
    this.#buffers = sizes.map(() => new Uint8Array(0));
    this.#skipComplete();
  }

  get isComplete(): boolean {
    return this.#id === this.#sizes.length;
  }

  /** Whole once the frame is complete; the caller may keep them. */
  get segments(): readonly ArrayBuffer[] {
    return this.#buffers.map(({ buffer }) => buffer);
  }

  /** Adds what the frame needs of `chunk` from `start` on. Returns the offset after these bytes. */
  add(chunk: Uint8Array, start: number): number {
    let at = start;
    while (at < chunk.length && !this.isComplete) {
      const end = Math.min(chunk.length, at + this.#sizes[this.#id]! - this.#filled);
      this.#keep(chunk.subarray(at, end));
      at = end;
      this.#skipComplete();
    }
    return at;
  }

  #keep(bytes: Uint8Array): void {
    const buffer = this.#buffers[this.#id]!;
    const filled = this.#filled + bytes.length;
    if (filled > buffer.length) {
      const grown = new Uint8Array(Math.min(this.#sizes[this.#id]!, filled * GROWTH));
      grown.set(buffer.subarray(0, this.#filled));
      this.#buffers[this.#id] = grown;
    }
    this.#buffers[this.#id]!.set(bytes, this.#filled);
    this.#filled = filled;
  }

  #skipComplete(): void {
    while (!this.isComplete && this.#filled === this.#sizes[this.#id]) {
      this.#id++;
      this.#filled = 0;
    }
  }
}
