// The real exporter on a simulated node, beside pages that the original and usdt-dash would serve for the same events.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SimulatedNode, startSimulatedNode } from "../../demo/simulated-node.ts";
import { compare, type Row, type Scrapes } from "../../scripts/parity/compare.ts";
import { MAPS, mapFor } from "../../scripts/parity/maps.ts";
import { Exporter } from "../../src/exporter.ts";
import { type Page, readPage } from "../../src/metrics/text-format-reader.ts";
import { REMOVAL_REASONS } from "../../src/node/chain-notifications.ts";
import { DEFAULTS } from "../../src/options.ts";
import { eventually } from "../eventually.ts";

const FLOWS = ["add", "spend", "uncache"] as const;

let stack: AsyncDisposableStack;
let node: SimulatedNode;
let exporter: Exporter;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "parity-simulated-"));
  stack.defer(() => rm(folder, { recursive: true }));
  node = stack.use(startSimulatedNode({ socketPath: join(folder, "node.sock") }));
  exporter = new Exporter({
    ...DEFAULTS,
    socketPath: node.socketPath,
    pollIntervalMs: 20,
    build: { version: "0", revision: "0", bun: "0" },
    log: () => {},
  });
  stack.defer(async () => void (await exporter.leave(1000)));
  exporter.start();
  await eventually("the exporter is subscribed", () => node.subscriptions === 2);
});
afterEach(() => stack.disposeAsync());

const ourPage = () => readPage(new TextDecoder().decode(exporter.render()));
const counter = (name: string, value: number | bigint) => `# TYPE ${name} counter\n${name} ${value}\n`;
const gauge = (name: string, value: number | undefined) => `# TYPE ${name} gauge\n${name} ${value ?? -1}\n`;

/** The original's page, if it counted from the node's start. */
function originalPage(): string {
  const { reported } = node;
  return [
    counter("bitcoin_blocks_connected_total", reported.count("blockConnected")),
    counter("bitcoin_blocks_disconnected_total", reported.count("blockDisconnected")),
    counter("bitcoin_mempool_tx_added_total", reported.count("transactionAddedToMempool")),
    counter("bitcoin_mempool_tx_removed_total", reported.count("transactionRemovedFromMempool")),
    counter("bitcoin_tip_updates_total", reported.count("updatedBlockTip")),
    counter("bitcoin_chain_state_flushes_total", reported.count("chainStateFlushed")),
    gauge("bitcoin_block_height", node.height),
    gauge("bitcoin_header_height", node.height),
    gauge("bitcoin_ibd", 0),
    gauge("bitcoin_mempool_size", node.mempoolSize),
    gauge("bitcoin_mempool_max_bytes", 300_000_000),
    gauge("bitcoin_peers", node.peerCount),
    ...FLOWS.map((flow) => counter(`bitcoin_utxo_cache_${flow}_total`, reported.count(flow))),
    ...FLOWS.map((flow) => counter(`bitcoin_utxo_cache_${flow}_value_total`, reported.valueSat(flow))),
  ].join("");
}

/** The page of usdt-dash's tracer, if it started at another time. */
function tracerPage(): string {
  const { reported } = node;
  const removed = REMOVAL_REASONS.map((name, reason) => [name, reported.removals(reason)] as const)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `bitcoind_mempool_removed_total{reason="${name}"} ${count}.0\n`);
  const flush = "bitcoind_utxocache_flush_duration_seconds";
  return [
    counter("bitcoind_mempool_added_total", reported.count("transactionAddedToMempool") + 5),
    `# TYPE bitcoind_mempool_removed_total counter\n${removed.join("")}`,
    counter("bitcoind_utxocache_coins_added_total", reported.count("add") + 7),
    `# TYPE ${flush} summary\n${flush}_count ${reported.count("chainStateFlushed")}.0\n`,
    gauge("bitcoind_block_height", node.height),
    counter("bitcoind_p2p_messages_total", 0),
  ].join("");
}

/** Every kind of event; resolves when the exporter has counted them and polled the rest. */
async function play(): Promise<void> {
  for (let count = 0; count < 20; count++) void node.addTransaction();
  void node.replaceTransaction();
  void node.mineBlock();
  void node.reorg(2);
  await node.flush();
  await eventually("a poll after the events", () => {
    const values = ["mempool_size", "header_height", "peers"].map(
      (name) => ourPage().get(`bitcoin_${name}`)?.samples[0]?.value,
    );
    return Bun.deepEquals(values, [node.mempoolSize, node.height, node.peerCount]);
  });
}

/** Compares after each of three bouts of events; rows by their name there. */
async function compared(page: () => string, mapName: string): Promise<ReadonlyMap<string, Row>> {
  const scrapes = { theirs: [] as Page[], ours: [] as Page[] } satisfies Scrapes;
  for (let bout = 0; bout < 3; bout++) {
    await play();
    scrapes.theirs.push(readPage(page()));
    scrapes.ours.push(ourPage(), ourPage());
  }
  expect(mapFor(scrapes.theirs[0]!)).toBe(MAPS[mapName]);
  const rows = compare(scrapes, MAPS[mapName]!, 0);
  return new Map(rows.flatMap((row) => (row.theirs === undefined ? [] : [[row.theirs, row]])));
}

const growths = ({ series }: Row) => series.map(({ theirs }) => Number(theirs));

test("agrees with the original", async () => {
  const rows = await compared(originalPage, "original");
  // Families that the page above leaves out.
  const absent = ["verification_progress", "mempool_bytes", "chain_height", "bytes_recv_total", "bytes_sent_total"];
  for (const { theirs } of MAPS["original"]!.entries) {
    const outcome = absent.includes(theirs.replace("bitcoin_", "")) ? "missing-there" : "equal";
    expect(rows.get(theirs)).toMatchObject({ theirs, outcome });
  }
  expect(rows.size).toBe(MAPS["original"]!.entries.length);
  expect(growths(rows.get("bitcoin_utxo_cache_add_value_total")!)[0]).toBeGreaterThan(0);
  expect(growths(rows.get("bitcoin_blocks_disconnected_total")!)[0]).toBeGreaterThan(0);
});

test("agrees with usdt-dash's tracer, and explains what differs", async () => {
  const rows = await compared(tracerPage, "usdt-dash");
  const counters = [
    "bitcoind_mempool_added_total",
    "bitcoind_mempool_removed_total{reason!='block'}",
    "bitcoind_utxocache_coins_added_total",
    "bitcoind_utxocache_flush_duration_seconds_count",
  ];
  for (const name of counters) {
    expect({ name, outcome: rows.get(name)!.outcome }).toEqual({ name, outcome: "equal" });
    expect(Math.max(...growths(rows.get(name)!))).toBeGreaterThan(0);
  }
  expect(rows.get("bitcoind_block_height")).toMatchObject({ outcome: "equal" });
  expect(rows.get("bitcoind_p2p_messages_total")).toMatchObject({ outcome: "none" });
});

test("detects an exporter that misses events", async () => {
  let first: string | undefined;
  const rows = await compared(() => (first ??= originalPage()), "original");
  expect(rows.get("bitcoin_mempool_tx_added_total")).toMatchObject({
    outcome: "different",
    series: [{ theirs: "+0" }],
  });
  expect(rows.get("bitcoin_mempool_max_bytes")).toMatchObject({ outcome: "equal" });
});
