import { beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ALL_EVENTS, answerRpc, callsOf } from "../../test/builders/polled-calls.ts";
import { feed } from "../../test/builders/rpc-answers.ts";
import { samplesOf } from "../../test/builders/samples.ts";
import { ACCEPTED, NO_PROMTOOL, promtoolCheck } from "../../test/promtool.ts";
import { Registry } from "../metrics/registry.ts";
import { readPage } from "../metrics/text-format-reader.ts";
import { CALLS, RPC_METHODS } from "../node/calls.ts";
import {
  CATALOGUE,
  COLLECTOR_NAMES,
  type CollectorContext,
  type CollectorName,
  DEFAULT_COLLECTORS,
  isAlwaysUsed,
  isCollectorName,
  makeCollectors,
} from "./catalogue.ts";
import type { Collector } from "./collector.ts";
import { exporterCollector } from "./exporter.ts";
import { processCollector } from "./process.ts";

let registry: Registry;
let context: CollectorContext;
beforeEach(() => {
  registry = new Registry();
  context = { registry, feeTargets: [2, 6], onRefused: () => {} };
});

/** The names of the families on the page. */
function families(): string[] {
  return [...readPage(new TextDecoder().decode(registry.render())).keys()];
}

test("collectors are known by name", () => {
  expect(isCollectorName("chain")).toBe(true);
  expect(isCollectorName("constructor")).toBe(false);
  expect(isCollectorName("Chain")).toBe(false);
  expect(COLLECTOR_NAMES.filter(isAlwaysUsed)).toEqual(["chain"]);
  expect(COLLECTOR_NAMES.filter((name) => !DEFAULT_COLLECTORS.includes(name))).toEqual(["feerates", "utxoset"]);
});

const paramText = (param: unknown) => (typeof param === "object" ? JSON.stringify(param) : String(param));

test("all collectors together make each call once, and every permitted call", () => {
  const collectors = makeCollectors(COLLECTOR_NAMES, context);
  const { jsonRpc, block } = callsOf(collectors, "jsonRpc", "block");
  const calls = jsonRpc.map(({ source: { method, params = [] } }) => [method, ...params.map(paramText)].join(" "));
  expect(new Set(calls).size).toBe(calls.length);
  const called = new Set([...jsonRpc, ...block].map(({ source }) => source.method));
  // getblockhash resolves the height of a tip, in src/session.
  expect([...called, "getblockhash"].sort()).toEqual([...RPC_METHODS].sort());
});

test("where Chain and Node are used, the network needs no getnettotals", () => {
  const { jsonRpc } = callsOf(makeCollectors(["network", "peers"], context), "node", "jsonRpc");
  const methods = jsonRpc.map(({ source }) => source.method);
  expect(methods).toContain("getnetworkinfo");
  expect(methods).not.toContain("getnettotals");
});

test("a collector that is not chosen is absent, except the chain's", () => {
  const collectors = makeCollectors(["peers"], context);
  const { node, jsonRpc, block } = callsOf(collectors, "node", "jsonRpc", "block");
  expect(jsonRpc.map(({ source }) => source.method)).toEqual(["getblockchaininfo", "getpeerinfo"]);
  expect(node.map(({ source }) => source.method)).toContain("Chain.isInitialBlockDownload");
  expect(node.map(({ source }) => source.method)).not.toContain("Node.getMempoolSize");
  expect(collectors.utxoCacheEvents).toBeUndefined();
  expect(block).toEqual([]);
  expect(families()).toContain("bitcoin_connections");
  expect(families().filter((name) => /mempool|utxo|fee/.test(name))).toEqual([]);
});

test("the order and number of names does not matter", () => {
  const other = new Registry();
  makeCollectors(["fees", "mempool", "fees", "chain"], context);
  makeCollectors(["chain", "mempool", "fees"], { ...context, registry: other });
  expect(new TextDecoder().decode(registry.render())).toBe(new TextDecoder().decode(other.render()));
});

test("a tip whose blocks are not counted sets the height only", () => {
  const collectors = makeCollectors([], context);
  collectors.startSession(ALL_EVENTS);
  collectors.chain.tipSeen(900_000, 899_999);
  expect(samplesOf(registry)).toMatchObject({ bitcoin_block_height: "900000", bitcoin_blocks_connected_total: "0" });
});

