import { expect, test } from "bun:test";
import fc from "fast-check";
import { displayHash } from "../../src/node/hash.ts";
import { transactionId } from "../../src/node/transaction.ts";
import { type Coin, MEMPOOL_HEIGHT, type NodeEvent, SimulatedChain, type Transaction } from "./chain.ts";
import { hash256 } from "./serialization.ts";

const BLOCKS = 110;
const SUBSIDY_SAT = 50_0000_0000n;
const chain = (seed = 1) => new SimulatedChain({ seed, blocks: BLOCKS });
const names = (events: readonly NodeEvent[]) => events.map(({ name }) => name);
const notifications = (events: readonly NodeEvent[]) => names(events.filter((event) => !("coin" in event)));
const outpoint = ({ txid, index }: Coin) => `${displayHash(txid)}:${index}`;

/** The unspent coins by outpoint, from block events only. */
class Ledger {
  readonly coins = new Map<string, bigint>();

  constructor(chain: SimulatedChain) {
    for (let height = 0; height <= chain.tip.height; height++) this.#apply(chain.block(height)!.transactions);
  }

  get totalSat(): bigint {
    return this.coins.values().reduce((sum, valueSat) => sum + valueSat, 0n);
  }

  see(event: NodeEvent): void {
    if (event.name === "blockConnected") this.#apply(event.block.transactions);
    if (event.name !== "blockDisconnected") return;
    for (const { inputs, outputs } of event.block.transactions.toReversed()) {
      for (const coin of outputs) this.#spend(coin);
      for (const coin of inputs) this.#add(coin);
    }
  }

  /** Throws when a transaction of the mempool, in order, spends a coin that does not exist. */
  check(mempool: readonly Transaction[]): void {
    const confirmed = new Map(this.coins);
    this.#apply(mempool);
    this.coins.clear();
    for (const [key, valueSat] of confirmed) this.coins.set(key, valueSat);
  }

  #apply(transactions: readonly Transaction[]): void {
    for (const { inputs, outputs } of transactions) {
      for (const coin of inputs) this.#spend(coin);
      for (const coin of outputs) this.#add(coin);
    }
  }

  #spend(coin: Coin): void {
    if (!this.coins.delete(outpoint(coin))) throw new Error(`${outpoint(coin)} is spent but does not exist`);
  }

  #add(coin: Coin): void {
    if (this.coins.has(outpoint(coin))) throw new Error(`${outpoint(coin)} is added twice`);
    this.coins.set(outpoint(coin), coin.valueSat);
  }
}

test("the same seed and calls give the same bytes, another seed gives others", () => {
  const play = (seed: number) => {
    const played = chain(seed);
    return [played.addTransaction(), played.replaceTransaction(), played.mineBlock(), played.reorg(2), played.flush()];
  };
  expect(play(7)).toEqual(play(7));
  expect(play(7)).not.toEqual(play(8));
});

test("a new transaction spends coins and adds its outputs at the mempool's height", () => {
  const events = chain().addTransaction();
  const { transaction } = events.at(-1) as Extract<NodeEvent, { name: "transactionAddedToMempool" }>;
  expect(names(events)).toEqual([
    ...transaction.inputs.map(() => "spend" as const),
    ...transaction.outputs.map(() => "add" as const),
    "transactionAddedToMempool",
  ]);
  expect(transaction.outputs.every(({ height }) => height === MEMPOOL_HEIGHT)).toBe(true);
  const paidSat = transaction.outputs.reduce((sum, { valueSat }) => sum + valueSat, transaction.feeSat);
  expect(paidSat).toBe(transaction.inputs.reduce((sum, { valueSat }) => sum + valueSat, 0n));
  expect(transactionId(transaction.bytes)).toBe(displayHash(transaction.txid));
});

test("a replacement spends the same coins for a higher fee", () => {
  const replaced = chain();
  replaced.addTransaction();
  const [old] = replaced.mempool;
  const events = replaced.replaceTransaction();
  expect(notifications(events)).toEqual(["transactionRemovedFromMempool", "transactionAddedToMempool"]);
  expect(names(events).filter((name) => name === "uncache")).toHaveLength(old!.outputs.length);
  const [replacement, ...others] = replaced.mempool;
  expect(others).toEqual([]);
  expect(replacement!.inputs).toEqual(old!.inputs);
  expect(replacement!.feeSat).toBeGreaterThan(old!.feeSat);
});

