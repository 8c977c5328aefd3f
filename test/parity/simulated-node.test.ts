// The real exporter on a simulated node, beside pages as the original and usdt-dash's tracer would serve them of what that
// node told.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SimulatedNode, startSimulatedNode } from "../../demo/simulated-node.ts";
import { compare, type Row } from "../../scripts/parity/compare.ts";
import { MAPS, mapFor } from "../../scripts/parity/maps.ts";
import { type Round, scrapeRounds } from "../../scripts/parity/scrape.ts";
import { Exporter } from "../../src/exporter.ts";
import { type MetricsServer, serve } from "../../src/http/server.ts";
import { REMOVAL_REASONS } from "../../src/node/chain-notifications.ts";

const POLL_INTERVAL_MS = 20;
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
    socketPath: node.socketPath,
    pollIntervalMs: POLL_INTERVAL_MS,
    utxoTrace: true,
    debug: false,
    build: { version: "0", revision: "0", bun: "0" },
    log: () => {},
  });
  stack.defer(async () => void (await exporter.leave(1000)));
  exporter.start();
});
afterEach(() => stack.disposeAsync());

function serving(page: () => string): string {
  const server: MetricsServer = serve({
    hostname: "127.0.0.1",
    port: 0,
    payload: () => new TextEncoder().encode(page()),
  });
  stack.defer(() => server.stop());
  return `http://127.0.0.1:${server.port}/metrics`;
}

function ourPage(): string {
  return new TextDecoder().decode(exporter.render());
}

function counter(name: string, value: number | bigint): string {
  return `# TYPE ${name} counter\n${name} ${value}\n`;
}

function gauge(name: string, value: number | undefined): string {
  return `# TYPE ${name} gauge\n${name} ${value ?? -1}\n`;
}

/** As the original would serve it, had it counted from the node's start. */
function originalPage(): string {
  const { told } = node;
  return [
    counter("bitcoin_blocks_connected_total", told.count("blockConnected")),
    counter("bitcoin_blocks_disconnected_total", told.count("blockDisconnected")),
    counter("bitcoin_mempool_tx_added_total", told.count("transactionAddedToMempool")),
    counter("bitcoin_mempool_tx_removed_total", told.count("transactionRemovedFromMempool")),
    counter("bitcoin_tip_updates_total", told.count("updatedBlockTip")),
    counter("bitcoin_chain_state_flushes_total", told.count("chainStateFlushed")),
    gauge("bitcoin_block_height", told.height),
    gauge("bitcoin_header_height", node.height),
    gauge("bitcoin_ibd", 0),
    gauge("bitcoin_mempool_size", node.mempoolSize),
    gauge("bitcoin_mempool_max_bytes", 300_000_000),
    gauge("bitcoin_peers", node.peerCount),
    ...FLOWS.map((flow) => counter(`bitcoin_utxo_cache_${flow}_total`, told.count(flow))),
    ...FLOWS.map((flow) => counter(`bitcoin_utxo_cache_${flow}_value_total`, told.valueSat(flow))),
  ].join("");
}

/** As usdt-dash's tracer would, had it been started later. */
function tracerPage(): string {
  const { told } = node;
  const removed = REMOVAL_REASONS.map((name, reason) => [name, told.removals(reason)] as const)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `bitcoind_mempool_removed_total{reason="${name}"} ${count}.0\n`);
  return [
    counter("bitcoind_mempool_added_total", told.count("transactionAddedToMempool") + 5),
    `# TYPE bitcoind_mempool_removed_total counter\n${removed.join("")}`,
    counter("bitcoind_utxocache_coins_added_total", told.count("add") + 7),
    `# TYPE bitcoind_utxocache_flush_duration_seconds summary\nbitcoind_utxocache_flush_duration_seconds_count ${told.count("chainStateFlushed")}.0\n`,
    gauge("bitcoind_block_height", told.height),
    counter("bitcoind_p2p_messages_total", 0),
  ].join("");
}

