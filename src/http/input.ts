// What a client has sent and the parser has not been given yet, as the chunks that it came in. One for each connection.

import { releaseChunk } from "../memory/chunk.ts";
import { garbage } from "../memory/garbage.ts";

export class Input {
  readonly #chunks: Buffer[] = [];
  /** How many bytes of the first chunk were given away. */
  #given = 0;

  /** Whether all that was added was given away. */
  get isEmpty(): boolean {
    return this.#chunks.length === 0 || (this.#chunks.length === 1 && this.#isFirstGiven);
  }

  /** Adds a chunk, which is then the input's to keep and to free. */
  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  /** The next bytes, `limit` at most; none when it is empty. They are valid until `release`. */
  next(limit: number): Buffer {
    this.release();
    const bytes = this.#chunks[0]?.subarray(this.#given, this.#given + limit) ?? Buffer.alloc(0);
    this.#given += bytes.length;
    return bytes;
  }

  /** Nobody looks any more at what was given away: of a chunk that is through, the memory is, too. */
  release(): void {
    if (this.#chunks.length > 0 && this.#isFirstGiven) this.#releaseFirst();
  }

  /** Drops everything. */
  clear(): void {
    while (this.#chunks.length > 0) this.#releaseFirst();
  }

  get #isFirstGiven(): boolean {
    return this.#given === this.#chunks[0]!.length;
  }

  #releaseFirst(): void {
    garbage.add(releaseChunk(this.#chunks.shift()!));
    this.#given = 0;
  }
}
