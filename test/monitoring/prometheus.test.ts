// The dashboards and rules on a real Prometheus, which scrapes an exporter of a simulated node: every expression is valid and
// has a result if the node reports the metric.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { autopilot } from "../../demo/autopilot.ts";
import { type SimulatedNode, startSimulatedNode } from "../../demo/simulated-node.ts";
import { eventually } from "../eventually.ts";
import { ExporterProcess } from "../exporter-process.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { PrometheusServer } from "./prometheus-server.ts";
import { selectorsOf } from "./selectors.ts";
import { dashboardExpressions, dashboards, type Expression, ruleExpressions, ruleFiles, rules } from "./sources.ts";

const SETUP_DEADLINE_MS = 120_000;
const BEAT_MS = 100;
/** Of each exporter. The autopilot restarts the node after some 60 beats. */
const SESSIONS = 2;
/** In two blocks at least. */
const TRANSACTIONS = 120;
const NEXT_BLOCK_FEE_RATE = 'bitcoin_mempool_next_blocks_fee_rate_satoshis_per_vbyte{blocks="1"}';

/** Expressions that have no result, and why. An entry that has one is a fault, too. */
const MAY_BE_EMPTY: Readonly<Record<string, string>> = {
  "bitcoin-node.json: Chain: Validation below the snapshot: A": "the simulated node has not loaded a snapshot",
  "bitcoin-node.json: Chain: First block on disk: A": "the simulated node is not pruned",
  "bitcoin-node.json: Exporter and its cost to the node: Failed calls: A": "the simulated node fails no call",
  "bitcoin-node.json: mark: UTXO trace paused": "the trace of the simulated node stays within its budget",
  "bitcoin-nodes.json: Exporters: Failed calls: A": "the simulated node fails no call",
  "BitcoinCallsFail (warning): bitcoin_ipc_call_errors_total": "the simulated node fails no call",
  "BitcoinBackInIbd (info): bitcoin_node_info": "the simulated node is of regtest",
  "BitcoinTipStuck (info): bitcoin_node_info": "the simulated node is of regtest",
};

const folder = temporaryFolder();
let node: SimulatedNode;
let exporter: ExporterProcess;
/** Of the same node, without the family that reports the chain: as of a v30 node. */
let withoutChain: ExporterProcess;
let prometheus: PrometheusServer;

beforeAll(async () => {
  node = startSimulatedNode({ socketPath: join(folder, "node.sock"), now: () => Math.floor(Date.now() / 1000) });
  exporter = await ExporterProcess.start(node.socketPath, { args: ["--collectors", "default,feerates,utxoset"] });
  withoutChain = await ExporterProcess.start(node.socketPath, { args: ["--no-collector", "node"] });
  const targets = [exporter, withoutChain].map(addressOf);
  prometheus = await PrometheusServer.start({ targets, ruleFiles });
  const end = new AbortController();
  const played = autopilot(node, end.signal, { beatMs: BEAT_MS });
  const sessions = 2 * SESSIONS;
  await eventually("all was played", () => node.reported.sessions >= sessions, { deadlineMs: SETUP_DEADLINE_MS });
  end.abort();
  await played;
  // A block of the last session, and after it some scrapes with all that is polled.
  for (const process of [exporter, withoutChain]) await process.waitFor("bitcoin_ibd", 0);
  await eventually("the trace is on", () => node.subscriptions === 4);
  await node.reorg(1);
  // More than the block has room for.
  for (let count = 0; count < TRANSACTIONS; count++) await node.addTransaction();
  await node.mineBlock();
  for (const process of [exporter, withoutChain]) await process.waitFor("bitcoin_last_block_height", node.height);
  await exporter.waitUntil("the mempool fills a block", (metrics) => metrics.has(NEXT_BLOCK_FEE_RATE));
  const since = Date.now() / 1000;
  await eventually("Prometheus has scraped some more", async () => {
    const polls = await prometheus.query("min(min_over_time(bitcoin_ipc_last_poll_timestamp_seconds[3s]))");
    return polls.some(({ value }) => Number(value[1]) > since);
  });
}, SETUP_DEADLINE_MS);

afterAll(async () => {
  await prometheus?.[Symbol.asyncDispose]();
  await exporter?.[Symbol.asyncDispose]();
  await withoutChain?.[Symbol.asyncDispose]();
  await node?.stop();
});

function addressOf({ url }: ExporterProcess): string {
  return new URL(url).host;
}

/** Replaces variables as Grafana does. */
function interpolate(expression: string, chain = ".*"): string {
  return expression
    .replaceAll("$__rate_interval", "30s")
    .replaceAll("$__range", "5m")
    .replaceAll("$instance", addressOf(exporter))
    .replaceAll("$chain", chain);
}

