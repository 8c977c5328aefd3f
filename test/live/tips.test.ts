// A released node reports no blocks, only its tip. The exporter follows the tip at once, and where the node answers JSON-RPC it
// counts each block once, however many blocks come together and whatever branch they are on.

import { expect, setDefaultTimeout, test } from "bun:test";
import { eventually } from "../eventually.ts";
import { ExporterProcess, failedCalls, type Metrics } from "../exporter-process.ts";
import { BitcoinNode } from "./bitcoin-node.ts";
import { describeEachBuild, EVERY_WAY, hasJsonRpc, V32, WITH_RPC_URL } from "./executables.ts";
import { TIP_EVENTS } from "./families.ts";
import { BRANCH_DESCRIPTOR, mine } from "./transactions.ts";

setDefaultTimeout(60_000);

/** No second poll while a test runs. */
const SELDOM = ["--poll-interval", "3600"];
/** Polls after tips are at least five seconds apart. */
const QUIET_MS = 5_500;
/** A quarter of a second, and what a busy machine adds. */
const FOLLOWS_WITHIN_MS = 2_000;

describeEachBuild(
  "the tip",
  (build) => {
    test("goes up and down with the node's, and each family follows it by the same rule", async () => {
      await using node = await BitcoinNode.start([], { build });
      const hashes = await mine(node, 20);
      await using exporter = await ExporterProcess.start(node.socketPath, { args: node.exporterArgs });
      await exporter.connected();
      // The exporter reads the tip before its second poll.
      for (let poll = 1; poll <= 2; poll++) await exporter.polled();
      /** The tip changed so often, and is at `tip`. The last connected block is at `connected`. */
      const expectTip = async (updates: number, tip: number, connected = tip) => {
        const expected = {
          [TIP_EVENTS.updates]: updates,
          [TIP_EVENTS.height]: connected,
          bitcoin_chain_height: tip,
          bitcoin_last_block_height: hasJsonRpc(build) ? tip : undefined,
        };
        await exporter.waitUntil(JSON.stringify(expected), (metrics) =>
          Object.entries(expected).every(([family, value]) => metrics.get(family) === value),
        );
      };
      await mine(node);
      await expectTip(1, 21);
      await node.cli("invalidateblock", hashes[11]!);
      await expectTip(2, 11, 21);
      // One by one, as two at once may be one change. The other branch is longer by one block, so the node changes its tip once.
      for (let height = 12; height <= 20; height++) {
        await mine(node, 1, BRANCH_DESCRIPTOR);
        await expectTip(height - 9, height);
      }
      await node.cli("reconsiderblock", hashes[11]!);
      await expectTip(12, 21);
      await mine(node);
      await expectTip(13, 22);
    });
  },
  EVERY_WAY,
);

describeEachBuild("the height of the chain", (build) => {
  test("follows the tip within a second or so, whatever the poll interval", async () => {
    await using node = await BitcoinNode.start([], { build });
    await mine(node, 3);
    await using exporter = await ExporterProcess.start(node.socketPath, { args: SELDOM });
    await exporter.waitFor("bitcoin_chain_height", 3);
    // The calls for the first tip are answered.
    await Bun.sleep(QUIET_MS);
    await mine(node);
    const start = performance.now();
    await exporter.waitFor("bitcoin_chain_height", 4);
    expect(performance.now() - start).toBeLessThan(FOLLOWS_WITHIN_MS);
  });
});

