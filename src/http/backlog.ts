// The bytes that slow readers have not read yet, bounded for all connections of a server together. A page that the kernel
// takes whole is never in it.

/** Four pages of the maximum size; of usual pages, more than there are connections. */
export const MAX_BACKLOG_BYTES = 32 * 1024 * 1024;

export interface SlowReader {
  /** Closes its connection at once. */
  terminate(): void;
}

export class Backlog {
  readonly #maxBytes: number;
  /** Bytes by reader. The first has read nothing for the longest time. */
  readonly #readers = new Map<SlowReader, number>();
  #bytes = 0;

  constructor(maxBytes = MAX_BACKLOG_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** `reader` waits with so many bytes. Above the limit, readers that have read nothing for the longest time are closed. */
  add(reader: SlowReader, sizeBytes: number): void {
    this.#readers.set(reader, sizeBytes);
    this.#bytes += sizeBytes;
    for (const first of this.#readers.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.delete(first);
      first.terminate();
    }
  }

  /** `reader` has read some of its bytes; the connection still holds all of them. */
  moveLast(reader: SlowReader): void {
    const sizeBytes = this.#readers.get(reader);
    if (sizeBytes === undefined) return;
    this.#readers.delete(reader);
    this.#readers.set(reader, sizeBytes);
  }

  /** `reader` has read all, or is closed. */
  delete(reader: SlowReader): void {
    this.#bytes -= this.#readers.get(reader) ?? 0;
    this.#readers.delete(reader);
  }
}