/** The faults of expressions, by their places. */
async function faultsOf(expressions: readonly Expression[], mayBeEmpty: ReadonlySet<string>): Promise<string[]> {
  const faults: string[] = [];
  const places = new Set(expressions.map(({ place }) => place));
  for (const place of mayBeEmpty) if (!places.has(place)) faults.push(`${place}: there is no such place`);
  for (const { place, expr } of expressions) {
    try {
      const isEmpty = (await prometheus.query(interpolate(expr))).length === 0;
      if (isEmpty && !mayBeEmpty.has(place)) faults.push(`${place}: has no result`);
      if (!isEmpty && mayBeEmpty.has(place)) faults.push(`${place}: has a result, unlike expected`);
    } catch (error) {
      faults.push(`${place}: ${(error as Error).message}`);
    }
  }
  return faults;
}

/** The listed places that are wanted. */
function emptyOnes(isWanted: (place: string) => boolean): ReadonlySet<string> {
  return new Set(Object.keys(MAY_BE_EMPTY).filter(isWanted));
}

test.each(Object.keys(dashboards))("every panel and annotation of %s has a result", async (file) => {
  const expressions = dashboardExpressions(file);
  expect(
    await faultsOf(
      expressions,
      emptyOnes((place) => place.startsWith(`${file}: `)),
    ),
  ).toEqual([]);
});

test("a metric or a matcher that does not exist, a broken expression and a wrong list are found", async () => {
  const [place, expr] = ["a panel", 'rate(bitcoin_blocks_connected_total{instance="$instance"}[$__rate_interval])'];
  const broken = [
    { place, expr },
    { place: "a name", expr: expr.replace("connected", "conected") },
    { place: "a matcher", expr: expr.replace("instance=", "node=") },
    { place: "a bracket", expr: expr.replace(")", "") },
    { place: "a listed one", expr },
  ];
  expect(await faultsOf(broken, new Set(["a listed one", "nowhere"]))).toEqual([
    "nowhere: there is no such place",
    "a name: has no result",
    "a matcher: has no result",
    expect.stringContaining("a bracket: invalid parameter"),
    "a listed one: has a result, unlike expected",
  ]);
});

test("every expression of a panel is found out when a metric in it is misspelt", async () => {
  for (const file of Object.keys(dashboards)) {
    const misspelt = dashboardExpressions(file).map(({ place, expr }) => ({
      place,
      expr: expr.replaceAll(/\b(bitcoin|process)_/g, "$1_x_"),
    }));
    expect(misspelt).not.toBeEmpty();
    const faults = await faultsOf(misspelt, new Set());
    expect(faults).toEqual(misspelt.map(({ place }) => `${place}: has no result`));
  }
});

test("every recording rule has a result", async () => {
  const records = rules.flatMap(({ record }) => (record === undefined ? [] : [{ place: record, expr: record }]));
  const sources = ruleExpressions().filter(({ place }) => records.some((record) => record.place === place));
  expect(records).not.toBeEmpty();
  expect(await faultsOf([...records, ...sources], new Set())).toEqual([]);
});

// An alert has no result while all is well, but the metrics that it reads have samples.
test("every metric that alerts read has a sample", async () => {
  const alerts = ruleExpressions().filter(({ place }) => place.includes("("));
  const reads = alerts.flatMap(({ place, expr }) =>
    selectorsOf(expr).map(({ metric, text }) => ({ place: `${place}: ${metric}`, expr: text })),
  );
  expect(reads.length).toBeGreaterThan(alerts.length);
  expect(
    await faultsOf(
      reads,
      emptyOnes((place) => place.includes("(")),
    ),
  ).toEqual([]);
});

test("Prometheus evaluates every rule", async () => {
  const states = await prometheus.rules();
  expect(states).toHaveLength(rules.length);
  expect(states.filter(({ health }) => health !== "ok")).toEqual([]);
});

test.each(Object.entries(dashboards))("the variables of %s offer the nodes", async (_, { templating }) => {
  const ask = async (name: string, chain?: string) => {
    const { query, regex = "" } = templating.list.find((variable) => variable.name === name)!;
    return options(interpolate(typeof query === "string" ? query : query.query, chain), regex);
  };
  const both = [exporter, withoutChain].map(addressOf).sort();
  expect(await ask("chain")).toEqual(["regtest"]);
  expect(await ask("instance")).toEqual(both);
  expect(await ask("instance", "regtest|main")).toEqual(both);
  // It may be of that chain: it does not report its own.
  expect(await ask("instance", "main")).toEqual([addressOf(withoutChain)]);
});

/** The options that Grafana makes from a variable's query, for the two query functions used here. */
async function options(query: string, regex: string): Promise<readonly string[]> {
  const label = /^label_values\((.*), (\w+)\)$/s.exec(query);
  if (label !== null) return prometheus.labelValues(label[2]!, label[1]!);
  const expression = /^query_result\((.*)\)$/s.exec(query);
  if (expression === null) throw new Error(`not a query of a variable: ${query}`);
  const [, pattern] = /^\/(.*)\/$/.exec(regex)!;
  const lines = (await prometheus.query(expression[1]!)).map(({ metric, value: [time, value] }) => {
    const { __name__: name = "", ...labels } = metric;
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${text}"`);
    return `${name}{${pairs.join(",")}} ${value} ${time}`;
  });
  return lines.flatMap((line) => new RegExp(pattern!).exec(line)?.[1] ?? []).sort();
}
