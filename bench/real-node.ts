// What the exporter costs a real pr/trace node: how long it takes to accept transactions with no exporter, with the UTXO
// trace always on, and as the exporter comes. BITCOIN_NODE and BITCOIN_CLI name the node's executables.
//
// A regtest node checks its whole mempool after each transaction (-checkmempool=1), in a view that is traced: n transactions
// are 2·n² calls of the trace, and those are most of the time. Other networks do not check, and then a transaction that is
// accepted is no call at all. So both are timed.

import { compiledExporter } from "../test/exporter-command.ts";
import { ExporterProcess, type Metrics } from "../test/exporter-process.ts";
import { BitcoinNode, type MempoolInfo } from "../test/live/bitcoin-node.ts";
import { fund, mine, send, spend, split, type Transaction } from "../test/live/transactions.ts";
import { type Bench, check, type Effort, type Outcome, portion } from "./bench.ts";
import { atMost, type Row, type Target } from "./table.ts";

/** In the full run. */
const TRANSACTIONS = [150, 1_500];
/** With a smaller share than this, a run only shows that the bench works. */
const LEAST_SHARE = 0.1;
const SPLIT_FEE = 500_000;
const FEE = 1_000;
const TRACE_REGISTERED_MS = 1_000;

const ADDED = "bitcoin_mempool_tx_added_total";
const SPENT = "bitcoin_utxo_cache_spend_total";
const TRACED = [SPENT, "bitcoin_utxo_cache_add_total", "bitcoin_utxo_cache_uncache_total"];

/** How the node is watched. */
type Watch = "no exporter" | "trace forced" | "default budget";

/** What the trace may keep the node busy for, in percent: 100 is always. */
const BUDGET_FLAG = "--trace-budget";
const FORCED = [BUDGET_FLAG, "100"];

export const realNode: Bench = {
  name: "real-node",
  async run(effort: Effort): Promise<Outcome> {
    const missing = ["BITCOIN_NODE", "BITCOIN_CLI"].filter((variable) => !process.env[variable]);
    if (missing.length > 0) return { rows: [], notes: [`real-node: skipped, ${missing.join(" and ")} not set`] };
    const hasBudget = await exporterHas(BUDGET_FLAG);
    const rows: Row[] = [];
    for (const checkMempool of [1, 0]) {
      for (const full of TRANSACTIONS) {
        rows.push(
          ...(await compare(checkMempool, portionOf(effort, full), full === Math.max(...TRANSACTIONS), hasBudget)),
        );
      }
    }
    const note = `real-node, default budget: skipped, this exporter has no ${BUDGET_FLAG}`;
    return { rows, notes: hasBudget ? [] : [note] };
  },
};

/** All of them, but in a brief run: the budget's window is of a fixed length, and fewer would be through within it. */
function portionOf(effort: Effort, full: number): number {
  return effort.share < LEAST_SHARE ? portion(effort, full) : full;
}

/** The same transactions with each kind of watch. `isMost`: the target is for these. */
async function compare(checkMempool: number, count: number, isMost: boolean, hasBudget: boolean): Promise<Row[]> {
  const bench = `real node, ${count} sendrawtransaction, -checkmempool=${checkMempool}`;
  const row = (watch: Watch, { seconds }: Accepted, targets: Target[] = []): Row => {
    return { bench, measure: `s, ${watch}`, exporter: seconds, digits: 2, targets };
  };
  const none = await accept(checkMempool, count, undefined);
  const forced = await accept(checkMempool, count, hasBudget ? FORCED : [], "forced");
  const rows = [
    row("no exporter", none),
    row("trace forced", forced),
    { bench, measure: "calls of the trace, forced", exporter: forced.traced, digits: 0 },
  ];
  if (hasBudget) {
    const budgeted = await accept(checkMempool, count, []);
    const targets = isMost ? [atMost("2.0", budgeted.seconds / none.seconds, "no exporter")] : [];
    rows.push(row("default budget", budgeted, targets));
  }
  return rows;
}

interface Accepted {
  readonly seconds: number;
  /** Calls of the UTXO trace in that time. */
  readonly traced: number;
}

/**
 * Hands `count` transactions to a fresh node; with an exporter that gets `args`, unless these are undefined, and whose trace
 * is always on if it is `forced`.
 */
async function accept(
  checkMempool: number,
  count: number,
  args: readonly string[] | undefined,
  forced?: "forced",
): Promise<Accepted> {
  await using node = await BitcoinNode.start([`-checkmempool=${checkMempool}`]);
  const transactions = await independent(node, count);
  await using exporter = args && (await tracing(node, args));
  const before = await exporter?.metrics();

  const begin = performance.now();
  for (const { hex } of transactions) await node.rpc("sendrawtransaction", hex);
  const seconds = (performance.now() - begin) / 1000;

  const { size } = await node.cli<MempoolInfo>("getmempoolinfo");
  check("real-node: transactions in the mempool", size, count);
  if (exporter === undefined || before === undefined) return { seconds, traced: 0 };
  // The last notifications may be under way still.
  const after = await exporter.waitFor(ADDED, before.get(ADDED)! + count);
  if (forced) {
    await mine(node);
    const isSpent = (metrics: Metrics) => metrics.get(SPENT)! >= after.get(SPENT)! + count;
    await exporter.waitUntil("each coin that a block spends was traced", isSpent);
  }
  await node.expectAlive();
  const traced = TRACED.reduce((sum, name) => sum + after.get(name)! - before.get(name)!, 0);
  return { seconds, traced };
}

/** As many transactions, each of one input and one output, none of which needs another. */
async function independent(node: BitcoinNode, count: number): Promise<Transaction[]> {
  const [coin] = await fund(node, 1);
  const many = split(coin!, count, SPLIT_FEE);
  await send(node, many);
  await mine(node);
  return many.coins.map((one) => spend([one], [one.value - FEE]));
}

/** An exporter that has registered the trace, and polls as rarely as by default. */
async function tracing(node: BitcoinNode, args: readonly string[]): Promise<ExporterProcess> {
  const exporter = await ExporterProcess.start(node.socketPath, { args: ["--poll-interval", "60", ...args] });
  await exporter.waitUntil("the first poll", (metrics) => metrics.has("bitcoin_ipc_last_poll_timestamp_seconds"));
  // The trace follows the first poll, and nothing tells of it; whether it came shows in the counts.
  await Bun.sleep(TRACE_REGISTERED_MS);
  return exporter;
}

/** Whether the exporter's help names a flag. */
async function exporterHas(flag: string): Promise<boolean> {
  const help = Bun.spawn([...(await compiledExporter()), "--help"], { stdout: "pipe" });
  return (await help.stdout.text()).includes(flag);
}
