// The model of the simulated node: blocks, coins and a mempool, and the events that a node reports for each change. Without a
// clock, the same seed and calls give the same bytes.

import { Random } from "./random.ts";
import { hash256, serializeBlock, serializeHeader, serializeLocator, serializeTransaction } from "./serialization.ts";

/** An unspent output. */
export interface Coin {
  readonly txid: Uint8Array;
  readonly index: number;
  readonly valueSat: bigint;
  readonly isCoinbase: boolean;
  /** Of its block, or MEMPOOL_HEIGHT. */
  height: number;
}

export interface Transaction {
  readonly txid: Uint8Array;
  readonly bytes: Uint8Array;
  readonly feeSat: bigint;
  readonly inputs: readonly Coin[];
  readonly outputs: readonly Coin[];
}

export interface Block {
  readonly hash: Uint8Array;
  readonly prevHash: Uint8Array;
  readonly height: number;
  /** Unix time in seconds. */
  readonly time: number;
  readonly bytes: Uint8Array;
  /** The coinbase transaction comes first. */
  readonly transactions: readonly Transaction[];
}

/** One callback of a node, by name. */
export type NodeEvent = ChainEvent | CoinEvent;
type ChainEvent =
  | { readonly name: "transactionAddedToMempool"; readonly transaction: Transaction }
  | { readonly name: "transactionRemovedFromMempool"; readonly transaction: Transaction; readonly reason: number }
  | { readonly name: "blockConnected" | "blockDisconnected"; readonly block: Block }
  | { readonly name: "updatedBlockTip" }
  | { readonly name: "chainStateFlushed"; readonly locator: Uint8Array };
interface CoinEvent {
  readonly name: "add" | "spend" | "uncache";
  readonly coin: Coin;
}

/** Bitcoin Core's height of coins whose transaction is in no block yet. */
export const MEMPOOL_HEIGHT = 0x7fffffff;
/** MemPoolRemovalReason::REPLACED of Bitcoin Core. */
const REPLACED = 5;
const MAX_REORG_DEPTH = 6;

/** Blocks until a coinbase may be spent: more than any reorganization disconnects, so that no spent coin disappears. */
const COINBASE_MATURITY = 100;
/** Older blocks are dropped, so that memory does not grow. */
const KEPT_BLOCKS = 144;
export const SUBSIDY_SAT = 50_0000_0000n;
/** Weight units of a transaction per byte of it: 85 times those of a real one, so that a few dozen transactions fill a block. */
const WEIGHT_PER_BYTE = 85 * 4;
export const WEIGHT_PER_VBYTE = 4;
/** The most of a block's transactions: what Bitcoin Core leaves to them of 4,000,000. */
export const MAX_BLOCK_WEIGHT = 3_992_000;
/** Fee rates of new transactions in satoshis per virtual byte, while the mempool is empty. */
const FEE_RATES = { min: 0.12, max: 90 };
/** With so many waiting transactions, new ones pay twice as much. */
const DOUBLED_FEES_AT = 150;
/** Of a transaction, per input. */
const TYPICAL_BYTES = 220;
/** With more coins than this, transactions merge instead of splitting. */
const MANY_COINS = 500;
/** The share of the mempool that a block confirms if it has room. */
const BLOCK_SHARE = 0.8;
const GENESIS_TIME = 1_296_688_602;
const BLOCK_INTERVAL_S = 600;
const NO_HASH = new Uint8Array(32);
const COINBASE_INDEX = 0xffffffff;

export class SimulatedChain {
  readonly #random: Random;
  /** The last blocks of the active chain, the tip last. */
  readonly #blocks: Block[] = [];
  /** The last ones that reorganizations disconnected. As a node does, it keeps them. */
  readonly #disconnected: Block[] = [];
  /** By transaction id, parents before their children. */
  readonly #mempool = new Map<string, Transaction>();
  /** Its transactions sorted, since it last changed. */
  #byFeeRate: readonly Transaction[] | undefined;
  /** Mature coins that neither the chain nor the mempool spends, by outpoint. */
  readonly #coins = new Map<string, Coin>();
  /** Coinbases of the last blocks, the newest last. */
  readonly #immature: Coin[] = [];

