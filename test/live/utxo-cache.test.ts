// The coins of the UTXO cache: counts and values against the blocks that a node connected and the coins that it then has.

import { expect, setDefaultTimeout, test } from "bun:test";
import { ExporterProcess, type Metrics } from "../exporter-process.ts";
import { BitcoinNode, type Block } from "./bitcoin-node.ts";
import { describeLive } from "./executables.ts";
import { COINS, IS_TRACED } from "./families.ts";
import { coinbaseOf, fund, mine, satoshis, send, spend, split } from "./transactions.ts";

setDefaultTimeout(60_000);

/** The node counts every view of its coins, and regtest checks the mempool in views of its own. Off, as on mainnet. */
const NO_CHECKS = "-checkmempool=0";

const {
  add: ADD,
  addValue: ADD_VALUE,
  spend: SPEND,
  spendValue: SPEND_VALUE,
  uncache: UNCACHE,
  uncacheValue: UNCACHE_VALUE,
} = COINS;
const ALL = Object.values(COINS);

interface TxOutSetInfo {
  readonly txouts: number;
  readonly total_amount: number;
}

describeLive("utxo cache", () => {
  test("coins of connected blocks, by count and value", async () => {
    await using miner = await BitcoinNode.start();
    await using node = await BitcoinNode.start([NO_CHECKS]);
    const [coin] = await fund(miner, 1);
    await submit(node, miner, await hashes(miner, 1, 101));
    await using exporter = await traced(node);
    const before = await node.cli<TxOutSetInfo>("gettxoutsetinfo");

    // A miner validates each block before it mines it, and counts its coins twice. So the blocks come from another node.
    const many = split(coin!, 50, 10_000);
    await send(miner, many);
    await mine(miner);
    for (const output of many.coins.slice(0, 20)) await send(miner, spend([output], [output.value - 1_000]));
    await send(miner, spend(many.coins.slice(20, 30), [many.coins[20]!.value]));
    await mine(miner, 3);
    const blocks = await hashes(miner, 102, 105);
    await submit(node, miner, blocks);

    const expected = await flow(miner, blocks);
    const metrics = await exporter.waitUntil("all coins are counted", (metrics) => metrics.get(ADD)! >= expected[ADD]!);
    expect(pick(metrics)).toEqual(expected);
    const after = await node.cli<TxOutSetInfo>("gettxoutsetinfo");
    expect(expected[ADD]! - expected[SPEND]!).toBe(after.txouts - before.txouts);
    expect(expected[ADD_VALUE]! - expected[SPEND_VALUE]!).toBe(
      satoshis(after.total_amount) - satoshis(before.total_amount),
    );
  });

  test("coins of disconnected blocks", async () => {
    await using node = await BitcoinNode.start([NO_CHECKS]);
    const [last] = (await mine(node, 5)).slice(-1);
    const { value } = await coinbaseOf(node, last!);
    await using exporter = await traced(node);
    // Undoing a block spends what it added, and connecting it again adds that again.
    await node.cli("invalidateblock", last!);
    const undone = await exporter.waitFor(SPEND, 1);
    expect(pick(undone)).toEqual({ ...NOTHING, [SPEND]: 1, [SPEND_VALUE]: value });
    await node.cli("reconsiderblock", last!);
    const redone = await exporter.waitFor(ADD, 1);
    expect(pick(redone)).toEqual({ ...NOTHING, [SPEND]: 1, [SPEND_VALUE]: value, [ADD]: 1, [ADD_VALUE]: value });
  });

  test("coins that were looked up for a transaction that was refused", async () => {
    await using node = await BitcoinNode.start([NO_CHECKS]);
    const [coin] = await fund(node, 1);
    // From now on, the coins are on the disk only.
    await node.restart();
    await using exporter = await traced(node);
    // No fee.
    await expect(send(node, spend([coin!], [coin!.value]))).rejects.toThrow("min relay fee not met");
    const metrics = await exporter.waitFor(UNCACHE, 1);
    expect(pick(metrics)).toEqual({ ...NOTHING, [UNCACHE]: 1, [UNCACHE_VALUE]: coin!.value });
    // An accepted transaction keeps them.
    await send(node, spend([coin!], [coin!.value - 1_000]));
    await exporter.waitFor("bitcoin_mempool_tx_added_total", 1);
    expect(pick(await exporter.polled())).toEqual({ ...NOTHING, [UNCACHE]: 1, [UNCACHE_VALUE]: coin!.value });
  });

  test("nothing during initial block download; everything from the first poll after it", async () => {
    await using miner = await BitcoinNode.start();
    await using node = await BitcoinNode.start([NO_CHECKS]);
    await using exporter = await ExporterProcess.start(node.socketPath, { args: ["--debug"] });
    await exporter.connected();
    // Blocks of two days ago leave the node in initial block download.
    await miner.cli("setmocktime", Math.floor(Date.now() / 1000) - 2 * 86_400);
    await submit(node, miner, await mine(miner, 5));
    await exporter.waitFor("bitcoin_blocks_connected_total", 5);
    const during = await exporter.polled();
    expect(during.get("bitcoin_ibd")).toBe(1);
    expect(pick(during)).toEqual(NOTHING);
    expect(exporter.logged(/tracing the UTXO cache/)).toBeUndefined();

    await miner.cli("setmocktime", 0);
    await submit(node, miner, await mine(miner, 1));
    await exporter.logs(/^tracing the UTXO cache$/);
    // The poll that saw the end came before the registration.
    const poll = exporter.log.lastIndexOf("poll: Chain.isInitialBlockDownload = false");
    expect(poll).toBeWithin(0, exporter.log.indexOf("tracing the UTXO cache"));
    expect(pick(await exporter.polled())).toEqual(NOTHING);

    const blocks = await mine(miner, 2);
    await submit(node, miner, blocks);
    const metrics = await exporter.waitFor(ADD, 2);
    expect(pick(metrics)).toEqual(await flow(miner, blocks));
    expect(exporter.log.filter((line) => line === "tracing the UTXO cache")).toHaveLength(1);
  });

  test("nothing with --no-utxo-trace", async () => {
    await using node = await BitcoinNode.start();
    const [coin] = await fund(node, 1);
    await using exporter = await ExporterProcess.start(node.socketPath, { args: ["--no-utxo-trace", "--debug"] });
    await exporter.connected();
    await send(node, split(coin!, 50, 10_000));
    await mine(node, 2);
    await exporter.waitFor("bitcoin_blocks_connected_total", 2);
    expect(Object.values(pick(await exporter.polled()))).toEqual(ALL.map(() => undefined));
    // The log names the trace among what the node supports, and nothing else about it.
    const lines = exporter.log.filter((line) => !line.startsWith("connected to the node at "));
    expect(lines.filter((line) => /utxo|trac/i.test(line))).toEqual([]);
  });
});

