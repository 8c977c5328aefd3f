// Every callback is counted once, before the node has its answer: on the hot path, which reads by offset, and with --debug
// on the slow path, which reads with the generated classes.

import { describe, expect, test } from "bun:test";
import type { ExporterProcess, Samples } from "../exporter-process.ts";
import { type BlockInfo, ReferenceNode } from "../reference-node/reference-node.ts";
import { callBack, callErrors, coin, compileFirst, leave, session } from "./sessions.ts";

compileFirst();

const ADDED = "ChainNotifications.transactionAddedToMempool";
const REMOVED = "ChainNotifications.transactionRemovedFromMempool";
const CONNECTED = "ChainNotifications.blockConnected";
const DISCONNECTED = "ChainNotifications.blockDisconnected";
const ROLE = { validated: true };

/** The size of a typical transaction. */
const TRANSACTION = { tx: 400 };

describe.each([
  ["by offset", [], 10_000],
  ["with --debug", ["--debug"], 2_000],
])("%s", (_, args, many) => {
  test("each method of ChainNotifications counts its event", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, { args });
    const expected = { ...NOTHING };

    await callBack(node, ADDED, TRANSACTION, { count: 3 });
    expected["bitcoin_mempool_tx_added_total"] = "3";
    expect(await events(exporter)).toEqual(expected);

    await callBack(node, "ChainNotifications.updatedBlockTip", {}, { count: 4 });
    expected["bitcoin_tip_updates_total"] = "4";
    expect(await events(exporter)).toEqual(expected);

    await callBack(node, "ChainNotifications.chainStateFlushed", { role: ROLE, locator: 700 }, { count: 5 });
    expected["bitcoin_chain_state_flushes_total"] = "5";
    expect(await events(exporter)).toEqual(expected);

    await node.answer("Chain.getHeight", { result: 118, hasResult: true });
    await callBack(node, DISCONNECTED, { block: block(119) }, { count: 2 });
    expected["bitcoin_blocks_disconnected_total"] = "2";
    // No block and no tip follows, as with `invalidateblock`.
    expected["bitcoin_tip_updates_total"] = "5";
    await exporter.waitFor("bitcoin_tip_updates_total", 5);
    expect(await events(exporter)).toEqual(expected);

    await callBack(node, CONNECTED, { role: ROLE, block: block(121) });
    expected["bitcoin_blocks_connected_total"] = "1";
    expected["bitcoin_block_height"] = "121";
    expect(await events(exporter)).toEqual(expected);

    await leave(node, exporter);
    expect((await node.stats()).callbacks).toEqual({
      [ADDED]: 3,
      "ChainNotifications.updatedBlockTip": 4,
      "ChainNotifications.chainStateFlushed": 5,
      [DISCONNECTED]: 2,
      [CONNECTED]: 1,
      "ChainNotifications.destroy": 1,
      "UtxoCacheTrace.destroy": 1,
    });
  });

  test("a reorganization that takes seconds is one change of the tip", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, { args });
    await callBack(node, DISCONNECTED, { block: block(120) }, { count: 2 });
    await node.answer("Chain.getHeight", { result: 122, hasResult: true });
    // After three seconds without a block, the exporter asks whether the block below is the tip.
    await Bun.sleep(4500);
    await callBack(node, CONNECTED, { role: ROLE, block: block(122) }, { count: 3 });
    await callBack(node, "ChainNotifications.updatedBlockTip", {});
    expect(await events(exporter)).toEqual({
      ...NOTHING,
      bitcoin_blocks_disconnected_total: "2",
      bitcoin_blocks_connected_total: "3",
      bitcoin_tip_updates_total: "1",
      bitcoin_block_height: "122",
    });
  });

  test("large, negative and missing heights", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, { args });
    for (const [index, height] of [0, 1, 32_768, 65_535, 65_536, 924_612, 2_147_483_647].entries()) {
      await callBack(node, CONNECTED, { role: ROLE, block: block(height) });
      expect(await events(exporter)).toEqual({
        ...NOTHING,
        bitcoin_blocks_connected_total: String(index + 1),
        bitcoin_block_height: String(height),
      });
    }
    // The block is counted, and the last height stays.
    await callBack(node, CONNECTED, { role: ROLE, block: block(-1) });
    await callBack(node, CONNECTED, { role: ROLE, block: block(-2_147_483_648) });
    await callBack(node, DISCONNECTED, { block: block(-1) });
    expect(await events(exporter)).toEqual({
      ...NOTHING,
      bitcoin_blocks_connected_total: "9",
      bitcoin_blocks_disconnected_total: "1",
      bitcoin_block_height: "2147483647",
    });
  });

  test("blocks of a historical chain state are answered but not counted", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, { args });
    const role = { validated: true, historical: true };
    await callBack(node, CONNECTED, { role: ROLE, block: block(900_000) });
    await callBack(node, CONNECTED, { role, block: block(4711) }, { count: 5 });
    await callBack(node, CONNECTED, { role, block: { ...block(4712), data: 2_000_000 } }, { count: 5, depth: 4 });
    // Flushes of that chain state are counted.
    await callBack(node, "ChainNotifications.chainStateFlushed", { role, locator: 700 }, { count: 2 });
    expect(await events(exporter)).toEqual({
      ...NOTHING,
      bitcoin_blocks_connected_total: "1",
      bitcoin_chain_state_flushes_total: "2",
      bitcoin_block_height: "900000",
    });
  });

  test("removals are counted by reason", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, { args });
    for (let reason = 0; reason < 6; reason++)
      await callBack(node, REMOVED, { ...TRANSACTION, reason }, { count: reason + 1 });
    for (const reason of [6, -1, 2_147_483_647]) await callBack(node, REMOVED, { ...TRANSACTION, reason });
    expect(await events(exporter)).toEqual({
      ...NOTHING,
      bitcoin_mempool_tx_removed_total: "24",
      'bitcoin_mempool_tx_removed_by_reason_total{reason="expiry"}': "1",
      'bitcoin_mempool_tx_removed_by_reason_total{reason="sizelimit"}': "2",
      'bitcoin_mempool_tx_removed_by_reason_total{reason="reorg"}': "3",
      'bitcoin_mempool_tx_removed_by_reason_total{reason="block"}': "4",
      'bitcoin_mempool_tx_removed_by_reason_total{reason="conflict"}': "5",
      'bitcoin_mempool_tx_removed_by_reason_total{reason="replaced"}': "6",
      'bitcoin_mempool_tx_removed_by_reason_total{reason="unknown"}': "3",
    });
  });

  test("coins and their values are counted", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, { args });
    const expected = { ...NOTHING };
    for (const name of ["add", "spend", "uncache"] as const) {
      const method = `UtxoCacheTrace.${name}` as const;
      let coins = 0;
      let sum = 0n;
      const move = async (value: bigint, count: number) => {
        await callBack(node, method, coin(String(value)), { count });
        coins += count;
        sum += value * BigInt(count);
        expected[`bitcoin_utxo_cache_${name}_total`] = String(coins);
        expected[`bitcoin_utxo_cache_${name}_value_total`] = String(sum);
        expect(await events(exporter)).toEqual(expected);
      };
      await move(0n, 1);
      await move(1n, 2);
      // Both 32-bit halves carry.
      await move(4_294_967_295n, 3);
      await move(9_007_199_254_740_993n, 5);
      // Up to the largest int64.
      await move(2n ** 63n - 1n - sum, 1);
    }
  });

  test("a value that is negative or too large for the sum is a failed call", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, { args });
    await callBack(node, "UtxoCacheTrace.add", coin("-1"), { count: 2 });
    await callBack(node, "UtxoCacheTrace.spend", coin("-9223372036854775808"));
    // One satoshi more than an int64 holds.
    await callBack(node, "UtxoCacheTrace.uncache", coin("9223372036854775807"));
    await callBack(node, "UtxoCacheTrace.uncache", coin(1));
    expect(await events(exporter)).toEqual({
      ...NOTHING,
      bitcoin_utxo_cache_add_total: "2",
      bitcoin_utxo_cache_spend_total: "1",
      bitcoin_utxo_cache_uncache_total: "2",
      bitcoin_utxo_cache_uncache_value_total: "9223372036854775807",
    });
    const metrics = await exporter.metrics();
    const errors = ["add", "spend", "uncache"].map((name) => callErrors(metrics, `UtxoCacheTrace.${name}`));
    expect(errors).toEqual([2, 1, 1]);
  });

  test("blocks of several megabytes are counted", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, { args });
    const big = { ...block(122), data: 2_000_000 };
    await callBack(node, CONNECTED, { role: ROLE, block: big }, { count: 20 });
    await callBack(node, CONNECTED, { role: ROLE, block: { ...big, height: 123 } }, { count: 20, depth: 4 });
    // The largest block with its undo data.
    const biggest = { ...block(124), data: 4_000_000, undoData: 1_000_000 };
    await callBack(node, CONNECTED, { role: ROLE, block: biggest }, { count: 3 });
    await callBack(node, DISCONNECTED, { block: biggest }, { count: 2 });
    expect(await events(exporter)).toEqual({
      ...NOTHING,
      bitcoin_blocks_connected_total: "43",
      bitcoin_blocks_disconnected_total: "2",
      bitcoin_block_height: "124",
    });
  });

  test("thousands of transactions are counted", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, { args });
    await callBack(node, ADDED, TRANSACTION, { count: many / 4 });
    await callBack(node, ADDED, TRANSACTION, { count: many, depth: 16 });
    // The largest transaction that a mempool accepts.
    await callBack(node, ADDED, { tx: 400_000 }, { count: 50, depth: 4 });
    expect(await events(exporter)).toEqual({
      ...NOTHING,
      bitcoin_mempool_tx_added_total: String(1.25 * many + 50),
    });
  });

  test("both subscriptions call back at the same time", async () => {
    const count = many / 4;
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, { args });
    await Promise.all([
      callBack(node, ADDED, TRANSACTION, { count, depth: 4 }),
      callBack(node, "UtxoCacheTrace.add", coin(21), { count, depth: 4 }),
      callBack(node, "UtxoCacheTrace.spend", coin(34), { count }),
    ]);
    expect(await events(exporter)).toEqual({
      ...NOTHING,
      bitcoin_mempool_tx_added_total: String(count),
      bitcoin_utxo_cache_add_total: String(count),
      bitcoin_utxo_cache_add_value_total: String(21 * count),
      bitcoin_utxo_cache_spend_total: String(count),
      bitcoin_utxo_cache_spend_value_total: String(34 * count),
    });
  });
});

