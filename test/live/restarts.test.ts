// A node that is missing, crashes, stops, restarts, is replaced by another version, or starts slowly: the exporter waits for it,
// reconnects and does not harm it.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { ExporterProcess, failedCalls, type Metrics } from "../exporter-process.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { BitcoinNode } from "./bitcoin-node.ts";
import { BUILDS, describeEachBuild, EVERY_WAY, hasJsonRpc, isNamed, type NodeBuild, PR_TRACE } from "./executables.ts";
import { TIP_EVENTS } from "./families.ts";
import { Load } from "./load.ts";
import { continueSlowly, holdStart } from "./slow-motion.ts";
import { fund, mine } from "./transactions.ts";

const folder = temporaryFolder();

setDefaultTimeout(120_000);

/** Families that have a sample only while the node answers: of every node, and of those that answer JSON-RPC methods. */
const MINING = ["bitcoin_chain_height", "bitcoin_test_chain", "bitcoin_ibd"];
const JSON_RPC = [
  "bitcoin_header_height",
  "bitcoin_verification_progress",
  "bitcoin_mempool_size",
  "bitcoin_mempool_bytes",
  "bitcoin_mempool_max_bytes",
  "bitcoin_peers",
  "bitcoin_bytes_recv_total",
  "bitcoin_bytes_sent_total",
];

/** How often a node starts while an exporter tries. */
const STARTS = 2;

