// The first message of a TLS client, the ClientHello, as it arrives. tls-client.ts begins the handshake once it is complete.

// The header of a record (RFC 8446 5.1): type, version, length of what follows.
const HANDSHAKE = 22;
const HEADER_BYTES = 5;
const LENGTH_OFFSET = 3;
const MAX_RECORD_BYTES = 16 * 1024;
/** The ClientHello, which may span several records: type, length in three bytes, that many bytes (RFC 8446 4). */
const HELLO_HEADER_BYTES = 4;
const MAX_HELLO_BYTES = 16 * 1024;
const MAX_HELLO_RECORDS = 16;

/** Whether the ClientHello is complete; undefined if the bytes are not the start of one in a few records. */
export function hasHello(bytes: Buffer): boolean | undefined {
  let missingBytes = 0;
  for (let offset = 0, count = 0; offset < bytes.length; count++) {
    if (bytes[offset] !== HANDSHAKE || count >= MAX_HELLO_RECORDS) return undefined;
    const begin = offset + HEADER_BYTES;
    if (bytes.length < begin) return false;
    const sizeBytes = bytes.readUInt16BE(offset + LENGTH_OFFSET);
    if (sizeBytes > MAX_RECORD_BYTES || (count === 0 && sizeBytes < HELLO_HEADER_BYTES)) return undefined;
    if (bytes.length < begin + sizeBytes) return false;
    if (count === 0) missingBytes = HELLO_HEADER_BYTES + bytes.readUIntBE(begin + 1, 3);
    if (missingBytes > MAX_HELLO_BYTES) return undefined;
    missingBytes -= sizeBytes;
    if (missingBytes <= 0) return true;
    offset = begin + sizeBytes;
  }
  return false;
}