test("events reach their collector, and do no harm without one", () => {
  const { events, startSession } = makeCollectors(["chain"], context);
  startSession(ALL_EVENTS);
  events.transactionAddedToMempool(400);
  events.transactionRemovedFromMempool(3);
  events.blockConnected(7);
  events.blockDisconnected(7);
  events.updatedBlockTip();
  events.chainStateFlushed();
  expect(samplesOf(registry)).toEqual({
    bitcoin_blocks_connected_total: "1",
    bitcoin_blocks_disconnected_total: "1",
    bitcoin_tip_updates_total: "1",
    bitcoin_chain_state_flushes_total: "1",
    bitcoin_block_height: "7",
  });
});

test("no two collectors take the same event", () => {
  const collectors: readonly Collector[] = COLLECTOR_NAMES.map((name) => CATALOGUE[name].make(context));
  const taken = collectors.flatMap(({ events = {} }) => Object.keys(events));
  expect(new Set(taken).size).toBe(taken.length);
});

/** A pr/trace node is called by the most methods: these, and those of JSON-RPC one by one. */
const CALLS_OF_PR_TRACE = [
  ...["Init.@4", "Init.@5", "Init.@7", "Handler.disconnect", "Tracing.traceUtxoCache"],
  ...Object.keys(CALLS.chain).map((method) => `Chain.${method}`),
  ...Object.keys(CALLS.node).map((method) => `Node.${method}`),
];

test("the page of the default collectors stays below 400 series with 125 peers of all kinds", () => {
  const collectors = makeCollectors(DEFAULT_COLLECTORS, { ...context, feeTargets: [2, 3, 6, 12, 24, 144, 504, 1008] });
  collectors.startSession(ALL_EVENTS);
  feed(collectors, "v32");
  const networks = ["ipv4", "ipv6", "onion", "i2p", "cjdns"];
  const outbound = ["outbound-full-relay", "block-relay-only", "manual"];
  const peers = Array.from({ length: 125 }, (_, id) => ({
    id,
    inbound: id > 10,
    network: networks[id % 5],
    connection_type: id > 10 ? "inbound" : outbound[id % 3],
    transport_protocol_type: id % 3 === 0 ? "v1" : "v2",
    mapped_as: 1 + (id % 40),
    minfeefilter: 0.00001,
  }));
  answerRpc(collectors, "getpeerinfo", JSON.stringify(peers));
  const exporter = exporterCollector(registry, { version: "1", revision: "r", bun: "b" }, () => 0);
  exporter.connected("pr/trace");
  exporter.polled(100);
  for (const method of [...RPC_METHODS, ...CALLS_OF_PR_TRACE]) exporter.called([method], 1);
  processCollector(registry);
  // The last block and its arrival have 32 more.
  expect(Object.keys(samplesOf(registry)).length + 32).toBeLessThan(400);
});

test("coins are counted, and those without an amount reported", () => {
  const refused: string[] = [];
  const { utxoCacheEvents, startSession } = makeCollectors(["utxocache"], {
    ...context,
    onRefused: (method) => void refused.push(method),
  });
  startSession(ALL_EVENTS);
  utxoCacheEvents!.add(5, 0);
  utxoCacheEvents!.add(-1, -1);
  expect(refused).toEqual(["UtxoCacheTrace.add"]);
  expect(samplesOf(registry)).toHaveProperty("bitcoin_utxo_cache_add_total", "2");
});

test("initial block download is the chain's", () => {
  const collectors = makeCollectors([], context);
  expect(collectors.chain.initialBlockDownload).toBe("unknown");
  feed(collectors, "master, new");
  expect(collectors.chain.initialBlockDownload).toBe("active");
});

describe("METRICS.md", () => {
  const metrics = readFileSync(join(import.meta.dirname, "..", "..", "METRICS.md"), "utf8");

  test.each(COLLECTOR_NAMES)("lists the cost of %s, and whether it runs by default", (name: CollectorName) => {
    const { use, cost } = CATALOGUE[name];
    const row = metrics.split("\n").find((line) => line.startsWith(`| \`${name}\` |`) && line.includes(cost));
    expect(row, cost).toBeDefined();
    expect(row).toContain({ always: "| always |", default: "| yes |", off: "| no |" }[use]);
  });
});

test.skipIf(NO_PROMTOOL !== "")(`promtool accepts the page${NO_PROMTOOL}`, () => {
  const collectors = makeCollectors(COLLECTOR_NAMES, context);
  feed(collectors, "master");
  expect(promtoolCheck(registry.render())).toEqual(ACCEPTED);
});
