// Compresses the payload once for as long as it is the same object. The response buffer holds one cache, with the last payload
// and its compressed form.

/**
 * Returns a function from payload to gzip. Level 1: the same thread answers the node, and the next level takes more time
 * than it saves bytes. A payload must not change after the call.
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