const NOTHING: Readonly<Record<string, string>> = Object.fromEntries(
  [
    "bitcoin_blocks_connected_total",
    "bitcoin_blocks_disconnected_total",
    "bitcoin_tip_updates_total",
    "bitcoin_chain_state_flushes_total",
    "bitcoin_mempool_tx_added_total",
    "bitcoin_mempool_tx_removed_total",
    ...["expiry", "sizelimit", "reorg", "block", "conflict", "replaced", "unknown"].map(
      (reason) => `bitcoin_mempool_tx_removed_by_reason_total{reason="${reason}"}`,
    ),
    ...["add", "spend", "uncache"].flatMap((name) => [
      `bitcoin_utxo_cache_${name}_total`,
      `bitcoin_utxo_cache_${name}_value_total`,
    ]),
  ].map((series) => [series, "0"]),
);

/** The counters of callbacks and the height. One scrape is enough: a callback that was answered was counted. */
async function events(exporter: ExporterProcess): Promise<Record<string, string>> {
  const samples: Samples = await exporter.samples();
  const isEvent = (series: string) => series in NOTHING || series === "bitcoin_block_height";
  return Object.fromEntries([...samples].filter(([series]) => isEvent(series)));
}

function block(height: number): BlockInfo {
  return { hash: 32, prevHash: 32, height, data: 300, chainTimeMax: 1_795_343_588 };
}
