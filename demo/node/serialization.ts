// Serializes transactions, blocks and locators as Bitcoin does, so that notifications carry valid bytes. Without witnesses.
// Formats: https://developer.bitcoin.org/reference/

export interface Input {
  readonly txid: Uint8Array;
  readonly index: number;
  readonly script: Uint8Array;
}

export interface Output {
  readonly valueSat: bigint;
  readonly script: Uint8Array;
}

export interface Header {
  readonly prevHash: Uint8Array;
  /** Ids of all transactions, in the block's order. */
  readonly txids: readonly Uint8Array[];
  /** Unix time in seconds. */
  readonly time: number;
  readonly nonce: number;
}

const TRANSACTION_VERSION = 2;
const BLOCK_VERSION = 0x20000000;
const LOCATOR_VERSION = 70_016;
/** The sequence of an input that signals replaceability (BIP 125). */
const REPLACEABLE = 0xfffffffd;
/** Regtest's target. */
const EASIEST_BITS = 0x207fffff;

/** Double SHA-256, in wire order. */
export function hash256(bytes: Uint8Array): Uint8Array {
  const once = new Bun.CryptoHasher("sha256").update(bytes).digest();
  return new Bun.CryptoHasher("sha256").update(once).digest();
}

export function serializeTransaction(inputs: readonly Input[], outputs: readonly Output[]): Uint8Array {
  return Buffer.concat([
    uint32(TRANSACTION_VERSION),
    compactSize(inputs.length),
    ...inputs.flatMap(({ txid, index, script }) => [txid, uint32(index), ...sized(script), uint32(REPLACEABLE)]),
    compactSize(outputs.length),
    ...outputs.flatMap(({ valueSat, script }) => [int64(valueSat), ...sized(script)]),
    uint32(0),
  ]);
}

export function serializeHeader({ prevHash, txids, time, nonce }: Header): Uint8Array {
  const fields = [uint32(time), uint32(EASIEST_BITS), uint32(nonce)];
  return Buffer.concat([uint32(BLOCK_VERSION), prevHash, merkleRoot(txids), ...fields]);
}

export function serializeBlock(header: Uint8Array, transactions: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([header, compactSize(transactions.length), ...transactions]);
}

/** `hashes` are of blocks of the active chain, the newest first. */
export function serializeLocator(hashes: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([uint32(LOCATOR_VERSION), compactSize(hashes.length), ...hashes]);
}

function merkleRoot(hashes: readonly Uint8Array[]): Uint8Array {
  let row = hashes;
  while (row.length > 1) {
    const parents: Uint8Array[] = [];
    // The last of an odd row is paired with itself.
    for (let at = 0; at < row.length; at += 2)
      parents.push(hash256(Buffer.concat([row[at]!, row[at + 1] ?? row[at]!])));
    row = parents;
  }
  return row[0]!;
}

function sized(bytes: Uint8Array): Uint8Array[] {
  return [compactSize(bytes.length), bytes];
}

function compactSize(count: number): Uint8Array {
  if (count < 0xfd) return Uint8Array.of(count);
  const bytes = Buffer.alloc(count <= 0xffff ? 3 : 5);
  bytes[0] = count <= 0xffff ? 0xfd : 0xfe;
  bytes.writeUIntLE(count, 1, bytes.length - 1);
  return bytes;
}

function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function int64(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytes;
}
