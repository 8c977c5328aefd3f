// The cost of the exporter for a real pr/trace node: how long it takes to accept transactions without an exporter, with the UTXO
// trace always on, and with the default budget. BITCOIN_NODE and BITCOIN_CLI name the node's executables.
//
// A regtest node checks its whole mempool after each transaction (-checkmempool=1) in a traced view: n transactions make 2·n²
// calls of the trace, which are most of the time. Other networks do not check, and an accepted transaction makes no call. Both
// are timed.

import { ExporterProcess, type Metrics } from "../test/exporter-process.ts";
import { BitcoinNode } from "../test/live/bitcoin-node.ts";
import { fund, mine, send, spend, split, type Transaction } from "../test/live/transactions.ts";
import { type Bench, check, type Effort, type Outcome, portion } from "./bench.ts";
import { inTurn, median } from "./statistics.ts";
import { atMost, type Row, type Target } from "./table.ts";

interface Case {
  readonly checkMempool: 0 | 1;
  /** In the full run. */
  readonly transactions: number;
  readonly rounds: number;
  /** With -checkmempool=1 and the trace always on a round takes minutes. */
  readonly forcedRounds: number;
  readonly targets: (ratio: number) => Target[];
}

const noTarget = () => [];
const atMostTwice = (ratio: number) => [atMost("2.0", ratio, "no exporter")];

const CASES: readonly Case[] = [
  { checkMempool: 1, transactions: 150, rounds: 3, forcedRounds: 3, targets: noTarget },
  { checkMempool: 1, transactions: 1_500, rounds: 3, forcedRounds: 1, targets: atMostTwice },
  { checkMempool: 0, transactions: 150, rounds: 5, forcedRounds: 5, targets: noTarget },
  { checkMempool: 0, transactions: 1_500, rounds: 5, forcedRounds: 5, targets: atMostTwice },
];

const NOTE = "real-node: up to 3 rounds with -checkmempool=1, and one of the 1,500 with the trace forced";

/** A run with a smaller share only shows that the bench works. */
const LEAST_SHARE = 0.1;
const SPLIT_FEE = 500_000;
const FEE = 1_000;
const TRACE_REGISTERED_MS = 1_000;

const ADDED = "bitcoin_mempool_tx_added_total";
const SPENT = "bitcoin_utxo_cache_spend_total";
const TRACED = [SPENT, "bitcoin_utxo_cache_add_total", "bitcoin_utxo_cache_uncache_total"];

/** The exporter's arguments; undefined without an exporter. */
const WATCHES = {
  "no exporter": undefined,
  // This budget is never exceeded.
  "trace forced": ["--trace-budget", "100"],
  "default budget": [],
};
type Watch = keyof typeof WATCHES;

export const realNode: Bench = {
  name: "real-node",
  async run(effort: Effort): Promise<Outcome> {
    const missing = ["BITCOIN_NODE", "BITCOIN_CLI"].filter((variable) => !process.env[variable]);
    if (missing.length > 0) return { rows: [], notes: [`real-node: skipped, ${missing.join(" and ")} not set`] };
    const rows: Row[] = [];
    for (const one of CASES) rows.push(...(await compare(one, effort)));
    return { rows, notes: [NOTE] };
  },
};

/** All except in a brief run: fewer would be accepted within one window of the budget, which has a fixed length. */
function portionOf(effort: Effort, full: number): number {
  return effort.share < LEAST_SHARE ? portion(effort, full) : full;
}

/** The same transactions with each of WATCHES. */
async function compare(one: Case, effort: Effort): Promise<Row[]> {
  const count = portionOf(effort, one.transactions);
  const rounds = (most: number) => Math.min(effort.rounds, most);
  const run = (watch: Watch) => accept(one.checkMempool, count, watch);
  const results = {
    ...(await inTurn(rounds(one.rounds), ["no exporter", "default budget"], run)),
    ...(await inTurn(rounds(one.forcedRounds), ["trace forced"], run)),
  };

  const bench = `real node, ${count} sendrawtransaction, -checkmempool=${one.checkMempool}`;
  const seconds = (watch: Watch) => median(results[watch].map((accepted) => accepted.seconds));
  const row = (watch: Watch, targets: Target[] = []): Row => {
    return { bench, measure: `s, ${watch}`, exporter: seconds(watch), digits: 2, targets };
  };
  const traced = median(results["trace forced"].map((accepted) => accepted.traced));
  return [
    row("no exporter"),
    row("trace forced"),
    { bench, measure: "calls of the trace, forced", exporter: traced, digits: 0 },
    row("default budget", one.targets(seconds("default budget") / seconds("no exporter"))),
  ];
}

interface Accepted {
  readonly seconds: number;
  /** Calls of the UTXO trace in that time. */
  readonly traced: number;
}

/** A new node accepts `count` transactions. */
async function accept(checkMempool: number, count: number, watch: Watch): Promise<Accepted> {
  const args = WATCHES[watch];
  await using node = await BitcoinNode.start([`-checkmempool=${checkMempool}`]);
  const transactions = await independent(node, count);
  await using exporter = args && (await tracing(node, args));
  const before = await exporter?.metrics();

  const begin = performance.now();
  for (const { hex } of transactions) await node.rpc("sendrawtransaction", hex);
  const seconds = (performance.now() - begin) / 1000;

  const { size } = await node.cli<{ size: number }>("getmempoolinfo");
  check("real-node: transactions in the mempool", size, count);
  if (exporter === undefined || before === undefined) return { seconds, traced: 0 };
  // The last notifications may still be pending.
  const after = await exporter.waitFor(ADDED, before.get(ADDED)! + count);
  if (watch === "trace forced") {
    await mine(node);
    const isSpent = (metrics: Metrics) => metrics.get(SPENT)! >= after.get(SPENT)! + count;
    await exporter.waitUntil("each coin that a block spends was traced", isSpent);
  }
  await node.expectAlive();
  const traced = TRACED.reduce((sum, name) => sum + after.get(name)! - before.get(name)!, 0);
  if (checkMempool === 1) check("real-node: the trace was on", traced > 0, true);
  return { seconds, traced };
}

/** Transactions of one input and one output that do not spend each other. */
async function independent(node: BitcoinNode, count: number): Promise<Transaction[]> {
  const [coin] = await fund(node, 1);
  const many = split(coin!, count, SPLIT_FEE);
  await send(node, many);
  await mine(node);
  return many.coins.map((one) => spend([one], [one.value - FEE]));
}

/** An exporter with the default poll interval whose trace is active. */
async function tracing(node: BitcoinNode, args: readonly string[]): Promise<ExporterProcess> {
  const exporter = await ExporterProcess.start(node.socketPath, { args: ["--poll-interval", "60", ...args] });
  await exporter.waitUntil("the first poll", (metrics) => metrics.has("bitcoin_ipc_last_poll_timestamp_seconds"));
  // The trace starts after the first poll; the counts of the trace are checked at the end.
  await Bun.sleep(TRACE_REGISTERED_MS);
  return exporter;
}
