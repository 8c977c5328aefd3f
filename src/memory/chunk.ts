// What becomes of the memory that a chunk of a socket lies in. Bun makes a new buffer for each read, and leaves it to the
// garbage collector.

/** Freeing costs half a microsecond and more, which a chunk of some calls is not worth. */
const FREED_ABOVE_BYTES = 64 * 1024;

/** About what a chunk leaves behind besides its bytes: the objects around them, and what is made to answer it. */
const OBJECTS_BYTES = 500;

/**
 * Nobody reads `chunk` any more. A large one is freed and has no bytes after it. Returns how many bytes are left to the
 * garbage collector, more or less.
 */
export function releaseChunk(chunk: Uint8Array<ArrayBufferLike>): number {
  // Not even looked at is the buffer of a small one: that makes an object of it, and collections take twice as long.
  if (chunk.length <= FREED_ABOVE_BYTES) return chunk.length + OBJECTS_BYTES;
  return OBJECTS_BYTES + (free(chunk) ? 0 : chunk.length);
}

/**
 * Frees the memory of a chunk that has it for itself. Left to the collector, each large chunk would be memory that was never
 * touched before, and to touch it is most of what it costs: see the bench of 2 MB blocks.
 */
function free({ buffer, byteLength }: Uint8Array<ArrayBufferLike>): boolean {
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength !== byteLength) return false;
  buffer.transfer(0);
  return true;
}
