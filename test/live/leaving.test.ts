// Whatever makes the exporter end, the node outlives it: a pr/trace node whose subscriber just goes is terminated.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { exporterFromSource } from "../exporter-command.ts";
import { ExporterProcess, type StartOptions } from "../exporter-process.ts";
import { BitcoinNode } from "./bitcoin-node.ts";
import { describeLive } from "./executables.ts";
import { Load } from "./load.ts";
import { continueSlowly, launchToSocket } from "./slow-motion.ts";
import { fund, mine, mineExactly, split } from "./transactions.ts";

setDefaultTimeout(120_000);

/** Signal → how often it ends an exporter under load, with and without --debug: SIGTERM, that services get, 20 times in all. */
const ROUNDS = { SIGTERM: 10, SIGINT: 2, SIGHUP: 2 };
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
const DEADLINE_MS = 5_000;

describeLive("leaving", () => {
  describe.each(SIGNALS)("on %s", (signal) => {
    test("while nothing happens", async () => {
      await using node = await BitcoinNode.start();
      await mine(node);
      await using exporter = await subscribed(node);
      exporter.signal(signal);
      await expectEnding(exporter, 0);
      await node.expectAlive();
    });

    test.each([[[]], [["--debug"]]])("while transactions and blocks come, with %j", async (args) => {
      await using node = await BitcoinNode.start();
      const [coin] = await fund(node, 1);
      await using load = new Load(node, coin!);
      for (let round = 0; round < ROUNDS[signal]; round++) {
        await using exporter = await subscribed(node, { args });
        await underLoad(exporter);
        exporter.signal(signal);
        await expectEnding(exporter, 0);
        await node.expectAlive();
      }
      // Every transaction and block was taken.
      await load.stop();
    });
  });

  test("in the middle of a block with many coins", async () => {
    await using node = await BitcoinNode.start(["-checkmempool=0"]);
    const coins = await fund(node, 40);
    for (let round = 0; round < 4; round++) {
      await using exporter = await subscribed(node);
      const transactions = coins.splice(0, 10).map((coin) => split(coin, 2_000, 200_000));
      const mined = mineExactly(node, transactions);
      await exporter.waitUntil("coins move", (metrics) => metrics.get("bitcoin_utxo_cache_add_total")! > 1_000);
      exporter.signal("SIGTERM");
      await expectEnding(exporter, 0);
      const hash = await mined;
      expect(await node.cli<string>("getbestblockhash")).toBe(hash);
    }
  });

  test("while the node starts", async () => {
    await using node = await BitcoinNode.create();
    await launchToSocket(node);
    await using exporter = await ExporterProcess.start(node.socketPath, { args: ["--debug"] });
    let signalled = false;
    await continueSlowly(node, () => {
      // The earliest moment there is: it has just learnt that the node is starting.
      if (exporter.logged(/^waiting for the node to start: |^connected to the node at /) === undefined) return false;
      if (!signalled) exporter.signal("SIGTERM");
      signalled = true;
      return !exporter.isRunning;
    });
    await expectEnding(exporter, 0);
    await node.ready();
  });

  test("at any moment of arriving", async () => {
    await using node = await BitcoinNode.start();
    await mine(node);
    for (let delayMs = 0; delayMs < 40; delayMs += 2) {
      await using exporter = await ExporterProcess.start(node.socketPath);
      await Bun.sleep(delayMs);
      exporter.signal("SIGTERM");
      await expectEnding(exporter, 0);
      await node.expectAlive();
    }
  });

  test.each([
    ["an uncaught error", "SIGUSR2", /^uncaughtException: .*thrown for the test/],
    ["an unhandled rejection", "SIGWINCH", /^unhandledRejection: .*rejected for the test/],
  ] as const)("after %s", async (_, signal, report) => {
    await using node = await BitcoinNode.start();
    const [coin] = await fund(node, 1);
    const command = exporterFromSource(join(import.meta.dirname, "../throw-when-told.ts"));
    await using idle = await subscribed(node, { command });
    idle.signal(signal);
    await expectEnding(idle, 1);
    expect(idle.logged(report)).toBeDefined();
    await node.expectAlive();

    await using load = new Load(node, coin!);
    await using busy = await subscribed(node, { command });
    await underLoad(busy);
    busy.signal(signal);
    await expectEnding(busy, 1);
    await node.expectAlive();
    await load.stop();
  });

  test("a node that does not answer, within the deadline", async () => {
    await using node = await BitcoinNode.start();
    await mine(node);
    await using exporter = await subscribed(node);
    node.signal("SIGSTOP");
    exporter.signal("SIGTERM");
    const { durationMs, signal } = await exporter.ended();
    expect(signal).toBeNull();
    expect(durationMs).toBeLessThan(DEADLINE_MS);
    expect(exporter.logged(/^disconnected without confirmation/)).toBeDefined();
  });

  test("at once on a second signal", async () => {
    await using node = await BitcoinNode.start();
    await mine(node);
    await using exporter = await subscribed(node);
    node.signal("SIGSTOP");
    exporter.signal("SIGTERM");
    await exporter.logs(/^SIGTERM: disconnecting from the node$/);
    exporter.signal("SIGINT");
    const { exitCode, durationMs } = await exporter.ended();
    expect(exitCode).toBe(1);
    expect(durationMs).toBeLessThan(1_000);
  });
});

/**
 * An exporter that is subscribed to everything, and stays so whatever it costs: it registers the trace after the first poll
 * and before the second.
 */
async function subscribed(node: BitcoinNode, { args = [], ...options }: StartOptions = {}): Promise<ExporterProcess> {
  const exporter = await ExporterProcess.start(node.socketPath, {
    args: ["--trace-budget", "100", ...args],
    ...options,
  });
  await exporter.connected();
  await exporter.polled();
  await exporter.polled();
  return exporter;
}

async function underLoad(exporter: ExporterProcess): Promise<void> {
  const before = await exporter.metrics();
  await exporter.waitUntil("coins and blocks move", (metrics) =>
    ["bitcoin_utxo_cache_add_total", "bitcoin_blocks_connected_total"].every(
      (name) => metrics.get(name)! > before.get(name)!,
    ),
  );
}

async function expectEnding(exporter: ExporterProcess, exitCode: number): Promise<void> {
  const ending = await exporter.ended();
  expect({ ...ending, log: exporter.log.slice(-1) }).toMatchObject({
    exitCode,
    signal: null,
    log: ["disconnected"],
  });
  expect(ending.durationMs).toBeLessThan(DEADLINE_MS);
}