describeEachBuild(
  "each block is counted:",
  (build) => {
    const options = { build, listens: true };

    test("are seen at once", async () => {
      await using node = await BitcoinNode.start([], options);
      await mine(node, 3);
      await using exporter = await watching(node);
      for (let blocks = 1; blocks <= 10; blocks++) {
        const mined = mine(node);
        await exporter.waitFor(TIP_EVENTS.height, 3 + blocks);
        // What is in the block, too.
        await exporter.waitFor("bitcoin_last_block_height", 3 + blocks);
        await mined;
        await expectTips(exporter, { connected: blocks, disconnected: 0, updates: blocks });
      }
    });

    test("twenty blocks in a row", async () => {
      await using node = await BitcoinNode.start([], options);
      await mine(node, 3);
      await using exporter = await watching(node);
      await mine(node, 20);
      const updates = await expectTips(exporter, { connected: 20, disconnected: 0 });
      expect(updates).toBeWithin(1, 21);
      await mine(node, 500);
      await expectTips(exporter, { connected: 520, disconnected: 0 });
    });

    test("blocks that arrived while the exporter was stopped", async () => {
      await using node = await BitcoinNode.start([], options);
      await mine(node, 3);
      await using exporter = await watching(node);
      exporter.signal("SIGSTOP");
      await mine(node, 5);
      exporter.signal("SIGCONT");
      // The node answered with the first of them, and the exporter then waits again.
      const updates = await expectTips(exporter, { connected: 5, disconnected: 0 });
      expect(updates).toBeWithin(1, 3);
    });

    test("disconnected blocks, and a longer branch instead", async () => {
      await using node = await BitcoinNode.start([], options);
      const hashes = await mine(node, 6);
      await using exporter = await watching(node);
      await node.cli("invalidateblock", hashes[3]!);
      await expectTips(exporter, { connected: 0, disconnected: 3 });
      await mine(node, 5, BRANCH_DESCRIPTOR);
      await expectTips(exporter, { connected: 5, disconnected: 3 });
      await exporter.waitFor(TIP_EVENTS.height, 8);
      // Both branches as long, and then the old one longer: from one to the other in one step.
      await node.cli("reconsiderblock", hashes[3]!);
      await expectTips(exporter, { connected: 5, disconnected: 3 });
      exporter.signal("SIGSTOP");
      await node.cli("invalidateblock", await node.cli<string>("getblockhash", 4));
      expect(await node.cli<string>("getbestblockhash")).toBe(hashes[5]!);
      exporter.signal("SIGCONT");
      await expectTips(exporter, { connected: 8, disconnected: 8 });
      await exporter.waitFor(TIP_EVENTS.height, 6);
    });

    test("a reorganization to a peer's longer branch, watched and unwatched", async () => {
      await using node = await BitcoinNode.start([], options);
      await using other = await BitcoinNode.start([], { build });
      await meet(node, other);
      await mine(node, 3);
      await agree(node, other);
      await using exporter = await watching(node);

      await part(node, other);
      await mine(node, 2);
      await mine(other, 4, BRANCH_DESCRIPTOR);
      const updates = await expectTips(exporter, { connected: 2, disconnected: 0 });
      await meet(node, other);
      await agree(node, other);
      // The branch is longer from its third block on, and the fourth may come later.
      const changed = (await expectTips(exporter, { connected: 6, disconnected: 2 })) - updates;
      expect(changed).toBeWithin(1, 3);
      expect((await exporter.metrics()).get(TIP_EVENTS.height)).toBe(7);

      await part(node, other);
      await mine(node, 3);
      await expectTips(exporter, { connected: 9, disconnected: 2 });
      exporter.signal("SIGSTOP");
      await mine(other, 5, BRANCH_DESCRIPTOR);
      await meet(node, other);
      await agree(node, other);
      exporter.signal("SIGCONT");
      await expectTips(exporter, { connected: 14, disconnected: 5 });
      await exporter.waitFor(TIP_EVENTS.height, 12);
    });

    test("counters continue after a restart of the node", async () => {
      await using node = await BitcoinNode.start([], options);
      await mine(node, 3);
      await using exporter = await watching(node);
      for (let blocks = 1; blocks <= 2; blocks++) {
        await mine(node);
        await expectTips(exporter, { connected: blocks, disconnected: 0, updates: blocks });
      }
      await node.stop();
      // A stopping node answers the wait without a tip, which counts nothing.
      const down = await exporter.waitFor("bitcoin_ipc_up", 0);
      expect(pick(down)).toEqual({ connected: 2, disconnected: 0, updates: 2, height: undefined });
      node.launch();
      await node.ready();
      const up = await exporter.waitFor("bitcoin_ipc_connects_total", 2);
      expect(up.get("bitcoin_ipc_up")).toBe(1);
      await exporter.waitFor("bitcoin_chain_height", 5);
      await mine(node, 3);
      await expectTips(exporter, { connected: 5, disconnected: 0 });
      // And one that crashed.
      node.signal("SIGKILL");
      await node.ended();
      await exporter.waitFor("bitcoin_ipc_up", 0);
      node.launch();
      await node.ready();
      await exporter.waitFor("bitcoin_ipc_connects_total", 3);
      await exporter.waitUntil("the first poll", (metrics) => metrics.has("bitcoin_chain_height"));
      await mine(node);
      await expectTips(exporter, { connected: 6, disconnected: 0 });
      expect(failedCalls(await exporter.metrics())).toEqual({});
    });
  },
  [V32, ...WITH_RPC_URL],
);

/** An exporter that waits for the next tip: it has read the current one. */
async function watching(node: BitcoinNode): Promise<ExporterProcess> {
  const exporter = await ExporterProcess.start(node.socketPath, { args: [...SELDOM, ...node.exporterArgs] });
  await exporter.connected();
  // The calls for a tip start when it is known and the first poll is over.
  await exporter.waitUntil("the first tip", (metrics) => metrics.has("bitcoin_last_block_transactions"));
  return exporter;
}

interface Tips {
  readonly connected: number;
  readonly disconnected: number;
  /** Undefined where several blocks may be one change. */
  readonly updates?: number;
}

/** Waits for the counters to show exactly this, and resolves to the number of changes. */
async function expectTips(exporter: ExporterProcess, { connected, disconnected, updates }: Tips): Promise<number> {
  const metrics = await exporter.waitUntil(
    `${connected} connected, ${disconnected} disconnected`,
    (metrics) =>
      metrics.get(TIP_EVENTS.connected) === connected && metrics.get(TIP_EVENTS.disconnected) === disconnected,
  );
  const seen = metrics.get(TIP_EVENTS.updates)!;
  if (updates !== undefined) expect(seen).toBe(updates);
  return seen;
}

function pick(metrics: Metrics): Record<string, number | undefined> {
  return Object.fromEntries(Object.entries(TIP_EVENTS).map(([name, family]) => [name, metrics.get(family)]));
}

async function meet(node: BitcoinNode, other: BitcoinNode): Promise<void> {
  await other.cli("addnode", node.p2pAddress, "onetry");
  await eventually("the peers are connected", async () => (await node.cli<number>("getconnectioncount")) === 1);
}

async function part(node: BitcoinNode, other: BitcoinNode): Promise<void> {
  await other.cli("disconnectnode", node.p2pAddress);
  await eventually("the peers are disconnected", async () => (await node.cli<number>("getconnectioncount")) === 0);
}

async function agree(node: BitcoinNode, other: BitcoinNode): Promise<void> {
  await eventually("both nodes have one tip", async () => {
    return (await node.cli<string>("getbestblockhash")) === (await other.cli<string>("getbestblockhash"));
  });
}
