import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSeries, type SeriesMap } from "../scripts/text-format.ts";
import { Exporter } from "../src/exporter.ts";
import { DEFAULTS } from "../src/options.ts";
import { type SimulatedNode, startSimulatedNode } from "./simulated-node.ts";
import { judge } from "./verdict.ts";

const POLL_INTERVAL_MS = 20;

let folder: string;
let node: SimulatedNode;
let exporter: Exporter;
let log: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "exporter-on-simulated-node-"));
  node = startSimulatedNode({ socketPath: join(folder, "node.sock") });
  log = [];
  exporter = newExporter();
});
afterEach(async () => {
  await exporter.leave(1000);
  await node.stop();
  await rm(folder, { recursive: true });
});

function newExporter({ debug = false } = {}): Exporter {
  return new Exporter({
    ...DEFAULTS,
    socketPath: node.socketPath,
    pollIntervalMs: POLL_INTERVAL_MS,
    debug,
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
}, 20_000);
