// Little-endian integers of the Cap'n Proto encoding, read from bytes in place. For framing, and for the hot path, where
// generated classes are too slow.
// Source: https://capnproto.org/encoding.html

export const WORD_BYTES = 8;

/** The unsigned 32-bit integer at byte `at`. The caller keeps `at + 4` inside `bytes`. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at) >>> 0;
}

/** The signed 32-bit integer at byte `at`. The caller keeps `at + 4` inside `bytes`. */
export function readInt32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** The unsigned 16-bit integer at byte `at`. The caller keeps `at + 2` inside `bytes`. */
export function readUint16(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

/** Writes `value` modulo 2^32 at byte `at`. The caller keeps `at + 4` inside `bytes`. */
export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}
