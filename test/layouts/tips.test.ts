// A stock node's tip: the exporter learns of a change long before the next poll, and counts the blocks between two tips exactly.

import { describe, expect, test } from "bun:test";
import { compileFirst, leave } from "../executable/sessions.ts";
import { type ExporterProcess, failedCalls, type Metrics } from "../exporter-process.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import { NodeChain } from "./node-chain.ts";
import { session, watching } from "./sessions.ts";

compileFirst();

/** No second poll while a test runs. */
const ONE_POLL = { args: ["--poll-interval", "3600"] };
const START_HEIGHT = 20;

interface Blocks {
  /** Undefined on a node that cannot report it. */
  readonly connected: number | undefined;
  readonly disconnected: number | undefined;
  readonly updates: number;
  readonly height: number;
}

function blocks(metrics: Metrics): Blocks {
  return {
    connected: metrics.get("bitcoin_blocks_connected_total"),
    disconnected: metrics.get("bitcoin_blocks_disconnected_total"),
    updates: metrics.get("bitcoin_tip_updates_total")!,
    height: metrics.get("bitcoin_block_height") ?? Number.NaN,
  };
}

/** The counts after so many updates of the tip. */
async function updated(exporter: ExporterProcess, updates: number): Promise<Blocks> {
  const metrics = await exporter.waitUntil(
    `${updates} tip updates`,
    (metrics) => metrics.get("bitcoin_tip_updates_total")! >= updates,
  );
  return blocks(metrics);
}

describe("v32", () => {
  test("every block is counted, one at a time, several at once, and in a reorganization", async () => {
    await using node = await ReferenceNode.start({ layout: "v32" });
    const chain = await NodeChain.on(node, START_HEIGHT);
    await using exporter = await session(node, ONE_POLL);
    await watching(node, 1);
    // Blocks before the session are not counted.
    expect(blocks(await exporter.metrics())).toMatchObject({ connected: 0, disconnected: 0, updates: 0 });

    await chain.extend(1);
    expect(await updated(exporter, 1)).toEqual({ connected: 1, disconnected: 0, updates: 1, height: 21 });
    await chain.extend(4);
    expect(await updated(exporter, 2)).toEqual({ connected: 5, disconnected: 0, updates: 2, height: 25 });
    await chain.extend(3, chain.below(2));
    expect(await updated(exporter, 3)).toEqual({ connected: 8, disconnected: 2, updates: 3, height: 26 });
    // As invalidateblock does.
    await chain.moveTo(chain.below(4));
    expect(await updated(exporter, 4)).toMatchObject({ connected: 8, disconnected: 6, updates: 4 });
    // Another block of the same height.
    await chain.extend(1, chain.below(1));
    expect(await updated(exporter, 5)).toEqual({ connected: 9, disconnected: 7, updates: 5, height: 22 });
    await chain.extend(60);
    expect(await updated(exporter, 6)).toEqual({ connected: 69, disconnected: 7, updates: 6, height: 82 });

    const { rpcCalls, threadViolations } = await node.stats();
    expect(threadViolations).toBe(0);
    // Sixty blocks are counted without a call for each. Only the first poll and one after the tips were made.
    expect(rpcCalls["getblockheader"]).toBeLessThan(50);
    expect(rpcCalls["getblockchaininfo"]).toBeLessThanOrEqual(2);
    expect(failedCalls(await exporter.metrics())).toEqual({});
  });

  test("the last block's families are those of the new tip", async () => {
    await using node = await ReferenceNode.start({ layout: "v32" });
    const chain = await NodeChain.on(node, START_HEIGHT);
    await using exporter = await session(node, ONE_POLL);
    await exporter.waitFor("bitcoin_last_block_transactions", 1);
    await node.rpc("getblockstats", {
      height: 21,
      txs: 2500,
      total_size: 1_500_000,
      total_weight: 3_990_000,
      ins: 7000,
      outs: 8000,
      totalfee: 123_456_789,
    });
    await chain.extend(1);
    const metrics = await exporter.waitFor("bitcoin_last_block_transactions", 2500);
    expect(metrics.get("bitcoin_last_block_total_fee_satoshis")).toBe(123_456_789);
    await exporter.waitFor("bitcoin_last_block_interval_seconds", 600);
    expect((await node.stats()).rpcCalls["getblockstats"]).toBe(2);
  });

  test("blocks that cannot be counted now are counted later", async () => {
    await using node = await ReferenceNode.start({ layout: "v32" });
    const chain = await NodeChain.on(node, START_HEIGHT);
    await using exporter = await session(node, { args: [...ONE_POLL.args, "--no-collector", "blockstats"] });
    await watching(node, 1);
    await node.fail("Rpc.executeRpc", "failed", "std::exception: not now");
    await chain.extend(2);
    await exporter.waitUntil("a failure", (metrics) => Object.keys(failedCalls(metrics)).length > 0);
    await node.clear();
    await chain.extend(1);
    const metrics = await exporter.waitUntil("the tip", (metrics) => metrics.get("bitcoin_block_height") === 23);
    expect(blocks(metrics)).toEqual({ connected: 3, disconnected: 0, updates: 2, height: 23 });
  });

  test("blocks while the node is unreachable are not counted, later ones are", async () => {
    await using node = await ReferenceNode.start({ layout: "v32" });
    const chain = await NodeChain.on(node, START_HEIGHT);
    await using exporter = await session(node, ONE_POLL);
    await watching(node, 1);
    await chain.extend(1);
    await updated(exporter, 1);
    await watching(node, 2);
    await node.drop();
    await exporter.logs(/^lost the node/);
    await chain.extend(5);
    await exporter.logs(/^connected to the node/, 2);
    await watching(node, 3);
    await chain.extend(2);
    expect(await updated(exporter, 2)).toEqual({ connected: 3, disconnected: 0, updates: 2, height: 28 });
  });
});

