// --no-subscribe on each layout: the exporter does not subscribe, polls what it can, and harms no node however it ends.

import { describe, expect, test } from "bun:test";
import { compileFirst, expectNothingLeft, leave } from "../executable/sessions.ts";
import { failedCalls } from "../exporter-process.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import { NodeChain } from "./node-chain.ts";
import { LAYOUT_NAMES, nodeUntil, SUPPORTED, session } from "./sessions.ts";

compileFirst();

const args = ["--no-subscribe"];
const ACTIVE = "bitcoin_utxo_trace_active";

describe.each(LAYOUT_NAMES)("%s", (layout) => {
  const { jsonRpc, notifications } = SUPPORTED[layout];

  test("polls show new blocks, and nothing is subscribed", async () => {
    await using node = await ReferenceNode.start({ layout });
    const chain = await NodeChain.on(node, 20);
    await using exporter = await session(node, { args });
    // The first tip.
    await nodeUntil("the exporter reads the tip", node, ({ calls }) => (calls["Mining.getTip"] ?? 0) >= 1);
    await exporter.polled();
    await chain.extend(3);
    let metrics = await exporter.waitFor("bitcoin_tip_updates_total", 1);
    await chain.extend(2, chain.below(1));
    metrics = await exporter.waitFor("bitcoin_tip_updates_total", 2);
    expect(metrics.get("bitcoin_block_height")).toBe(24);
    // Where the node reports headers, the blocks between two tips are counted, too.
    expect(metrics.get("bitcoin_blocks_connected_total")).toBe(jsonRpc === undefined ? undefined : 5);
    expect(metrics.get("bitcoin_blocks_disconnected_total")).toBe(jsonRpc === undefined ? undefined : 1);
    expect(metrics.has("bitcoin_mempool_tx_added_total")).toBe(false);
    await exporter.waitFor("bitcoin_chain_height", 24);

    const { calls, subscriptions, threadViolations } = await node.stats();
    expect({ subscriptions, threadViolations }).toEqual({ subscriptions: 0, threadViolations: 0 });
    for (const method of ["Chain.handleNotifications", "Tracing.traceUtxoCache"]) {
      expect(Object.keys(calls)).not.toContain(method);
    }
    // A node that crashes if a client disconnects during a call never gets a call that waits.
    expect(Object.keys(calls).includes("Mining.waitTipChanged")).toBe(!notifications);
    expect(metrics.has(ACTIVE)).toBe(false);
    expect(failedCalls(metrics)).toEqual({});
    await leave(node, exporter);
  });

  test("SIGKILL between two polls harms no node", async () => {
    await using node = await ReferenceNode.start({ layout });
    await NodeChain.on(node, 20);
    await using exporter = await session(node, { args: [...args, "--poll-interval", "3600"] });
    await exporter.waitUntil("the first poll is over", (metrics) => metrics.has("bitcoin_ipc_poll_duration_seconds"));
    // After the first poll: the first tip and the block's statistics.
    let before = "";
    await nodeUntil("the node is quiet", node, (stats) => {
      const now = JSON.stringify(stats.calls);
      const isQuiet = now === before;
      before = now;
      return isQuiet;
    });
    exporter.signal("SIGKILL");
    expect((await exporter.ended()).signal).toBe("SIGKILL");
    if (notifications) {
      await expectNothingLeft(node);
    } else {
      // A stock node survives a wait whose client has disconnected.
      expect((await node.waitFor("disconnected")).how).toBe("clean");
      expect(await node.stats()).toMatchObject({ uncleanLeaves: 0, subscriptions: 0 });
    }
  });
});

test.each(LAYOUT_NAMES.filter((name) => !SUPPORTED[name].utxoTrace))(
  `${ACTIVE} has no sample on a node without the trace: %s`,
  async (layout) => {
    await using node = await ReferenceNode.start({ layout });
    await NodeChain.on(node, 20);
    await using exporter = await session(node);
    await exporter.waitUntil("the first poll is over", (metrics) => metrics.has("bitcoin_ipc_poll_duration_seconds"));
    expect((await exporter.metrics()).has(ACTIVE)).toBe(false);
  },
);
