// Drops the rest of a large message whose head is enough, such as a block. Bun reads each chunk into its own buffer and copies
// it into a new one, which is most of the work for bytes that are dropped. So while such a message arrives, available bytes are
// read into one reused buffer. Bun still reports when more arrive.

import { readSync } from "node:fs";
import type { Connection } from "../rpc/connection.ts";

/** A little more than a Unix socket holds by default (net.core.wmem_default, 208 KiB). */
const BUFFER_BYTES = 256 * 1024;

/** Reads in one turn of the event loop, which a node that sends only large messages must not block. */
const MAX_READS = 32;

const buffer = new Uint8Array(BUFFER_BYTES);

/** Reads from the descriptor of the connection's socket while a large message arrives and bytes of it are available. */
export function readLargeMessage(descriptor: number, connection: Pick<Connection, "isDropping" | "receive">): void {
  for (let reads = 0; reads < MAX_READS && connection.isDropping; reads++) {
    const sizeBytes = readNow(descriptor);
    if (sizeBytes === 0) return;
    connection.receive(buffer.subarray(0, sizeBytes));
  }
}

/** Returns how many bytes were read into the buffer: 0 if none are available, at the end, and after an error, which Bun reports. */
function readNow(descriptor: number): number {
  try {
    return readSync(descriptor, buffer, 0, BUFFER_BYTES, null);
  } catch {
    return 0;
  }
}
