// Received bytes that the parser has not read yet, in the chunks that the socket delivered. One for each connection.

import { releaseChunk } from "../memory/chunk.ts";
import { garbage } from "../memory/garbage.ts";

export class Input {
  readonly #chunks: Buffer[] = [];
  /** How many bytes of the first chunk `next` has returned. */
  #position = 0;
  #sizeBytes = 0;

  /** The size of the chunks in memory. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Whether `next` has returned everything. */
  get isEmpty(): boolean {
    return this.#chunks.length === 0 || (this.#chunks.length === 1 && this.#isFirstRead);
  }

  /** Adds a chunk, which the input then owns and frees. */
  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#sizeBytes += chunk.length;
  }

  /** The next bytes, at most `limit`; none if it is empty. They are valid until `release`. */
  next(limit: number): Buffer {
    this.release();
    const bytes = this.#chunks[0]?.subarray(this.#position, this.#position + limit) ?? Buffer.alloc(0);
    this.#position += bytes.length;
    return bytes;
  }

  /** Ends the validity of the bytes that `next` returned, and frees the chunk if they were its last. */
  release(): void {
    if (this.#chunks.length > 0 && this.#isFirstRead) this.#releaseFirst();
  }

  /** Drops everything. */
  clear(): void {
    while (this.#chunks.length > 0) this.#releaseFirst();
  }

  get #isFirstRead(): boolean {
    return this.#position === this.#chunks[0]!.length;
  }

  #releaseFirst(): void {
    const chunk = this.#chunks.shift()!;
    this.#sizeBytes -= chunk.length;
    this.#position = 0;
    garbage.add(releaseChunk(chunk));
  }
}
