// Collects outgoing frames so that all of one turn leave in a single write, and keeps what the stream did not take yet.

const FIRST_BUFFER_BYTES = 4 * 1024;
/** A buffer that grew beyond this is given back once its bytes were sent. */
const KEPT_BUFFER_BYTES = 64 * 1024;

export class FrameWriter {
  #buffer = new Uint8Array(FIRST_BUFFER_BYTES);
  /** The unsent bytes lie between these offsets. */
  #start = 0;
  #end = 0;

  get isEmpty(): boolean {
    return this.#start === this.#end;
  }

  /** The buffer that `reserve` gives offsets into. Another `reserve` may replace it. */
  get bytes(): Uint8Array {
    return this.#buffer;
  }

  /** What was written and not sent yet, in order. The view is valid until the next `reserve` or `append`. */
  get unsent(): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  /** Makes room for `sizeBytes` more, counts them as written and returns the offset in `bytes` where they go. */
  reserve(sizeBytes: number): number {
    if (this.#end + sizeBytes > this.#buffer.length) this.#makeRoom(sizeBytes);
    const at = this.#end;
    this.#end += sizeBytes;
    return at;
  }

  append(frame: Uint8Array): void {
    const at = this.reserve(frame.length);
    this.#buffer.set(frame, at);
  }

  /** The stream took the first `count` of the unsent bytes. */
  sent(count: number): void {
    this.#start += count;
    if (this.#start < this.#end) return;
    this.#start = this.#end = 0;
    if (this.#buffer.length > KEPT_BUFFER_BYTES) this.#buffer = new Uint8Array(FIRST_BUFFER_BYTES);
  }

  /** Moves the unsent bytes to the front, of a larger buffer if need be. */
  #makeRoom(sizeBytes: number): void {
    const unsent = this.unsent;
    const neededBytes = unsent.length + sizeBytes;
    const buffer = neededBytes > this.#buffer.length / 2 ? new Uint8Array(neededBytes * 2) : this.#buffer;
    buffer.set(unsent);
    this.#buffer = buffer;
    this.#start = 0;
    this.#end = unsent.length;
  }
}