test("an empty mempool gets a transaction to replace", () => {
  const replaced = chain();
  replaced.replaceTransaction();
  expect(replaced.mempool).toHaveLength(1);
});

test("a block follows its predecessor, and its transactions leave the mempool without an event", () => {
  const mined = chain();
  const before = mined.tip;
  for (let count = 0; count < 10; count++) mined.addTransaction();
  const events = mined.mineBlock();
  expect(notifications(events)).toEqual(["blockConnected", "updatedBlockTip"]);
  expect(mined.mempool).toHaveLength(2);
  const { tip } = mined;
  expect(tip.height).toBe(BLOCKS);
  expect(tip.prevHash).toEqual(before.hash);
  expect(tip.hash).toEqual(hash256(tip.bytes.subarray(0, 80)));
  expect(tip.transactions).toHaveLength(1 + 8);
  expect(mined.block(tip.height)).toBe(tip);
  expect(mined.block(tip.height + 1)).toBeUndefined();
});

test("a reorg disconnects blocks and connects one more; what is not confirmed again returns to the mempool", () => {
  const forked = chain();
  for (let count = 0; count < 5; count++) forked.addTransaction();
  forked.mineBlock();
  const disconnected = forked.tip;
  const { transactions } = disconnected;
  expect(notifications(forked.reorg(2))).toEqual([
    "blockDisconnected",
    "blockDisconnected",
    "transactionAddedToMempool",
    "transactionAddedToMempool",
    "blockConnected",
    "blockConnected",
    "blockConnected",
    "updatedBlockTip",
  ]);
  expect(forked.tip.height).toBe(BLOCKS + 1);
  expect(forked.blockWithHash(disconnected.hash)).toBe(disconnected);
  const waiting = [...transactions.slice(3), ...forked.mempool.slice(2)];
  expect(forked.mempool).toEqual(waiting);
  expect(forked.mempool).toHaveLength(3);
});

test("refuses a reorg of no or too many blocks, and a chain without mature coins", () => {
  for (const depth of [0, 7, Number.NaN]) expect(() => chain().reorg(depth)).toThrow(RangeError);
  expect(() => new SimulatedChain({ seed: 1, blocks: 100 })).toThrow(RangeError);
});

test("after any operations no coin is spent twice or lost, and the mempool fits the chain", () => {
  const operation = fc.oneof(
    { weight: 8, arbitrary: fc.constant((played: SimulatedChain) => played.addTransaction()) },
    { weight: 2, arbitrary: fc.constant((played: SimulatedChain) => played.replaceTransaction()) },
    { weight: 2, arbitrary: fc.constant((played: SimulatedChain) => played.mineBlock()) },
    {
      weight: 1,
      arbitrary: fc.integer({ min: 1, max: 6 }).map((depth) => (played: SimulatedChain) => played.reorg(depth)),
    },
  );
  fc.assert(
    fc.property(fc.array(operation, { minLength: 50, maxLength: 200, size: "max" }), fc.nat(), (operations, seed) => {
      // One mature coin at first, so that transactions soon spend each other's outputs.
      const played = new SimulatedChain({ seed, blocks: 101 });
      const ledger = new Ledger(played);
      for (const operate of operations) {
        for (const event of operate(played)) ledger.see(event);
        expect(ledger.totalSat).toBe(BigInt(played.tip.height + 1) * SUBSIDY_SAT);
        ledger.check(played.mempool);
      }
    }),
    { numRuns: 30 },
  );
}, 30_000);

test("blocks have the time of the clock, which never goes back", () => {
  let now = 1_000_000_000;
  const chain = new SimulatedChain({ seed: 1, blocks: BLOCKS, now: () => now });
  expect(chain.tip.time).toBe(now - 600);
  const times = [5, -3, 7].map((later) => {
    now += later;
    chain.mineBlock();
    return chain.tip.time;
  });
  expect(times).toEqual([1_000_000_005, 1_000_000_005, 1_000_000_009]);
});
