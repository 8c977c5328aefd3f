// What becomes of the memory that a chunk of a socket lies in. Bun makes a new buffer for each read, and leaves it to the
// garbage collector.

/** Freeing costs half a microsecond and more, which a chunk of some calls is not worth. */
const FREED_ABOVE_BYTES = 16 * 1024;

/** About what a chunk leaves behind besides its bytes: the objects around them, and what is made to answer it. */
const OBJECTS_BYTES = 500;

/** The collector counts a chunk that was freed, and begins by itself after 64 MiB of them: told so, it is early. */
const LEFT_OF_FREED = 1 / 16;

/**
 * Nobody reads `chunk` any more. A large one is freed and has no bytes after it. Returns how many bytes are left to the
 * garbage collector, more or less.
 */
export function releaseChunk(chunk: Uint8Array<ArrayBufferLike>): number {
  const sizeBytes = chunk.length;
  // Not even looked at is the buffer of a small one: that makes an object of it, and collections take twice as long.
  if (sizeBytes <= FREED_ABOVE_BYTES || !free(chunk)) return sizeBytes + OBJECTS_BYTES;
  return sizeBytes * LEFT_OF_FREED + OBJECTS_BYTES;
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
