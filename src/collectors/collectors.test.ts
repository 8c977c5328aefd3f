import { beforeEach, describe, expect, test } from "bun:test";
import { ALL_EVENTS, ask, clearAll } from "../../test/builders/polled-calls.ts";
import { samplesOf } from "../../test/builders/samples.ts";
import { Registry } from "../metrics/registry.ts";
import type { MiningQueries } from "../node/mining.ts";
import type { NodeQueries } from "../node/node-queries.ts";
import { chainCollector } from "./chain.ts";
import { exporterCollector } from "./exporter.ts";
import { mempoolCollector } from "./mempool.ts";
import { networkCollector } from "./network.ts";
import { processCollector } from "./process.ts";
import { utxoCacheCollector } from "./utxo-cache.ts";

const queries: NodeQueries = {
  getHeight: async () => 900_000,
  isInitialBlockDownload: async () => false,
  getHeaderTip: async () => 900_001,
  getVerificationProgress: async () => 0.999_998_5,
  getMempoolSize: async () => 51_234n,
  getMempoolDynamicUsage: async () => 123_456_789n,
  getMempoolMaxUsage: async () => 300_000_000n,
  getNodeCount: async () => 18n,
  getTotalBytesRecv: async () => 9_007_199_254_740_993n,
  getTotalBytesSent: async () => 9_223_372_036_854_775_807n,
};

let registry: Registry;
beforeEach(() => {
  registry = new Registry();
});

const samples = () => samplesOf(registry);

describe("polls", () => {
  test("every answer goes to its family, exact to the last digit", async () => {
    for (const collector of [chainCollector(registry), mempoolCollector(registry), networkCollector(registry)]) {
      await ask(collector, { node: queries });
    }
    expect(samples()).toMatchObject({
      bitcoin_chain_height: "900000",
      bitcoin_header_height: "900001",
      bitcoin_ibd: "0",
      bitcoin_verification_progress: "0.9999985",
      bitcoin_mempool_size: "51234",
      bitcoin_mempool_bytes: "123456789",
      bitcoin_mempool_max_bytes: "300000000",
      bitcoin_peers: "18",
      bitcoin_bytes_recv_total: "9007199254740993",
      bitcoin_bytes_sent_total: "9223372036854775807",
    });
  });

  test("a call that fails removes its own sample and no other", async () => {
    const network = networkCollector(registry);
    await ask(network, { node: queries });
    const failing = { ...queries, getNodeCount: () => Promise.reject(new Error("refused")) };
    await ask(network, { node: failing });
    expect(samples()).not.toHaveProperty("bitcoin_peers");
    expect(samples()).toHaveProperty("bitcoin_bytes_sent_total");
  });

  test("clear removes every polled sample", async () => {
    const chain = chainCollector(registry);
    await ask(chain, { node: queries });
    clearAll(chain);
    expect(Object.keys(samples()).filter((name) => !name.endsWith("_total"))).toEqual([]);
  });

  test("a node without a tip has no height", async () => {
    await ask(chainCollector(registry), { node: { ...queries, getHeight: async () => undefined } });
    expect(samples()).not.toHaveProperty("bitcoin_chain_height");
  });

  test("initial block download is known once it was read, and stays known when a poll fails", async () => {
    const chain = chainCollector(registry);
    expect(chain.initialBlockDownload).toBe("unknown");
    await ask(chain, { node: { ...queries, isInitialBlockDownload: async () => true } });
    expect(chain.initialBlockDownload).toBe("active");
    await ask(chain, { node: queries });
    expect(chain.initialBlockDownload).toBe("over");
    await ask(chain, { node: { ...queries, isInitialBlockDownload: () => Promise.reject(new Error("refused")) } });
    expect(chain.initialBlockDownload).toBe("over");
    expect(samples()).not.toHaveProperty("bitcoin_ibd");
  });
});

