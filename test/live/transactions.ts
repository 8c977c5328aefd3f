// Blocks and transactions without a wallet: every coin lies on a P2WSH script that anyone can spend, so a transaction
// needs no signature, only its witness script, OP_TRUE. What is made this way is standard, so that nodes relay it.
// Source of the formats: BIP 34, BIP 141 and BIP 144.

import type { BitcoinNode, Block } from "./bitcoin-node.ts";

const OP_0 = 0x00;
const OP_TRUE = 0x51;
const OP_RETURN = 0x6a;
const OP_PUSHDATA4 = 0x4e;

const WITNESS_SCRIPT = Uint8Array.of(OP_TRUE);
/** OP_0 and the hash of the witness script. */
const ANYONE_SCRIPT = Buffer.concat([Uint8Array.of(OP_0, 0x20), sha256(WITNESS_SCRIPT)]);
/** The same script, as generatetodescriptor and generateblock take it. */
const ANYONE_DESCRIPTOR = `raw(${ANYONE_SCRIPT.toString("hex")})`;

/** Another script that anyone can spend: blocks that pay to it differ from those of the same second that do not. */
export const BRANCH_DESCRIPTOR = "raw(51)";
/** And one more, for a second branch. */
export const OTHER_BRANCH_DESCRIPTOR = "raw(52)";

/** May be replaced, though nodes today replace any transaction. */
const SEQUENCE = 0xfffffffd;
const TX_VERSION = 2;

/** A coinbase may be spent in the block that comes this many after it. */
export const COINBASE_MATURITY = 100;

/** An output that the tests can spend. Values are satoshis: below 2^53, so plain numbers. */
export interface Coin {
  readonly txid: string;
  readonly vout: number;
  readonly value: number;
}

export interface Transaction {
  readonly txid: string;
  readonly hex: string;
  /** With the witnesses. */
  readonly size: number;
  readonly coins: readonly Coin[];
}

/**
 * Spends `coins` to outputs of these values that can be spent alike; what is left is the fee. With `dataBytes`, an
 * output without value carries that many bytes of nothing.
 */
export function spend(coins: readonly Coin[], values: readonly number[], dataBytes = 0): Transaction {
  const inputs = coins.map(({ txid, vout }) =>
    Buffer.concat([Buffer.from(txid, "hex").reverse(), uint32(vout), compactSize(0), uint32(SEQUENCE)]),
  );
  const outputs = values.map((value) => output(value, ANYONE_SCRIPT));
  if (dataBytes > 0) outputs.push(output(0, dataScript(dataBytes)));
  const version = uint32(TX_VERSION);
  const body = Buffer.concat([compactSize(inputs.length), ...inputs, compactSize(outputs.length), ...outputs]);
  const witness = Buffer.concat([compactSize(1), compactSize(WITNESS_SCRIPT.length), WITNESS_SCRIPT]);
  const lockTime = uint32(0);
  const bytes = Buffer.concat([version, Uint8Array.of(0, 1), body, ...coins.map(() => witness), lockTime]);
  const txid = doubleSha256(Buffer.concat([version, body, lockTime]))
    .reverse()
    .toString("hex");
  return {
    txid,
    hex: bytes.toString("hex"),
    size: bytes.length,
    coins: values.map((value, vout) => ({ txid, vout, value })),
  };
}

/** Spends one coin to `count` equal ones and leaves `fee`, and less than `count`, to the miner. */
export function split(coin: Coin, count: number, fee: number): Transaction {
  const value = Math.floor((coin.value - fee) / count);
  return spend([coin], Array<number>(count).fill(value));
}

/** Sends a transaction to the node's mempool. Throws CliError when the node refuses it. */
export async function send(node: BitcoinNode, transaction: Transaction): Promise<void> {
  // 0: no fee is too high.
  await node.cli("sendrawtransaction", transaction.hex, 0);
}

/** Mines blocks with what the mempool has, and returns their hashes. */
export function mine(node: BitcoinNode, count = 1, descriptor = ANYONE_DESCRIPTOR): Promise<string[]> {
  return node.cli("generatetodescriptor", count, descriptor);
}

/** Mines a block of exactly these transactions, whether or not the mempool has them, and returns its hash. */
export async function mineExactly(node: BitcoinNode, transactions: readonly Transaction[]): Promise<string> {
  const hexes = transactions.map(({ hex }) => hex);
  const { hash } = await node.cli<{ hash: string }>("generateblock", ANYONE_DESCRIPTOR, hexes);
  return hash;
}

