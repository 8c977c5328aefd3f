import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Exporter } from "../src/exporter.ts";
import { readPage, readSeries, type SeriesMap } from "../src/metrics/text-format-reader.ts";
import { DEFAULTS, type Options } from "../src/options.ts";
import { temporaryFolder } from "../test/temporary-folder.ts";
import { type DemoOptions, readDemoOptions } from "./options.ts";
import { type SimulatedNode, startSimulatedNode } from "./simulated-node.ts";
import { judge } from "./verdict.ts";

const POLL_INTERVAL_MS = 20;
setDefaultTimeout(30_000);

/** Families of METRICS.md that the demo does not show, and why. */
const NOT_SHOWN: Readonly<Record<string, string>> = {
  bitcoin_prune_height: "the simulated node is not pruned",
  bitcoin_background_validation_height: "the simulated node has not loaded a snapshot",
  bitcoin_snapshot_height: "the simulated node has not loaded a snapshot",
  bitcoin_background_validation_progress: "the simulated node has not loaded a snapshot",
  bitcoin_ipc_call_errors_total: "the simulated node fails no call",
};

const folder = temporaryFolder();
let node: SimulatedNode;
let exporter: Exporter;
let log: string[];
beforeEach(async () => {
  node = startSimulatedNode({ socketPath: join(folder, "node.sock") });
  log = [];
  exporter = newExporter();
});
afterEach(async () => {
  await exporter.leave(1000);
  await node.stop();
});

function newExporter(options: Partial<Options> = {}): Exporter {
  return new Exporter({
    ...DEFAULTS,
    ...options,
    socketPath: node.socketPath,
    pollIntervalMs: POLL_INTERVAL_MS,
    build: { version: "0", revision: "0", bun: "0" },
    log: (line) => log.push(line),
  });
}

function page(): SeriesMap {
  return readSeries(new TextDecoder().decode(exporter.render()));
}

function value(series: string): number | undefined {
  return page().get(series)?.value;
}

/** Resolves when `condition` holds; the test's own timeout ends the wait. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await Bun.sleep(5);
}

const isUp = () => value("bitcoin_ipc_up") === 1;
const isTraced = () => node.subscriptions === 2;

/** Every kind of event, many times. */
async function play(): Promise<void> {
  for (let round = 0; round < 5; round++) {
    for (let count = 0; count < 20; count++) void node.addTransaction();
    void node.replaceTransaction();
    void node.mineBlock();
    void node.reorg(1 + (round % 3));
    await node.flush();
  }
}

test.each([{ debug: false }, { debug: true }])("counts every event, and disconnects cleanly (%o)", async (options) => {
  exporter = newExporter(options);
  exporter.start();
  await until(isTraced);
  await play();
  expect(value("bitcoin_block_height")).toBe(node.height);
  expect(await exporter.leave(1000)).toBe(true);
  expect(judge(node, page())).toMatchObject({ isGood: true });
  expect(node.reported.count("transactionAddedToMempool")).toBeGreaterThan(100);
  expect(node.reported.valueSat("uncache")).toBeGreaterThan(0n);
});

test("polls what the node does not report", async () => {
  exporter.start();
  await until(isTraced);
  await play();
  const { height, mempoolSize } = node;
  await until(() => value("bitcoin_chain_height") === height);
  await until(() => value("bitcoin_mempool_size") === mempoolSize);
  await until(() => value("bitcoin_header_height") === height);
  await until(() => value("bitcoin_peers") === node.peerCount);
  await until(() => value("bitcoin_mempool_max_bytes") === 300_000_000);
  await until(() => value("bitcoin_bytes_recv_total")! > 10_000);
});

test("gets an answer to every JSON-RPC call", async () => {
  exporter.start();
  await until(isTraced);
  await play();
  const { height } = node;
  await until(() => value("bitcoin_last_block_height") === height);
  await until(() => value('bitcoin_index_height{index="txindex"}') === height);
  expect(value('bitcoin_fee_estimate_satoshis_per_vbyte{target="2"}')).toBeGreaterThan(0);
  expect(value("bitcoin_last_block_interval_seconds")).toBe(600);
  expect(value('bitcoin_chain_tips{status="valid-fork"}')).toBeDefined();
  expect(log.filter((line) => line.includes("fail"))).toEqual([]);
});

test("shows every family of METRICS.md with the demo's options, except those listed", async () => {
  const { exporter: options } = readDemoOptions([]) as DemoOptions;
  exporter = newExporter(options);
  exporter.start();
  await until(isTraced);
  await play();
  // More than a block has room for.
  for (let count = 0; count < 100; count++) await node.addTransaction();
  const documented = [...(await Bun.file("METRICS.md").text()).matchAll(/^\| `((?:bitcoin|process)_\w+)` \|/gm)];
  const expected = documented.map(([, name]) => name!).filter((name) => !Object.hasOwn(NOT_SHOWN, name));
  expect(expected.length).toBe(documented.length - Object.keys(NOT_SHOWN).length);
  const shown = new Set<string>();
  // Some families have a sample only at times.
  await until(() => {
    for (const { name, samples } of readPage(new TextDecoder().decode(exporter.render())).values())
      if (samples.length > 0) shown.add(name);
    return expected.every((name) => shown.has(name));
  });
  expect([...shown].sort()).toEqual(expected.sort());
});

test("does not trace the UTXO cache during the initial block download", async () => {
  node.setInitialBlockDownload(true);
  exporter.start();
  await until(() => value("bitcoin_ibd") === 1);
  await node.mineBlock();
  expect(value("bitcoin_verification_progress")).toBeLessThan(1);
  await Bun.sleep(3 * POLL_INTERVAL_MS);
  expect(node.subscriptions).toBe(1);
  node.setInitialBlockDownload(false);
  await until(isTraced);
});

test("reconnects after a restart, and does not call a node that is starting", async () => {
  exporter.start();
  await until(isTraced);
  await play();
  await node.stop();
  await until(() => !isUp());
  expect(value("bitcoin_chain_height")).toBeUndefined();
  expect(log.at(-1)).toStartWith("lost the node: the node closed the socket; next attempt in 0.");
  // Longer than the exporter's first backoff.
  node.start({ warmupMs: 700 });
  await until(isTraced);
  await node.mineBlock();
  await exporter.leave(1000);
  expect(value("bitcoin_ipc_connects_total")).toBe(2);
  expect(log.filter((line) => line.startsWith("waiting for the node to start"))).toHaveLength(1);
  expect(judge(node, page())).toMatchObject({ isGood: true });
});
