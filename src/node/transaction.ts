// The id of a serialized transaction, for the debug log. Reads only the parts of the format that it needs.
// Source of the format: BIP 141 (transaction id) and Bitcoin Core's compact sizes.

import { displayHash } from "./hash.ts";

const VERSION_BYTES = 4;
const LOCKTIME_BYTES = 4;
const OUTPOINT_BYTES = 36;
const SEQUENCE_BYTES = 4;
const VALUE_BYTES = 8;
/** These two bytes instead of the input count: witnesses follow the outputs. */
const WITNESS_MARKER = 0x00;
const WITNESS_FLAG = 0x01;

/** The transaction's id in display order, or undefined if the bytes are not a transaction. */
export function transactionId(tx: Uint8Array): string | undefined {
  const hasWitness = tx[VERSION_BYTES] === WITNESS_MARKER && tx[VERSION_BYTES + 1] === WITNESS_FLAG;
  if (!hasWitness) return displayHash(sha256d(tx));
  const start = VERSION_BYTES + 2;
  const end = endOfOutputs(tx, start);
  if (end === undefined || end + LOCKTIME_BYTES > tx.length) return undefined;
  const withoutWitness = [
    tx.subarray(0, VERSION_BYTES),
    tx.subarray(start, end),
    tx.subarray(tx.length - LOCKTIME_BYTES),
  ];
  return displayHash(sha256d(Buffer.concat(withoutWitness)));
}

function sha256d(bytes: Uint8Array): Uint8Array {
  const once = new Bun.CryptoHasher("sha256").update(bytes).digest();
  return new Bun.CryptoHasher("sha256").update(once).digest();
}

/** The offset after the inputs and outputs that begin at `start`, or undefined if they extend beyond the bytes. */
function endOfOutputs(tx: Uint8Array, start: number): number | undefined {
  const cursor = { at: start };
  for (let inputs = readCompactSize(tx, cursor); inputs > 0; inputs--) {
    cursor.at += OUTPOINT_BYTES;
    skipScript(tx, cursor);
    cursor.at += SEQUENCE_BYTES;
    if (cursor.at > tx.length) return undefined;
  }
  for (let outputs = readCompactSize(tx, cursor); outputs > 0; outputs--) {
    cursor.at += VALUE_BYTES;
    skipScript(tx, cursor);
    if (cursor.at > tx.length) return undefined;
  }
  return cursor.at > tx.length ? undefined : cursor.at;
}

function skipScript(tx: Uint8Array, cursor: { at: number }): void {
  // A statement of its own: `cursor.at += readCompactSize(…)` would read `at` before the count moves it.
  const sizeBytes = readCompactSize(tx, cursor);
  cursor.at += sizeBytes;
}

/** Reads Bitcoin's variable-length count and moves the cursor past it; past the end of the bytes if it is truncated. */
function readCompactSize(bytes: Uint8Array, cursor: { at: number }): number {
  const first = bytes[cursor.at] ?? 0;
  const sizeBytes = first < 0xfd ? 0 : first === 0xfd ? 2 : first === 0xfe ? 4 : 8;
  const start = cursor.at + 1;
  cursor.at = start + sizeBytes;
  if (sizeBytes === 0) return first;
  let value = 0;
  for (let index = sizeBytes - 1; index >= 0; index--) value = value * 256 + (bytes[start + index] ?? 0);
  return value;
}
