// Frees the memory of a chunk that a socket received. Bun allocates a buffer for each read and leaves it to the garbage
// collector.

/** Freeing takes half a microsecond or more: too much for a chunk of a few calls. */
const FREED_ABOVE_BYTES = 16 * 1024;

/** About how much garbage a chunk causes besides its bytes: the objects around them, and those made to answer it. */
const OBJECTS_BYTES = 500;

/** The collector still counts freed chunks, and starts by itself after 64 MiB of them: this share of each collects earlier. */
const COUNTED_OF_FREED = 1 / 16;

/**
 * Frees a large chunk, which is empty afterwards; the caller no longer reads it. Returns about how many bytes are left to
 * the garbage collector.
 */
export function releaseChunk(chunk: Uint8Array<ArrayBufferLike>): number {
  const sizeBytes = chunk.length;
  // Reading the buffer of a small chunk would allocate an object for it, and collections would take twice as long.
  if (sizeBytes <= FREED_ABOVE_BYTES || !free(chunk)) return sizeBytes + OBJECTS_BYTES;
  return sizeBytes * COUNTED_OF_FREED + OBJECTS_BYTES;
}

/**
 * Frees the memory of a chunk that shares it with no other. Otherwise each large chunk would be fresh memory, and touching
 * fresh memory is most of its cost: bench/callbacks.ts measures blocks of 2 MB.
 */
function free({ buffer, byteLength }: Uint8Array<ArrayBufferLike>): boolean {
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength !== byteLength) return false;
  buffer.transfer(0);
  return true;
}
