// Hashes as Bitcoin Core prints them: the bytes of the wire in reverse order, in hex.

/** Display order of a 32-byte hash in wire order. */
export function displayHash(bytes: Uint8Array): string {
  return Buffer.from(bytes).reverse().toString("hex");
}