  readonly #firstTime: number;
  readonly #now: (() => number) | undefined;

  /**
   * Starts with `blocks` blocks, more than 100, so that there are coins to spend. `now` returns Unix time in seconds; without
   * it each block is ten minutes after the previous one.
   */
  constructor({ seed, blocks, now }: { seed: number; blocks: number; now?: (() => number) | undefined }) {
    if (blocks <= COINBASE_MATURITY) throw new RangeError(`cannot begin with ${blocks} blocks: no coinbase is mature`);
    this.#random = new Random(seed);
    this.#firstTime = now === undefined ? GENESIS_TIME : now() - blocks * BLOCK_INTERVAL_S;
    for (let mined = 0; mined < blocks; mined++) this.#connect([]);
    this.#now = now;
  }

  get tip(): Block {
    return this.#blocks.at(-1)!;
  }

  get mempool(): readonly Transaction[] {
    return [...this.#mempool.values()];
  }

  /** A block of the active chain; undefined when it is dropped. */
  block(height: number): Block | undefined {
    return this.#blocks.findLast((block) => block.height === height);
  }

  /** A block of any branch; undefined when it is dropped. */
  blockWithHash(hash: Uint8Array): Block | undefined {
    return [...this.#blocks, ...this.#disconnected].findLast((block) => Buffer.compare(block.hash, hash) === 0);
  }

  /** Adds a transaction of 1 to 3 inputs and outputs to the mempool. */
  addTransaction(): NodeEvent[] {
    const count = this.#coins.size > MANY_COINS ? 3 : 1;
    // Outputs of the mempool only if there are no others, so that most transactions there do not depend on each other.
    const confirmed = this.#coins.values().filter(({ height }) => height !== MEMPOOL_HEIGHT);
    const [...inputs] = confirmed.take(count);
    if (inputs.length === 0) inputs.push(...this.#coins.values().take(count));
    return this.#accept(this.#transaction(inputs, this.#feeRate()));
  }

  /** Replaces a transaction by one with the same inputs and a higher fee. An empty mempool gets a transaction first. */
  replaceTransaction(): NodeEvent[] {
    const events = this.#mempool.size === 0 ? this.addTransaction() : [];
    // A transaction with descendants would remove them too.
    const leaves = this.mempool.filter(({ outputs }) => outputs.every((coin) => this.#coins.has(outpoint(coin))));
    const old = leaves[this.#random.integer(0, leaves.length - 1)]!;
    this.#mempool.delete(hex(old.txid));
    for (const coin of old.outputs) {
      this.#coins.delete(outpoint(coin));
      events.push(coinEvent("uncache", coin));
    }
    events.push({ name: "transactionRemovedFromMempool", transaction: old, reason: REPLACED });
    events.push(...this.#accept(this.#transaction(old.inputs, 2 * feeRateOf(old))));
    return events;
  }

  /** Mines a block with the dearest transactions. As in a node, they leave the mempool without an event. */
  mineBlock(): NodeEvent[] {
    const wanted = this.byFeeRate().slice(0, Math.ceil(this.#mempool.size * BLOCK_SHARE));
    const fitting = wanted.slice(0, fittingInto(MAX_BLOCK_WEIGHT, wanted));
    return [...this.#connect(fitting), { name: "updatedBlockTip" }];
  }

  /** The mempool, the dearest transactions first. One that pays more than its parents comes right after them. */
  byFeeRate(): readonly Transaction[] {
    this.#byFeeRate ??= this.#sortByFeeRate();
    return this.#byFeeRate;
  }

  #sortByFeeRate(): Transaction[] {
    const rates = new Map<string, number>();
    for (const [id, transaction] of this.#mempool) {
      const parents = transaction.inputs.map(({ txid }) => rates.get(hex(txid)) ?? Number.POSITIVE_INFINITY);
      rates.set(id, Math.min(feeRateOf(transaction), ...parents));
    }
    const rate = ({ txid }: Transaction) => rates.get(hex(txid))!;
    // The sort is stable, so parents stay before their children.
    return this.mempool.toSorted((a, b) => rate(b) - rate(a));
  }

  /**
   * Switches to a branch that forks off `depth` blocks below the tip, 1 to MAX_REORG_DEPTH, and is one block longer. Its first
   * block has half of the disconnected transactions; the others return to the mempool.
   */
  reorg(depth: number): NodeEvent[] {
    if (!(depth >= 1 && depth <= MAX_REORG_DEPTH)) {
      throw new RangeError(`cannot reorganize ${depth} blocks: expected 1 to ${MAX_REORG_DEPTH}`);
    }
    const events: NodeEvent[] = [];
    const freed: Transaction[] = [];
    for (let disconnected = 0; disconnected < depth; disconnected++) {
      freed.unshift(...this.tip.transactions.slice(1));
      events.push(...this.#disconnectTip());
    }
    const confirmed = freed.slice(0, Math.ceil(freed.length / 2));
    const waiting = this.mempool;
    this.#mempool.clear();
    for (const transaction of freed.slice(confirmed.length)) events.push(...this.#enterMempool(transaction));
    // These may spend outputs of the returned transactions, so they come after them.
    for (const transaction of waiting) this.#mempool.set(hex(transaction.txid), transaction);
    events.push(...this.#connect(confirmed));
    for (let connected = 0; connected < depth; connected++) events.push(...this.#connect([]));
    events.push({ name: "updatedBlockTip" });
    return events;
  }

  flush(): NodeEvent[] {
    const hashes = this.#blocks.slice(-10).map(({ hash }) => hash);
    return [{ name: "chainStateFlushed", locator: serializeLocator(hashes.reverse()) }];
  }

  #accept(transaction: Transaction): NodeEvent[] {
    for (const coin of transaction.inputs) this.#coins.delete(outpoint(coin));
    for (const coin of transaction.outputs) this.#coins.set(outpoint(coin), coin);
    return this.#enterMempool(transaction);
  }

  #enterMempool(transaction: Transaction): NodeEvent[] {
    this.#mempool.set(hex(transaction.txid), transaction);
    this.#byFeeRate = undefined;
    return [...spent(transaction), { name: "transactionAddedToMempool", transaction }];
  }

  #connect(transactions: readonly Transaction[]): NodeEvent[] {
    const height = (this.#blocks.at(-1)?.height ?? -1) + 1;
    const coinbase = this.#coinbase(height, transactions);
    const block = this.#block(height, [coinbase, ...transactions]);
    const events: NodeEvent[] = [];
    this.#byFeeRate = undefined;
    for (const transaction of block.transactions) {
      this.#mempool.delete(hex(transaction.txid));
      for (const coin of transaction.outputs) coin.height = height;
      events.push(...spent(transaction));
    }
    this.#immature.push(coinbase.outputs[0]!);
    if (this.#immature.length > COINBASE_MATURITY) {
      const mature = this.#immature.shift()!;
      this.#coins.set(outpoint(mature), mature);
    }
    this.#blocks.push(block);
    if (this.#blocks.length > KEPT_BLOCKS) this.#blocks.shift();
    return [...events, { name: "blockConnected", block }];
  }

  /** Disconnects the tip. Its transactions are then neither in a block nor in the mempool. */
  #disconnectTip(): NodeEvent[] {
    const block = this.#blocks.pop()!;
    this.#disconnected.push(block);
    if (this.#disconnected.length > KEPT_BLOCKS) this.#disconnected.shift();
    this.#immature.pop();
    const events: NodeEvent[] = [];
    for (const { inputs, outputs } of block.transactions.toReversed()) {
      for (const coin of outputs) events.push(coinEvent("spend", coin));
      for (const coin of inputs) events.push(coinEvent("add", coin));
      for (const coin of outputs) coin.height = MEMPOOL_HEIGHT;
    }
    return [...events, { name: "blockDisconnected", block }];
  }

  #block(height: number, transactions: readonly Transaction[]): Block {
    const previous = this.#blocks.at(-1);
    const prevHash = previous?.hash ?? NO_HASH;
    const time = this.#timeAfter(previous);
    const txids = transactions.map(({ txid }) => txid);
    // No proof of work: only the random nonce makes the blocks of two branches differ.
    const header = serializeHeader({ prevHash, txids, time, nonce: this.#random.integer(0, 0xffffffff) });
    const bytes = serializeBlock(
      header,
      transactions.map((transaction) => transaction.bytes),
    );
    return { hash: hash256(header), prevHash, height, time, bytes, transactions };
  }

  #timeAfter(previous: Block | undefined): number {
    if (previous === undefined) return this.#firstTime;
    return this.#now === undefined ? previous.time + BLOCK_INTERVAL_S : Math.max(previous.time, this.#now());
  }

  #coinbase(height: number, transactions: readonly Transaction[]): Transaction {
    const valueSat = transactions.reduce((sum, { feeSat }) => sum + feeSat, SUBSIDY_SAT);
    const input = { txid: NO_HASH, index: COINBASE_INDEX, script: this.#random.bytes(8) };
    const bytes = serializeTransaction([input], [{ valueSat, script: this.#random.bytes(22) }]);
    const txid = hash256(bytes);
    const outputs = [{ txid, index: 0, valueSat, isCoinbase: true, height }];
    return { txid, bytes, feeSat: 0n, inputs: [], outputs };
  }

  /** In satoshis per virtual byte: low ones are more frequent, and all rise with the mempool. */
  #feeRate(): number {
    const { min, max } = FEE_RATES;
    const height = this.#random.integer(0, 1000) / 1000;
    return min * (max / min) ** height * 2 ** (this.#mempool.size / DOUBLED_FEES_AT);
  }

  /** A new transaction. The fee is at most half of the value of `inputs`. */
  #transaction(inputs: readonly Coin[], feeRate: number): Transaction {
    const worthSat = inputs.reduce((sum, { valueSat }) => sum + valueSat, 0n);
    const wantedFeeSat = BigInt(
      Math.ceil((feeRate * WEIGHT_PER_BYTE * TYPICAL_BYTES * inputs.length) / WEIGHT_PER_VBYTE),
    );
    const feeSat = wantedFeeSat < worthSat / 2n ? wantedFeeSat : worthSat / 2n;
    const values = this.#split(worthSat - feeSat);
    const bytes = serializeTransaction(
      // Random scripts, as long as a signature with its key and as a witness program.
      inputs.map(({ txid, index }) => ({ txid, index, script: this.#random.bytes(107) })),
      values.map((valueSat) => ({ valueSat, script: this.#random.bytes(22) })),
    );
    const txid = hash256(bytes);
    const outputs = values.map((valueSat, index) => ({
      txid,
      index,
      valueSat,
      isCoinbase: false,
      height: MEMPOOL_HEIGHT,
    }));
    return { txid, bytes, feeSat, inputs, outputs };
  }

  /** `valueSat` in 1 to 3 parts. */
  #split(valueSat: bigint): bigint[] {
    const parts: bigint[] = [];
    let rest = valueSat;
    for (let more = this.#random.integer(0, 2); more > 0; more--) {
      const part = (rest * BigInt(this.#random.integer(20, 80))) / 100n;
      parts.push(part);
      rest -= part;
    }
    return [...parts, rest];
  }
}

export function weightOf({ bytes }: Transaction): number {
  return bytes.length * WEIGHT_PER_BYTE;
}

/** How many of the transactions, from the first, have `weight` at most. */
export function fittingInto(weight: number, transactions: readonly Transaction[]): number {
  let left = weight;
  for (const [index, transaction] of transactions.entries()) {
    left -= weightOf(transaction);
    if (left < 0) return index;
  }
  return transactions.length;
}

/** In satoshis per virtual byte. */
export function feeRateOf(transaction: Transaction): number {
  return (Number(transaction.feeSat) * WEIGHT_PER_VBYTE) / weightOf(transaction);
}

/** The changes of the UTXO cache by a transaction. */
function spent({ inputs, outputs }: Transaction): CoinEvent[] {
  return [...inputs.map((coin) => coinEvent("spend", coin)), ...outputs.map((coin) => coinEvent("add", coin))];
}

/** The event is sent later, so it keeps the coin as it is now. */
function coinEvent(name: CoinEvent["name"], coin: Coin): CoinEvent {
  return { name, coin: { ...coin } };
}

function outpoint({ txid, index }: Coin): string {
  return `${hex(txid)}:${index}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toHex();
}