/** Everything that a node can tell; resolves when the exporter has heard of it and polled the rest. */
async function play(): Promise<void> {
  for (let count = 0; count < 20; count++) void node.addTransaction();
  void node.replaceTransaction();
  void node.mineBlock();
  void node.reorg(2);
  await node.flush();
  while (!ourPage().includes(`\nbitcoin_mempool_size ${node.mempoolSize}\n`)) await Bun.sleep(5);
  while (!ourPage().includes(`\nbitcoin_header_height ${node.height}\n`)) await Bun.sleep(5);
  while (!ourPage().includes(`\nbitcoin_peers ${node.peerCount}\n`)) await Bun.sleep(5);
}

/** Scrapes after each of some bouts, and compares; by their names. */
async function compared(page: () => string, mapName: string): Promise<ReadonlyMap<string, Row>> {
  while (node.subscriptions < 2) await Bun.sleep(5);
  const [ours, theirs] = [serving(ourPage), serving(page)];
  const rounds: Round[] = [];
  for (let bout = 0; bout < 3; bout++) {
    await play();
    rounds.push(...(await scrapeRounds(ours, [theirs], { samples: 1, intervalMs: 0 })));
  }
  expect(mapFor(rounds[0]!.theirs)).toBe(MAPS[mapName]);
  const { rows } = compare(rounds, MAPS[mapName]!, 0);
  return new Map(rows.flatMap((row) => (row.theirs === undefined ? [] : [[row.theirs, row]])));
}

test("agrees with what the original would show", async () => {
  const rows = await compared(originalPage, "original");
  const outcomes = [...rows].map(([name, { outcome }]) => [name, outcome]);
  // What the page above does not have.
  const absent = ["verification_progress", "mempool_bytes", "chain_height", "bytes_recv_total", "bytes_sent_total"];
  const expected = (name: string) => (absent.includes(name.replace("bitcoin_", "")) ? "missing-there" : "equal");
  expect(outcomes).toEqual(outcomes.map(([name]) => [name!, expected(name!)]));
  expect(outcomes.length).toBe(MAPS["original"]!.entries.length);
  expect(growth(rows.get("bitcoin_utxo_cache_add_value_total")!)).toBeGreaterThan(0);
  expect(growth(rows.get("bitcoin_blocks_disconnected_total")!)).toBeGreaterThan(0);
});

test("agrees with what usdt-dash's tracer would show, and explains the rest", async () => {
  const rows = await compared(tracerPage, "usdt-dash");
  const names = [
    "bitcoind_mempool_added_total",
    "bitcoind_mempool_removed_total{reason!='block'}",
    "bitcoind_utxocache_coins_added_total",
    "bitcoind_utxocache_flush_duration_seconds_count",
  ];
  for (const name of names) {
    expect([name, rows.get(name)!.outcome]).toEqual([name, "equal"]);
    expect(
      rows
        .get(name)!
        .series.map((_, index) => growth(rows.get(name)!, index))
        .some((grown) => grown > 0),
    ).toBe(true);
  }
  expect(rows.get("bitcoind_block_height")).toMatchObject({ outcome: "equal" });
  expect(rows.get("bitcoind_p2p_messages_total")).toMatchObject({ outcome: "none" });
});

test("sees an exporter that misses what happens", async () => {
  let first: string | undefined;
  const frozen = () => {
    first ??= originalPage();
    return first;
  };
  const rows = await compared(frozen, "original");
  expect(rows.get("bitcoin_mempool_tx_added_total")).toMatchObject({
    outcome: "different",
    series: [{ theirs: "+0" }],
  });
  expect(rows.get("bitcoin_mempool_max_bytes")).toMatchObject({ outcome: "equal" });
});

/** What theirs counted while it was looked at. */
function growth({ series }: Row, index = 0): number {
  return Number(series[index]!.theirs);
}
