// What becomes of the memory that the socket's chunks lie in. Bun makes a new buffer for each read and leaves it to the
// garbage collector, which by itself lets 11 MB of them pile up. One for the process: its heap is one.

import { edenGC } from "bun:jsc";

/** Freeing costs half a microsecond and more, which a chunk of some calls is not worth. */
const FREED_ABOVE_BYTES = 64 * 1024;

/** About what a small chunk leaves behind besides its bytes: the objects around them, and what is made to answer it. */
const OBJECTS_BYTES = 500;

/** Collecting takes 1 ms, however little there is: after so much it is one call in some two thousand that may wait for it. */
const COLLECTED_AFTER_BYTES = 4 * 1024 * 1024;

export class ChunkMemory {
  readonly #collect: () => void;
  #garbageBytes = 0;

  /** `collect` collects the youngest garbage. */
  constructor(collect: () => void = edenGC) {
    this.#collect = collect;
  }

  /** Nobody reads `chunk` any more: to be called for each. A large one has no bytes after it. */
  release(chunk: Uint8Array<ArrayBufferLike>): void {
    if (chunk.length > FREED_ABOVE_BYTES) return free(chunk);
    // Not even looked at is the buffer of a small one: that makes an object of it, and collections take twice as long.
    this.#garbageBytes += chunk.length + OBJECTS_BYTES;
    if (this.#garbageBytes < COLLECTED_AFTER_BYTES) return;
    this.#garbageBytes = 0;
    this.#collect();
  }
}

/**
 * Frees the memory of a chunk that has it for itself. Left to the collector, each large chunk would be memory that was never
 * touched before, and to touch it is most of what it costs: see the bench of 2 MB blocks.
 */
function free({ buffer, byteLength }: Uint8Array<ArrayBufferLike>): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}