/** The coinbase of a block. */
export async function coinbaseOf(node: BitcoinNode, blockHash: string): Promise<Coin> {
  const [coinbase] = (await node.cli<Block>("getblock", blockHash, 2)).tx;
  return { txid: coinbase!.txid, vout: 0, value: satoshis(coinbase!.vout[0]!.value) };
}

/** Mines until `count` coins can be spent, and returns them. */
export async function fund(node: BitcoinNode, count: number): Promise<Coin[]> {
  const hashes = await mine(node, count + COINBASE_MATURITY);
  return Promise.all(hashes.slice(0, count).map((hash) => coinbaseOf(node, hash)));
}

/** The height at which the chain parameters of regtest accept a snapshot of the UTXO set of `snapshotChain`. */
export const SNAPSHOT_HEIGHT = 200;

const GENESIS_HASH = Buffer.from("0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206", "hex").reverse();
const GENESIS_TIME = 1_296_688_602;
/** The highest hash of a block on regtest, as in a header and as a number of 256 bits, high byte first. */
const COMPACT_TARGET = 0x207fffff;
const TARGET = Buffer.concat([Uint8Array.of(0x7f, 0xff, 0xff), Buffer.alloc(29)]);
const BLOCK_VERSION = 4;
const HEADER_BYTES = 80;

/**
 * The first blocks of a chain that is always the same, in hexadecimal digits. Each has only a coinbase, and comes a second after
 * the one before. Source: CreateBlockChain in src/test/util/mining.cpp of Bitcoin Core.
 */
export function snapshotChain(count: number): string[] {
  let hash: Buffer = GENESIS_HASH;
  return Array.from({ length: count }, (_, index) => {
    const transaction = coinbase(index + 1);
    const fields = [uint32(BLOCK_VERSION), hash, doubleSha256(transaction), uint32(GENESIS_TIME + index + 1)];
    const header = Buffer.concat([...fields, uint32(COMPACT_TARGET), uint32(0)]);
    hash = doubleSha256(header);
    for (let nonce = 1; Buffer.compare(hash.toReversed(), TARGET) > 0; nonce++) {
      header.writeUInt32LE(nonce, HEADER_BYTES - 4);
      hash = doubleSha256(header);
    }
    return Buffer.concat([header, compactSize(1), transaction]).toString("hex");
  });
}

/** The header of a block, both in hexadecimal digits. */
export function headerOf(block: string): string {
  return block.slice(0, 2 * HEADER_BYTES);
}

function coinbase(height: number): Buffer {
  const script = Buffer.concat([pushHeight(height), Uint8Array.of(OP_0)]);
  const input = [Buffer.alloc(32), uint32(0xffffffff), compactSize(script.length), script, uint32(0xfffffffe)];
  // Regtest halves the subsidy every 150 blocks.
  const value = Math.floor(50e8 / 2 ** Math.floor(height / 150));
  const body = [compactSize(1), ...input, compactSize(1), output(value, ANYONE_SCRIPT)];
  return Buffer.concat([uint32(TX_VERSION), ...body, uint32(height - 1)]);
}

/** A height from 1 to 2^15 - 1, as BIP 34 has it in a coinbase. The highest bit of its last byte is a sign. */
function pushHeight(height: number): Buffer {
  if (height <= 16) return Buffer.from([OP_TRUE - 1 + height]);
  return Buffer.from(height < 0x80 ? [1, height] : [2, height & 0xff, height >> 8]);
}

/** An amount in the format of JSON-RPC. */
export function satoshis(amount: number): number {
  return Math.round(amount * 1e8);
}

function output(value: number, script: Uint8Array): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return Buffer.concat([bytes, compactSize(script.length), script]);
}

function dataScript(dataBytes: number): Buffer {
  return Buffer.concat([Uint8Array.of(OP_RETURN, OP_PUSHDATA4), uint32(dataBytes), Buffer.alloc(dataBytes)]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** Bitcoin's variable-length count. */
function compactSize(value: number): Buffer {
  if (value < 0xfd) return Buffer.from([value]);
  const bytes = Buffer.alloc(value <= 0xffff ? 3 : 5);
  bytes[0] = value <= 0xffff ? 0xfd : 0xfe;
  if (value <= 0xffff) bytes.writeUInt16LE(value, 1);
  else bytes.writeUInt32LE(value, 1);
  return bytes;
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Bun.CryptoHasher("sha256").update(bytes).digest();
}

function doubleSha256(bytes: Uint8Array): Buffer {
  return Buffer.from(sha256(sha256(bytes)));
}
