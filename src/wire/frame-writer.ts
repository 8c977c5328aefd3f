// Collects outgoing frames for one write, and keeps the bytes that the stream has not accepted yet.

const FIRST_BUFFER_BYTES = 4 * 1024;
/** A buffer that grew beyond this is replaced by a small one when all its bytes are sent. */
const KEPT_BUFFER_BYTES = 64 * 1024;

export class FrameWriter {
  #buffer = new Uint8Array(FIRST_BUFFER_BYTES);
  /** The unsent bytes lie between these offsets. */
  #start = 0;
  #end = 0;

  get isEmpty(): boolean {
    return this.#start === this.#end;
  }

  /** The buffer to which the offsets of `reserve` refer. The next `reserve` may replace it. */
  get bytes(): Uint8Array {
    return this.#buffer;
  }

  /** The bytes written and not sent yet. The view is valid until the next `reserve` or `append`. */
  get unsent(): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  /** Adds `sizeBytes` to the written bytes and returns their offset in `bytes`, where the caller writes them. */
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

  /** The stream accepted the first `count` of the unsent bytes. */
  sent(count: number): void {
    this.#start += count;
    if (this.#start < this.#end) return;
    this.#start = this.#end = 0;
    if (this.#buffer.length > KEPT_BUFFER_BYTES) this.#buffer = new Uint8Array(FIRST_BUFFER_BYTES);
  }

  /** Moves the unsent bytes to the front of this buffer, or of a larger one if needed. */
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
