// A node that is not there yet, crashes, stops, comes back, and takes its time to start: the exporter waits for it, comes
// back to it, and does it no harm.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { rm } from "node:fs/promises";
import { ExporterProcess, type Metrics } from "../exporter-process.ts";
import { BitcoinNode } from "./bitcoin-node.ts";
import { describeEachBuild, describeLive } from "./executables.ts";
import { Load } from "./load.ts";
import { continueSlowly, launchToSocket } from "./slow-motion.ts";
import { fund, mine } from "./transactions.ts";

setDefaultTimeout(120_000);

/** Present only while the node answers. */
const POLLED = [
  "bitcoin_chain_height",
  "bitcoin_header_height",
  "bitcoin_ibd",
  "bitcoin_verification_progress",
  "bitcoin_mempool_size",
  "bitcoin_mempool_bytes",
  "bitcoin_mempool_max_bytes",
  "bitcoin_peers",
  "bitcoin_bytes_recv_total",
  "bitcoin_bytes_sent_total",
];

/** How often an exporter is to meet a node that has not started yet. A busy machine may let the node be faster. */
const EARLY_STARTS = 2;
const MAX_STARTS = 10;

describeLive("reconnecting", () => {
  test("to a node that was not there at first", async () => {
    await using node = await BitcoinNode.create();
    await using exporter = await ExporterProcess.start(node.socketPath, { args: ["--debug"] });
    await exporter.logs(/^still cannot reach the node: .*next attempt in/);
    const metrics = await exporter.metrics();
    expect(metrics.get("bitcoin_ipc_up")).toBe(0);
    expect(metrics.get("bitcoin_ipc_connects_total")).toBe(0);
    expect(polled(metrics)).toEqual([]);
    node.launch();
    await node.ready();
    await exporter.connected();
    expect(polled(await exporter.polled())).toEqual(POLLED);
    expect(exporter.log.filter((line) => line.startsWith("cannot reach the node at "))).toHaveLength(1);
    expect(exporter.log.filter((line) => line.startsWith("connected to the node at "))).toHaveLength(1);
  });

  test("to a node that crashed: counters go on, gauges have no sample meanwhile", async () => {
    await using node = await BitcoinNode.start();
    await using exporter = await ExporterProcess.start(node.socketPath);
    await exporter.connected();
    await mine(node, 5);
    await exporter.waitFor("bitcoin_blocks_connected_total", 5);
    node.signal("SIGKILL");
    const down = await exporter.waitFor("bitcoin_ipc_up", 0);
    expect(polled(down)).toEqual([]);
    expect(down.get("bitcoin_blocks_connected_total")).toBe(5);
    await node.ended();
    await exporter.logs(/^lost the node: /);

    node.launch();
    await node.ready();
    await exporter.connected();
    await mine(node, 2);
    const up = await exporter.waitFor("bitcoin_blocks_connected_total", 7);
    expect(up.get("bitcoin_ipc_connects_total")).toBe(2);
    expect(polled(await exporter.polled())).toEqual(POLLED);
    // Once for each time.
    expect(exporter.log.filter((line) => line.startsWith("lost the node: "))).toHaveLength(1);
    expect(exporter.log.filter((line) => line.startsWith("connected to the node at "))).toHaveLength(2);
  });

  describe("when the node stops", () => {
    for (const [name, args] of [
      ["", []],
      [" without the trace", ["--no-utxo-trace"]],
      [" and the exporter tells every event", ["--debug"]],
    ] as const) {
      test(`it ends in order and at once${name}`, async () => {
        await using node = await BitcoinNode.start();
        await using exporter = await ExporterProcess.start(node.socketPath, { args });
        for (let stops = 1; stops <= 3; stops++) {
          await exporter.waitFor("bitcoin_ipc_connects_total", stops);
          await mine(node);
          await exporter.waitFor("bitcoin_blocks_connected_total", stops);
          await exporter.polled();
          await expectOrderlyStop(node);
          await exporter.waitFor("bitcoin_ipc_up", 0);
          node.launch();
          await node.ready();
        }
      });
    }

    test("it ends in order while transactions and blocks come", async () => {
      await using node = await BitcoinNode.start();
      const [coin] = await fund(node, 1);
      await using exporter = await ExporterProcess.start(node.socketPath);
      await using _load = new Load(node, coin!);
      await exporter.waitUntil("coins move", (metrics) => metrics.get("bitcoin_utxo_cache_add_total")! > 2_000);
      await expectOrderlyStop(node);
    });

    test("it ends in order though an exporter just arrives", async () => {
      await using node = await BitcoinNode.start();
      await mine(node);
      for (let delayMs = 0; delayMs <= 30; delayMs += 5) {
        await using _exporter = await ExporterProcess.start(node.socketPath);
        await Bun.sleep(delayMs);
        await expectOrderlyStop(node);
        node.launch();
        await node.ready();
      }
    });

    test("it ends in order though the exporter is told to end in the same moment", async () => {
      await using node = await BitcoinNode.start();
      await mine(node);
      // Just before it, together with it, and ever later in its stop.
      for (const delayMs of [-4, 0, 2, 4, 8, 16, 32, 64]) {
        await using exporter = await ExporterProcess.start(node.socketPath);
        await exporter.connected();
        await exporter.polled();
        const signalled = Bun.sleep(Math.max(0, delayMs)).then(() => exporter.signal("SIGTERM"));
        await Bun.sleep(Math.max(0, -delayMs));
        await expectOrderlyStop(node);
        await signalled;
        expect(await exporter.ended()).toMatchObject({ exitCode: 0, signal: null });
        node.launch();
        await node.ready();
      }
    });
  });
});

describeEachBuild("while the node starts", (build) => {
  for (const [name, args] of [
    ["", []],
    [" with its blocks to verify", ["-checkblocks=0", "-checklevel=4"]],
    [" with -reindex", ["-reindex"]],
    [" with -reindex-chainstate", ["-reindex-chainstate"]],
  ] as const) {
    test(`it comes up${name}, though asked from the first moment`, async () => {
      await using node = await BitcoinNode.start([], { build });
      await mine(node, 110);
      let early = 0;
      for (let round = 0; early < EARLY_STARTS && round < MAX_STARTS; round++) {
        await node.stop();
        // An aborted node leaves it behind.
        await rm(node.socketPath, { force: true });
        await launchToSocket(node, args);
        await using exporter = await ExporterProcess.start(node.socketPath);
        await continueSlowly(node, async () => (await exporter.metrics()).get("bitcoin_ipc_up") === 1);
        if (exporter.logged(/^waiting for the node to start: /) !== undefined) early++;
        await node.expectAlive();
        await exporter.connected();
        await exporter.waitFor("bitcoin_chain_height", 110);
      }
      // It asked before the node was ready.
      expect(early).toBe(EARLY_STARTS);
    });
  }
});

function polled(metrics: Metrics): string[] {
  return POLLED.filter((name) => metrics.has(name));
}

/** A node of a few blocks stops within 0.2 s when nobody is connected. */
async function expectOrderlyStop(node: BitcoinNode): Promise<void> {
  const { exitCode, signal, durationMs } = await node.stop();
  expect({ exitCode, signal, lastWords: exitCode === 0 ? "" : await node.lastWords() }).toEqual({
    exitCode: 0,
    signal: null,
    lastWords: "",
  });
  expect(durationMs).toBeLessThan(5_000);
}