describe.each(["v30", "v31"] as const)("%s", (layout) => {
  test("changes of the tip are counted, and its height is shown", async () => {
    await using node = await ReferenceNode.start({ layout });
    const chain = await NodeChain.on(node, START_HEIGHT);
    await using exporter = await session(node, ONE_POLL);
    await watching(node, 1);
    await chain.extend(1);
    expect(await updated(exporter, 1)).toEqual({
      connected: undefined,
      disconnected: undefined,
      updates: 1,
      height: 21,
    });
    await chain.extend(3, chain.below(1));
    expect(await updated(exporter, 2)).toMatchObject({ updates: 2, height: 23 });
    const { waitTimeouts } = await node.stats();
    // A finite timeout: v30 treats an infinite one differently. With 0 the node reports whether it is stopping.
    expect(new Set(waitTimeouts)).toEqual(new Set([0, 60_000]));
  });
});

test("while the exporter waits for a tip, it disconnects at once", async () => {
  for (const layout of ["v30", "v31", "v32"] as const) {
    await using node = await ReferenceNode.start({ layout });
    await using exporter = await session(node);
    await watching(node, 1);
    await leave(node, exporter);
  }
});

test("the exporter does not wait for tips where it has notifications", async () => {
  for (const layout of ["pr/trace", "ipc-2026-02", "pr-29409"] as const) {
    await using node = await ReferenceNode.start({ layout });
    const chain = await NodeChain.on(node, START_HEIGHT);
    await using exporter = await session(node, ONE_POLL);
    await chain.extend(1);
    await node.fire("ChainNotifications.blockConnected", {
      role: { validated: true },
      block: { hash: 32, height: 21 },
    });
    await node.fire("ChainNotifications.updatedBlockTip", {});
    expect(await updated(exporter, 1)).toEqual({ connected: 1, disconnected: 0, updates: 1, height: 21 });
    const { calls } = await node.stats();
    expect(Object.keys(calls).filter((method) => method.startsWith("Mining."))).toEqual([]);
  }
});
