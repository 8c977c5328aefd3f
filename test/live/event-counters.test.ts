// Every event of the node's chain and mempool is counted once, under the reason that the node reports.

import { expect, setDefaultTimeout, test } from "bun:test";
import { eventually } from "../eventually.ts";
import { ExporterProcess, type Metrics } from "../exporter-process.ts";
import { BitcoinNode } from "./bitcoin-node.ts";
import { describeLive } from "./executables.ts";
import { NOTIFICATIONS, TIP_EVENTS } from "./families.ts";
import {
  BRANCH_DESCRIPTOR,
  COINBASE_MATURITY,
  type Coin,
  coinbaseOf,
  fund,
  mine,
  mineExactly,
  send,
  spend,
  split,
} from "./transactions.ts";

setDefaultTimeout(60_000);

describeLive("event counters", () => {
  test("blocks and tip updates", async () => {
    await using node = await BitcoinNode.start();
    await using exporter = await connect(node);
    await mine(node, 7);
    await expectCounts(exporter, { connected: 7, updates: 7 });
    expect((await exporter.metrics()).get(TIP_EVENTS.height)).toBe(7);
  });

  test("a reorganization to a longer branch", async () => {
    await using node = await BitcoinNode.start();
    await mine(node, 5);
    await using exporter = await connect(node);
    const [fork] = await mine(node, 3);
    await node.cli("invalidateblock", fork!);
    // The node does not report this change of the tip. The exporter counts it a second later.
    await expectCounts(exporter, { connected: 3, disconnected: 3, updates: 4 });
    // A branch of two; the first one then is longer again.
    await mine(node, 2, BRANCH_DESCRIPTOR);
    await expectCounts(exporter, { connected: 5, disconnected: 3, updates: 6 });
    await node.cli("reconsiderblock", fork!);
    // The tip moves once, however many blocks change.
    await expectCounts(exporter, { connected: 8, disconnected: 5, updates: 7 });
    const metrics = await exporter.polled();
    expect(metrics.get(TIP_EVENTS.height)).toBe(8);
    expect(metrics.get("bitcoin_chain_height")).toBe(8);
  });

  test("flushes of the chain state", async () => {
    await using node = await BitcoinNode.start();
    await using exporter = await connect(node);
    await mine(node);
    await expectCounts(exporter, { flushes: 0, connected: 1, updates: 1 });
    // This method flushes before it reads the disk.
    for (let flushes = 1; flushes <= 3; flushes++) {
      await node.cli("gettxoutsetinfo");
      await expectCounts(exporter, { flushes: flushes, connected: 1, updates: 1 });
    }
  });

  test("transactions that enter the mempool, and that a block removes", async () => {
    await using node = await BitcoinNode.start();
    const [coin] = await fund(node, 1);
    await using exporter = await connect(node);
    const transaction = split(coin!, 10, 10_000);
    await send(node, transaction);
    for (const output of transaction.coins) await send(node, spend([output], [output.value - 1_000]));
    await expectCounts(exporter, { added: 11 });
    await mine(node);
    // The node does not report transactions that a block removes.
    await expectCounts(exporter, { added: 11, connected: 1, updates: 1 });
    expect((await exporter.polled()).get("bitcoin_mempool_size")).toBe(0);
  });

  test("replaced", async () => {
    await using node = await BitcoinNode.start();
    const [coin] = await fund(node, 1);
    await using exporter = await connect(node);
    // Replacing a transaction replaces what spends it, too.
    const parent = spend([coin!], [coin!.value - 1_000]);
    await send(node, parent);
    await send(node, spend(parent.coins, [coin!.value - 2_000]));
    await send(node, spend([coin!], [coin!.value - 10_000]));
    await expectCounts(exporter, { added: 3, removed: 2 });
    await expectReasons(exporter, { replaced: 2 });
  });

  test("conflict", async () => {
    await using node = await BitcoinNode.start();
    const [coin] = await fund(node, 1);
    await using exporter = await connect(node);
    await send(node, spend([coin!], [coin!.value - 1_000]));
    await mineExactly(node, [spend([coin!], [coin!.value - 2_000])]);
    await expectCounts(exporter, { added: 1, removed: 1, connected: 1, updates: 1 });
    await expectReasons(exporter, { conflict: 1 });
  });

  test("reorg", async () => {
    await using node = await BitcoinNode.start();
    const hashes = await mine(node, COINBASE_MATURITY);
    await using exporter = await connect(node);
    // Spends a coinbase that is mature only as long as this block is there.
    const [last] = hashes.slice(-1);
    const coin = await coinbaseOf(node, hashes[0]!);
    await send(node, spend([coin], [coin.value - 1_000]));
    await node.cli("invalidateblock", last!);
    await expectCounts(exporter, { added: 1, removed: 1, disconnected: 1, updates: 1 });
    await expectReasons(exporter, { reorg: 1 });
  });

  test("expiry", async () => {
    await using node = await BitcoinNode.start(["-mempoolexpiry=1"]);
    const [old, young] = await fund(node, 2);
    await using exporter = await connect(node);
    await send(node, spend([old!], [old!.value - 1_000]));
    await node.cli("setmocktime", Math.floor(Date.now() / 1000) + 2 * 3600);
    // The node removes expired transactions whenever one enters. It also flushes, as it does about once an hour.
    await send(node, spend([young!], [young!.value - 1_000]));
    await expectCounts(exporter, { added: 2, removed: 1, flushes: 1 });
    await expectReasons(exporter, { expiry: 1 });
  });

  test("sizelimit", async () => {
    await using node = await BitcoinNode.start(["-maxmempool=5"]);
    const [coin] = await fund(node, 1);
    const many = split(coin!, 100, 1_000_000);
    await mineExactly(node, [many]);
    await using exporter = await connect(node);
    const sent = await fillMempool(node, exporter, many.coins);
    await eventually("what was dropped is counted", async () => {
      const { size } = await node.cli<{ size: number }>("getmempoolinfo");
      const metrics = await exporter.metrics();
      const dropped = sent - size;
      expect(dropped).toBeGreaterThan(0);
      return metrics.get(NOTIFICATIONS.added) === sent && metrics.get(NOTIFICATIONS.removed) === dropped;
    });
    await expectReasons(exporter, { sizelimit: (await exporter.metrics()).get(NOTIFICATIONS.removed)! });
  });
});

