// Another node behind the same socket: each session detects the layout again, and values of the last node disappear.

import { expect, test } from "bun:test";
import type { LayoutName } from "../../src/node/layouts.ts";
import { compileFirst, leave } from "../executable/sessions.ts";
import { failedCalls } from "../exporter-process.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import { NodeChain } from "./node-chain.ts";
import { polled, SUPPORTED, session, shownLayouts, watching } from "./sessions.ts";

compileFirst();

/** Each from the one before, to layouts that support more and to layouts that support less. */
const ROUTE: readonly LayoutName[] = ["pr/trace", "v32", "v30", "pr-29409", "v31", "ipc-2026-02", "pr/trace"];

const LAST_POLL = "bitcoin_ipc_last_poll_timestamp_seconds";

test("the exporter follows its node from layout to layout", async () => {
  await using first = await ReferenceNode.start({ layout: ROUTE[0]! });
  // Only the first two of several short sessions have a line.
  await using exporter = await session(first, { constants: { "session/session": { STABLE_AFTER_MS: 0 } } });
  let node = first;
  let lastPoll = 0;
  await using stack = new AsyncDisposableStack();
  for (const [index, layout] of ROUTE.entries()) {
    if (index > 0) node = stack.use(await node.restart(layout));
    await exporter.logs(/^connected to the node/, index + 1);
    await polled(exporter);
    // A session without a whole poll is not stable.
    const metrics = await exporter.waitUntil("the end of its poll", (metrics) => metrics.get(LAST_POLL)! > lastPoll);
    lastPoll = metrics.get(LAST_POLL)!;
    expect(shownLayouts(metrics)).toEqual([layout]);
    expect(metrics.get("bitcoin_ipc_connects_total")).toBe(index + 1);

    const { jsonRpc, notifications } = SUPPORTED[layout];
    if (jsonRpc === undefined) expect(metrics.has("bitcoin_mempool_size")).toBe(false);
    else await exporter.waitUntil("the mempool", (metrics) => metrics.get("bitcoin_mempool_size") === 0);
    const { live, walletLoaderCalls } = await node.stats();
    expect(live["Handler"] ?? 0).toBeGreaterThanOrEqual(Number(notifications));
    expect(walletLoaderCalls).toBe(0);
  }
  expect(failedCalls(await exporter.metrics())).toEqual({});
  await leave(node, exporter);
});

test("while the node is unreachable, neither its layout nor its values have a sample", async () => {
  await using node = await ReferenceNode.start({ layout: "v32" });
  await using exporter = await session(node);
  await node.kill();
  const metrics = await exporter.waitFor("bitcoin_ipc_up", 0);
  expect(shownLayouts(metrics)).toEqual([]);
  for (const gone of ["bitcoin_chain_height", "bitcoin_mempool_size", "bitcoin_last_block_transactions"]) {
    expect(metrics.has(gone)).toBe(false);
  }
});

test("the counter of blocks continues from layout to layout", async () => {
  await using stock = await ReferenceNode.start({ layout: "v32" });
  const chain = await NodeChain.on(stock, 20);
  await using exporter = await session(stock);
  await watching(stock, 1);
  await chain.extend(2);
  await exporter.waitFor("bitcoin_blocks_connected_total", 2);

  await using patched = await stock.restart("pr/trace");
  await exporter.logs(/^connected to the node/, 2);
  await patched.waitFor("subscribed");
  await patched.fire("ChainNotifications.blockConnected", {
    role: { validated: true },
    block: { hash: 32, height: 23 },
  });
  const metrics = await exporter.waitFor("bitcoin_blocks_connected_total", 3);
  expect(metrics.get("bitcoin_block_height")).toBe(23);
});
