// Whatever ends or stops the exporter, the node survives: a pr/trace node crashes if a subscribed client disconnects without
// unsubscribing, and its threads wait for a client that is stopped.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { constants } from "node:os";
import { join } from "node:path";
import { compiledExporter, exporterFromSource } from "../exporter-command.ts";
import { ExporterProcess, type StartOptions } from "../exporter-process.ts";
import { CTRL_C, CTRL_Z, Terminal } from "../terminal.ts";
import { BitcoinNode } from "./bitcoin-node.ts";
import { describeLive } from "./executables.ts";
import { Load } from "./load.ts";
import { holdStart } from "./slow-motion.ts";
import { fund, mine, mineExactly, split } from "./transactions.ts";

setDefaultTimeout(120_000);

/** Signal → how often it ends an exporter under load, with and without --debug. SIGTERM, which services receive, 20 times in all. */
const ROUNDS = {
  SIGTERM: 10,
  SIGINT: 2,
  SIGHUP: 2,
  SIGQUIT: 2,
  SIGABRT: 1,
  SIGTRAP: 1,
  SIGSYS: 1,
  SIGXCPU: 1,
};
const ENDING = Object.keys(ROUNDS) as (keyof typeof ROUNDS)[];
const PAIRED = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const;
const PAIRS = PAIRED.flatMap((first) => PAIRED.map((second) => [first, second] as const));
const DEADLINE_MS = 5_000;
/** A signal this long after the first one is a second request. */
const ANOTHER_REQUEST_MS = 700;

describeLive("the exporter disconnects", () => {
  describe.each(ENDING)("on %s", (signal) => {
    test("while nothing happens", async () => {
      await using node = await BitcoinNode.start();
      await mine(node);
      await using exporter = await subscribed(node);
      exporter.signal(signal);
      await expectEnding(exporter, 0);
      await node.expectAlive();
    });

    test.each([[[]], [["--debug"]]])("while transactions and blocks arrive, with %j", async (args) => {
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
      // The node accepted every transaction and block.
      await load.stop();
    });
  });

  describe.each(PAIRS)("on %s and %s at once", (first, second) => {
    test("while nothing happens", async () => {
      await using node = await BitcoinNode.start();
      await mine(node);
      await using exporter = await subscribed(node);
      exporter.signal(first);
      exporter.signal(second);
      await expectEnding(exporter, 0);
      await node.expectAlive();
    });

    test("while transactions and blocks arrive", async () => {
      await using node = await BitcoinNode.start();
      const [coin] = await fund(node, 1);
      await using load = new Load(node, coin!);
      await using exporter = await subscribed(node);
      await underLoad(exporter);
      exporter.signal(first);
      exporter.signal(second);
      await expectEnding(exporter, 0);
      await node.expectAlive();
      await load.stop();
    });
  });

  test("not on signals that the exporter does not handle", async () => {
    await using node = await BitcoinNode.start();
    const [coin] = await fund(node, 1);
    await using load = new Load(node, coin!);
    await using exporter = await subscribed(node);
    const { SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGPIPE, SIGXFSZ, SIGSTKFLT } =
      constants.signals;
    const { SIGTTIN, SIGTTOU, SIGWINCH } = constants.signals;
    const others = [SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGPIPE, SIGXFSZ, SIGSTKFLT];
    const realTime = Array.from({ length: 31 }, (_, index) => 34 + index);
    for (const signal of [...others, SIGTTIN, SIGTTOU, SIGWINCH, ...realTime]) process.kill(exporter.pid, signal);
    await underLoad(exporter);
    await node.expectAlive();
    exporter.signal("SIGTERM");
    await expectEnding(exporter, 0);
    await node.expectAlive();
    await load.stop();
  });

  test("on Ctrl-Z, until `fg`", async () => {
    await using node = await BitcoinNode.start();
    await mine(node);
    await using terminal = new Terminal();
    terminal.type(`${await compiledExporter()} ${node.socketPath} --metrics-addr 127.0.0.1:0 --debug`);
    await terminal.shows(/ tracing the UTXO cache\r/);
    terminal.type(CTRL_Z);
    await terminal.shows(/Stopped/);
    // The node would wait for a stopped subscriber.
    for (let block = 0; block < 3; block++) await mine(node);
    terminal.type("fg");
    await terminal.shows(/ tracing the UTXO cache\r/);
    terminal.type(CTRL_C);
    await terminal.shows(/SIGINT: disconnecting from the node\r/);
    await terminal.shows(/ disconnected\r/);
    await node.expectAlive();
  });

  test("not as a background job that writes to its terminal, under `stty tostop`", async () => {
    await using node = await BitcoinNode.start();
    await mine(node);
    await using terminal = new Terminal();
    terminal.type("stty tostop");
    terminal.type(`${await compiledExporter()} ${node.socketPath} --metrics-addr 127.0.0.1:0 --debug &`);
    await terminal.shows(/ tracing the UTXO cache\r/);
    await mine(node);
    await terminal.shows(/ block connected: /);
    terminal.type("kill %1");
    await terminal.shows(/SIGTERM: disconnecting from the node\r/);
    await terminal.shows(/ disconnected\r/);
    await node.expectAlive();
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
    await using node = await BitcoinNode.start();
    await node.stop();
    const { release } = await holdStart(node);
    await using exporter = await ExporterProcess.start(node.socketPath);
    await exporter.logs(/^waiting for the node to start: /);
    exporter.signal("SIGTERM");
    await expectEnding(exporter, 0);
    await release();
    await node.ready();
  });

  test.each([
    ["an uncaught error", "SIGUSR2", /^uncaughtException: .*thrown for the test/],
    ["an unhandled rejection", "SIGWINCH", /^unhandledRejection: .*rejected for the test/],
  ] as const)("after %s", async (_, signal, report) => {
    await using node = await BitcoinNode.start();
    const [coin] = await fund(node, 1);
    const command = exporterFromSource(join(import.meta.dirname, "../throw-on-signal.ts"));
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

  test("from a node that does not answer, within the deadline", async () => {
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

  test("immediately on a later signal", async () => {
    await using node = await BitcoinNode.start();
    await mine(node);
    await using exporter = await subscribed(node);
    node.signal("SIGSTOP");
    exporter.signal("SIGTERM");
    await exporter.logs(/^SIGTERM: disconnecting from the node$/);
    await Bun.sleep(ANOTHER_REQUEST_MS);
    exporter.signal("SIGINT");
    const { exitCode, durationMs } = await exporter.ended();
    expect(exitCode).toBe(1);
    expect(durationMs).toBeLessThan(2_000);
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