const NOTHING: Readonly<Record<string, number>> = Object.fromEntries(ALL.map((name) => [name, 0]));

function pick(metrics: Metrics): Record<string, number | undefined> {
  return Object.fromEntries(ALL.map((name) => [name, metrics.get(name)]));
}

/** An exporter that traces the cache. */
async function traced(node: BitcoinNode): Promise<ExporterProcess> {
  const exporter = await ExporterProcess.start(node.socketPath);
  await exporter.waitFor(IS_TRACED, 1);
  return exporter;
}

function hashes(node: BitcoinNode, firstHeight: number, lastHeight: number): Promise<string[]> {
  const heights = Array.from({ length: lastHeight - firstHeight + 1 }, (_, index) => firstHeight + index);
  return Promise.all(heights.map((height) => node.cli<string>("getblockhash", height)));
}

/** Submits blocks of another node to `node`, in this order. */
async function submit(node: BitcoinNode, from: BitcoinNode, blockHashes: readonly string[]): Promise<void> {
  for (const hash of blockHashes) await node.cli("submitblock", await from.cli<string>("getblock", hash, 0));
}

/** What connecting these blocks does to the cache. */
async function flow(node: BitcoinNode, blockHashes: readonly string[]): Promise<Record<string, number>> {
  const total = { ...NOTHING };
  const count = (name: string, valueName: string, amount: number) => {
    total[name]! += 1;
    total[valueName]! += satoshis(amount);
  };
  for (const hash of blockHashes) {
    for (const { vin, vout } of (await node.cli<Block>("getblock", hash, 3)).tx) {
      for (const { prevout } of vin) if (prevout !== undefined) count(SPEND, SPEND_VALUE, prevout.value);
      // Data outputs, such as each coinbase has one, cannot be spent and never are coins.
      for (const { value, scriptPubKey } of vout) if (scriptPubKey.type !== "nulldata") count(ADD, ADD_VALUE, value);
    }
  }
  return total;
}