describe("Mining", () => {
  const mining: MiningQueries = {
    getTip: async () => ({ hash: "ab".repeat(32), height: 900_000 }),
    isInitialBlockDownload: async () => true,
    isTestChain: async () => false,
    waitTipChanged: (tip) => Promise.resolve(tip),
  };

  test("reports the height, whether the chain is a test chain, and initial block download", async () => {
    const chain = chainCollector(registry);
    await ask(chain, { mining });
    expect(samples()).toMatchObject({ bitcoin_chain_height: "900000", bitcoin_test_chain: "0", bitcoin_ibd: "1" });
    expect(chain.initialBlockDownload).toBe("active");
  });

  test("a node without a tip has no height", async () => {
    await ask(chainCollector(registry), { mining: { ...mining, getTip: async () => undefined } });
    expect(samples()).not.toHaveProperty("bitcoin_chain_height");
    expect(samples()).toHaveProperty("bitcoin_ibd", "1");
  });
});

describe("events", () => {
  test("blocks count, and the height is that of the block connected last", () => {
    const chain = chainCollector(registry);
    chain.startSession(ALL_EVENTS);
    const { events } = chain;
    expect(samples()).not.toHaveProperty("bitcoin_block_height");
    events.blockConnected(121);
    events.blockConnected(122);
    events.blockDisconnected(122);
    events.updatedBlockTip();
    events.chainStateFlushed();
    expect(samples()).toEqual({
      bitcoin_blocks_connected_total: "2",
      bitcoin_blocks_disconnected_total: "1",
      bitcoin_tip_updates_total: "1",
      bitcoin_chain_state_flushes_total: "1",
      bitcoin_block_height: "122",
    });
  });

  test("a block without a height is counted, and -1 is not shown", () => {
    const chain = chainCollector(registry);
    chain.startSession(ALL_EVENTS);
    const { events } = chain;
    events.blockConnected(-1);
    expect(samples()).not.toHaveProperty("bitcoin_block_height");
    expect(samples()).toHaveProperty("bitcoin_blocks_connected_total", "1");
  });

  test("sizes of added transactions are counted by bucket, and their bytes added up", () => {
    const mempool = mempoolCollector(registry);
    mempool.startSession!(ALL_EVENTS);
    const { events } = mempool;
    for (const sizeBytes of [110, 200, 201, 399_999]) events.transactionAddedToMempool(sizeBytes);
    expect(samples()).toMatchObject({
      bitcoin_mempool_tx_added_total: "4",
      'bitcoin_mempool_tx_added_size_bytes_bucket{le="200"}': "2",
      'bitcoin_mempool_tx_added_size_bytes_bucket{le="250"}': "3",
      'bitcoin_mempool_tx_added_size_bytes_bucket{le="100000"}': "3",
      'bitcoin_mempool_tx_added_size_bytes_bucket{le="+Inf"}': "4",
      bitcoin_mempool_tx_added_size_bytes_sum: "400510",
      bitcoin_mempool_tx_added_size_bytes_count: "4",
    });
  });

  test("removals count by reason, and a reason from the future as unknown", () => {
    const mempool = mempoolCollector(registry);
    mempool.startSession!(ALL_EVENTS);
    const { events } = mempool;
    for (const reason of [0, 1, 2, 3, 4, 5, 5, 6, -1]) events.transactionRemovedFromMempool(reason);
    const byReason = (reason: string) => samples()[`bitcoin_mempool_tx_removed_by_reason_total{reason="${reason}"}`];
    expect(samples()).toHaveProperty("bitcoin_mempool_tx_removed_total", "9");
    expect(["expiry", "sizelimit", "reorg", "block", "conflict"].map(byReason)).toEqual(["1", "1", "1", "1", "1"]);
    expect(byReason("replaced")).toBe("2");
    expect(byReason("unknown")).toBe("2");
  });

  test("coin values add up exactly past 2^53", () => {
    const utxoCache = utxoCacheCollector(registry, () => {});
    utxoCache.startSession!(ALL_EVENTS);
    const { utxoCacheEvents } = utxoCache;
    // 21 million coins in satoshis, five times: 10.5e15, beyond 2^53.
    const value = 2_100_000_000_000_001n;
    for (let coin = 0; coin < 5; coin++) {
      utxoCacheEvents.add(Number(BigInt.asIntN(32, value)), Number(value >> 32n));
    }
    expect(samples()).toMatchObject({
      bitcoin_utxo_cache_add_total: "5",
      bitcoin_utxo_cache_add_value_total: "10500000000000005",
      bitcoin_utxo_cache_spend_total: "0",
    });
  });

  test("a negative value does not change the sum and is reported", () => {
    const refused: string[] = [];
    const utxoCache = utxoCacheCollector(registry, (method) => refused.push(method));
    utxoCache.startSession!(ALL_EVENTS);
    const { utxoCacheEvents } = utxoCache;
    utxoCacheEvents.spend(5, 0);
    utxoCacheEvents.spend(-1, -1);
    expect(refused).toEqual(["UtxoCacheTrace.spend"]);
    expect(samples()).toMatchObject({ bitcoin_utxo_cache_spend_total: "2", bitcoin_utxo_cache_spend_value_total: "5" });
  });
});