describeEachBuild(
  "reconnecting",
  (build) => {
    test("to a node that was missing at first", async () => {
      await using node = await BitcoinNode.create([], { build });
      await using exporter = await ExporterProcess.start(node.socketPath, { args: ["--debug", ...node.exporterArgs] });
      await exporter.logs(/^cannot reach the node at .*next attempt in/, 2);
      const metrics = await exporter.metrics();
      expect(metrics.get("bitcoin_ipc_up")).toBe(0);
      expect(metrics.get("bitcoin_ipc_connects_total")).toBe(0);
      expect(polled(metrics)).toEqual([]);
      node.launch();
      await node.ready();
      await exporter.connected();
      expect(polled(await exporter.polled())).toEqual(familiesOf(build));
      expect(exporter.log.filter((line) => line.startsWith("connected to the node at "))).toHaveLength(1);
    });

    test("to a node that crashed: gauges have no sample meanwhile, and counters continue", async () => {
      await using node = await BitcoinNode.start([], { build });
      await using exporter = await ExporterProcess.start(node.socketPath, { args: node.exporterArgs });
      await knowsTip(exporter);
      await mine(node, 5);
      await followed(exporter, node, build, 5);
      node.signal("SIGKILL");
      const down = await exporter.waitFor("bitcoin_ipc_up", 0);
      expect(polled(down)).toEqual([]);
      if (hasJsonRpc(build)) expect(down.get(TIP_EVENTS.connected)).toBe(5);
      await node.ended();
      await exporter.logs(/^lost the node: /);

      node.launch();
      await node.ready();
      expect(polled(await knowsTip(exporter))).toEqual(familiesOf(build));
      await mine(node, 2);
      const up = await followed(exporter, node, build, 7);
      expect(up.get("bitcoin_ipc_connects_total")).toBe(2);
      // Once for each time.
      expect(exporter.log.filter((line) => line.startsWith("lost the node: "))).toHaveLength(1);
      expect(exporter.log.filter((line) => line.startsWith("connected to the node at "))).toHaveLength(2);
    });

    describe("when the node stops", () => {
      for (const [name, args] of [
        ["", []],
        [" without the trace", ["--no-utxo-trace"]],
        [" while every event is logged", ["--debug"]],
      ] as const) {
        test(`it ends in order and at once${name}`, async () => {
          await using node = await BitcoinNode.start([], { build });
          await using exporter = await ExporterProcess.start(node.socketPath, {
            args: [...args, ...node.exporterArgs],
          });
          for (let stops = 1; stops <= 3; stops++) {
            await exporter.waitFor("bitcoin_ipc_connects_total", stops);
            await knowsTip(exporter);
            await mine(node);
            await exporter.waitFor(TIP_EVENTS.height, stops);
            await exporter.polled();
            await expectOrderlyStop(node);
            await exporter.waitFor("bitcoin_ipc_up", 0);
            node.launch();
            await node.ready();
          }
        });
      }

      test("it ends in order while transactions and blocks come", async () => {
        await using node = await BitcoinNode.start([], { build });
        const [coin] = await fund(node, 1);
        await using exporter = await ExporterProcess.start(node.socketPath, { args: node.exporterArgs });
        await knowsTip(exporter);
        await using _load = new Load(node, coin!);
        const [family, count] = build === PR_TRACE ? ["bitcoin_utxo_cache_add_total", 2_000] : [TIP_EVENTS.height, 106];
        await exporter.waitUntil("coins or blocks move", (metrics) => metrics.get(family)! > count);
        await expectOrderlyStop(node);
      });

      test("it ends in order while an exporter connects", async () => {
        await using node = await BitcoinNode.start([], { build });
        await mine(node);
        for (let delayMs = 0; delayMs <= 40; delayMs += 2) {
          await using _exporter = await ExporterProcess.start(node.socketPath, { args: node.exporterArgs });
          await Bun.sleep(delayMs);
          await expectOrderlyStop(node);
          node.launch();
          await node.ready();
        }
      });

      test("it ends in order when the exporter gets SIGTERM at the same time", async () => {
        await using node = await BitcoinNode.start([], { build });
        await mine(node);
        // Shortly before the node's stop, with it, and later and later during it.
        for (const delayMs of [-4, 0, 2, 4, 8, 16, 32, 64]) {
          await using exporter = await ExporterProcess.start(node.socketPath, { args: node.exporterArgs });
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
  },
  EVERY_WAY,
);

describeEachBuild("reconnecting", (build) => {
  test("to a node of another version at the same socket", async () => {
    const socketPath = join(folder, "node.sock");
    await using exporter = await ExporterProcess.start(socketPath);
    for (const [index, other] of [build, ...othersOf(build), build].entries()) {
      await using node = await BitcoinNode.start([], { build: other, socketPath });
      await exporter.waitFor("bitcoin_ipc_connects_total", index + 1);
      await exporter.waitFor(`bitcoin_ipc_layout_info{layout="${other.layout}"}`, 1);
      await knowsTip(exporter);
      await mine(node, index + 1);
      await exporter.waitFor(TIP_EVENTS.height, index + 1);
      expect(polled(await exporter.polled())).toEqual(familiesOf(other));
      await expectOrderlyStop(node);
      await exporter.waitFor("bitcoin_ipc_up", 0);
    }
    expect(failedCalls(await exporter.metrics())).toEqual({});
  });
});

describeEachBuild("while the node starts", (build) => {
  for (const [name, args] of [
    ["", []],
    [" with its blocks to verify", ["-checkblocks=0", "-checklevel=4"]],
    [" with -reindex", ["-reindex"]],
    [" with -reindex-chainstate", ["-reindex-chainstate"]],
  ] as const) {
    test(`it comes up${name} while an exporter tries from the first moment`, async () => {
      await using node = await BitcoinNode.start([], { build });
      await mine(node, 110);
      for (let start = 0; start < STARTS; start++) {
        await node.stop();
        const { release } = await holdStart(node, ...args);
        await using exporter = await ExporterProcess.start(node.socketPath, { args: node.exporterArgs });
        await exporter.logs(/^waiting for the node to start: /);
        await release();
        await continueSlowly(node, async () => (await exporter.metrics()).get("bitcoin_ipc_up") === 1);
        // v31 and v32 load their chain shortly before they answer bitcoin-cli.
        await node.ready();
        await exporter.waitFor("bitcoin_chain_height", 110);
      }
    });
  }
});

function polled(metrics: Metrics): string[] {
  return [...MINING, ...JSON_RPC].filter((name) => metrics.has(name));
}

function familiesOf(build: NodeBuild): string[] {
  return hasJsonRpc(build) ? [...MINING, ...JSON_RPC] : MINING;
}

/** Waits until the exporter has read the tip, before its second poll, and resolves to the metrics. */
async function knowsTip(exporter: ExporterProcess): Promise<Metrics> {
  await exporter.connected();
  await exporter.polled();
  return exporter.polled();
}

/** Waits until the exporter is at the node's tip and, where it can count them, has counted so many blocks. */
async function followed(exporter: ExporterProcess, node: BitcoinNode, build: NodeBuild, blocks: number) {
  if (hasJsonRpc(build)) await exporter.waitFor(TIP_EVENTS.connected, blocks);
  return exporter.waitFor(TIP_EVENTS.height, await node.cli<number>("getblockcount"));
}

/** The other versions that the environment names. */
function othersOf(build: NodeBuild): readonly NodeBuild[] {
  return BUILDS.filter((other) => other !== build && isNamed(other.node) && isNamed(other.cli));
}

/** A node of a few blocks stops within 0.2 s without clients. */
async function expectOrderlyStop(node: BitcoinNode): Promise<void> {
  const { exitCode, signal, durationMs } = await node.stop();
  expect({ exitCode, signal, lastWords: exitCode === 0 ? "" : await node.lastWords() }).toEqual({
    exitCode: 0,
    signal: null,
    lastWords: "",
  });
  expect(durationMs).toBeLessThan(5_000);
}
