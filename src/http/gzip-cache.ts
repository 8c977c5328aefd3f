// Compresses the payload once for as long as it stays the same object.
// The response buffer asks it for every answer in gzip; it holds the last payload and its compressed form, no more.

/**
 * A function from payload to gzip. Level 1: the same thread answers the node, and the next level costs more time
 * than it saves bytes. "The same" is the same object, so a payload must not change once it has been handed over.
 */
export function createGzipCache(): (payload: Uint8Array) => Uint8Array {
  let source: Uint8Array | undefined;
  let compressed: Uint8Array = new Uint8Array();
  return (payload) => {
    if (payload !== source) {
      compressed = Bun.gzipSync(payload as Uint8Array<ArrayBuffer>, { level: 1 });
      source = payload;
    }
    return compressed;
  };
}