test("the exporter shows its session, its polls and its failures", () => {
  const exporter = exporterCollector(registry, { version: "1", revision: "r", bun: "b" }, () => 1500);
  expect(samples()).toMatchObject({ bitcoin_ipc_up: "0", bitcoin_ipc_connects_total: "0" });
  exporter.connected("v31");
  exporter.disconnected();
  exporter.connected("pr/trace");
  exporter.callFailed("Node.getMempoolSize");
  exporter.polled(250);
  exporter.pollsMissed(3);
  exporter.logLineDropped();
  expect(samples()).toMatchObject({
    bitcoin_ipc_up: "1",
    bitcoin_ipc_connects_total: "2",
    'bitcoin_ipc_layout_info{layout="pr/trace"}': "1",
    'bitcoin_ipc_call_errors_total{method="Node.getMempoolSize"}': "1",
    bitcoin_ipc_poll_duration_seconds: "0.25",
    bitcoin_ipc_polls_missed_total: "3",
    bitcoin_ipc_exporter_log_lines_dropped_total: "1",
    'bitcoin_ipc_exporter_build_info{version="1",revision="r",bun="b"}': "1",
  });
  expect(samples()).not.toHaveProperty('bitcoin_ipc_layout_info{layout="v31"}');
  exporter.disconnected();
  expect(samples()).toHaveProperty("bitcoin_ipc_up", "0");
  expect(samples()).not.toHaveProperty('bitcoin_ipc_layout_info{layout="pr/trace"}');
});

test("calls are counted and timed by method, and a batch of several as one besides", () => {
  const exporter = exporterCollector(registry, { version: "1", revision: "r", bun: "b" }, () => 0);
  exporter.called(["getpeerinfo"], 250);
  exporter.called(["estimatesmartfee", "estimatesmartfee"], 500);
  exporter.called(["getpeerinfo", "uptime"], 1500);
  exporter.called(["getpeerinfo", "uptime"], 2000);
  exporter.called(["Mining.waitTipChanged"], undefined);
  const calls = Object.entries(samples()).filter(([series]) => series.startsWith("bitcoin_ipc_call"));
  expect(Object.fromEntries(calls)).toEqual({
    'bitcoin_ipc_calls_total{method="getpeerinfo"}': "3",
    'bitcoin_ipc_calls_total{method="estimatesmartfee"}': "2",
    'bitcoin_ipc_calls_total{method="uptime"}': "2",
    'bitcoin_ipc_calls_total{method="batch"}': "2",
    'bitcoin_ipc_calls_total{method="Mining.waitTipChanged"}': "1",
    'bitcoin_ipc_call_seconds_total{method="getpeerinfo"}': "0.25",
    'bitcoin_ipc_call_seconds_total{method="estimatesmartfee"}': "0.5",
    'bitcoin_ipc_call_seconds_total{method="batch"}': "3.5",
    bitcoin_ipc_callback_busy_seconds_total: "0",
  });
});

test("the process families equal /proc", () => {
  processCollector(registry);
  const process = samples();
  expect(Number(process["process_resident_memory_bytes"])).toBeGreaterThan(10 * 1024 * 1024);
  expect(Number(process["process_open_fds"])).toBeGreaterThanOrEqual(3);
  expect(Number(process["process_max_fds"])).toBeGreaterThanOrEqual(Number(process["process_open_fds"]));
  expect(Number(process["process_cpu_seconds_total"])).toBeGreaterThan(0);
  expect(Math.abs(Number(process["process_start_time_seconds"]) - Date.now() / 1000)).toBeLessThan(3600);
});
