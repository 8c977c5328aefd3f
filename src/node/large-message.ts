// The rest of a large message, such as a block, read by ourselves. Bun reads a chunk into its own buffer and copies it into a
// new one; of a large message that is most of the work, and all for bytes that are dropped. So while one is coming, what is
// there already goes into one buffer that is used again. Bun tells of the rest: it sees that there is something to read
// whoever has read before.

import { readSync } from "node:fs";
import type { Connection } from "../rpc/connection.ts";

/** What a Unix socket holds by default, and a little more (net.core.wmem_default, 208 KiB). */
const BUFFER_BYTES = 256 * 1024;

/** Afterwards others have their turn, however much there is: a node that only ever sends such messages must not keep us. */
const MAX_READS = 32;

const buffer = new Uint8Array(BUFFER_BYTES);

/** Reads from the descriptor of the connection's socket while a large message is coming and some of it is there. */
export function readLargeMessage(descriptor: number, connection: Pick<Connection, "isDropping" | "receive">): void {
  for (let reads = 0; reads < MAX_READS && connection.isDropping; reads++) {
    const sizeBytes = readNow(descriptor);
    if (sizeBytes === 0) return;
    connection.receive(buffer.subarray(0, sizeBytes));
  }
}

/** How many bytes came into the buffer: 0 when there are none yet, at the end, and after an error, which Bun will meet too. */
function readNow(descriptor: number): number {
  try {
    return readSync(descriptor, buffer, 0, BUFFER_BYTES, null);
  } catch {
    return 0;
  }
}