/** An exporter that is subscribed and has counted nothing yet. */
async function connect(node: BitcoinNode): Promise<ExporterProcess> {
  const exporter = await ExporterProcess.start(node.socketPath);
  await exporter.connected();
  return exporter;
}

/** The counters of chain and mempool, but for the one by reason. */
const COUNTERS = {
  connected: TIP_EVENTS.connected,
  disconnected: TIP_EVENTS.disconnected,
  updates: TIP_EVENTS.updates,
  flushes: NOTIFICATIONS.flushes,
  added: NOTIFICATIONS.added,
  removed: NOTIFICATIONS.removed,
} as const;

/** The expected counters; those that are not named are 0. */
type Counts = { readonly [Name in keyof typeof COUNTERS]?: number };

/** Waits for the counters to show exactly this. */
async function expectCounts(exporter: ExporterProcess, counts: Counts): Promise<void> {
  const names = Object.keys(COUNTERS) as (keyof typeof COUNTERS)[];
  const wanted = new Map(names.map((name) => [COUNTERS[name], counts[name] ?? 0]));
  await exporter.waitUntil(`counters ${JSON.stringify(counts)}`, (metrics) =>
    [...wanted].every(([family, count]) => metrics.get(family) === count),
  );
  // And nothing is counted after that.
  const after = await exporter.polled();
  expect(new Map([...wanted.keys()].map((family) => [family, after.get(family)]))).toEqual(wanted);
}

/** The removals by reason, of which there are no others. */
async function expectReasons(exporter: ExporterProcess, reasons: Record<string, number>): Promise<void> {
  expect(removalsByReason(await exporter.metrics())).toEqual(reasons);
}

function removalsByReason(metrics: Metrics): Record<string, number> {
  const reasons: Record<string, number> = {};
  for (const [series, value] of metrics) {
    if (!series.startsWith(`${NOTIFICATIONS.removedByReason}{`)) continue;
    const reason = /\{reason="(\w+)"\}$/.exec(series)?.[1];
    if (reason !== undefined && value > 0) reasons[reason] = value;
  }
  return reasons;
}

/** Sends large transactions, each paying more than the one before, until one of them is dropped. Returns how many. */
async function fillMempool(node: BitcoinNode, exporter: ExporterProcess, coins: readonly Coin[]): Promise<number> {
  let sent = 0;
  for (const coin of coins) {
    await send(node, spend([coin], [coin.value - 20_000 - 1_000 * sent], 90_000));
    sent++;
    if (((await exporter.metrics()).get(NOTIFICATIONS.removed) ?? 0) > 0) break;
  }
  return sent;
}
