// Polls of all default collectors on a node with the answers of mainnet: the exporter's CPU time, the longest pause of its
// event loop, and its page. Then polls of very long ban lists while callbacks come.

import { existsSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSeries } from "../src/metrics/text-format-reader.ts";
import { eventually } from "../test/eventually.ts";
import { compiledExporter, preloading } from "../test/exporter-command.ts";
import { ExporterProcess, type Metrics } from "../test/exporter-process.ts";
import { type Layout, ReferenceNode } from "../test/reference-node/reference-node.ts";
import { type Bench, BRIEF, check, type Effort, type Outcome, portion } from "./bench.ts";
import { answerAsMainnet, USUAL } from "./mainnet.ts";
import { CLIENT_CORE, NODE_CORE, OWN_CORE, pinnedTo } from "./pinning.ts";
import { cpuNs, memory } from "./process-usage.ts";
import { inTurn, median, percentile } from "./statistics.ts";
import { ExporterSubscriber, RARE_POLLS, subscribed } from "./subscribers.ts";
import { atMost, type Row } from "./table.ts";
import { fire, transactions } from "./volleys.ts";
import { hasWrk, requestsPerSecond } from "./wrk.ts";

const MB = 1e6;
/** In the full run. */
const POLLS = 100;
const LONG_POLLS = 5;
/** At POLL_USUALLY. */
const USUAL_POLLS = 2;
const WRK_SECONDS = 5;

const WARM_UP_POLLS = 5;
const POLL_DEADLINE_MS = 120_000;
const WITHOUT_BUDGET = ["--trace-budget", "100"];
const POLL_OFTEN = ["--poll-interval", "0.1", ...WITHOUT_BUDGET];
/** Six times as often as by default. */
const POLL_USUALLY = ["--poll-interval", "10", ...WITHOUT_BUDGET];
/** Calls in a volley: the polls are counted between two volleys. */
const CALLS = 1_000;

const BANS = "bitcoin_banned_subnets";
const BANS_ERRORS = 'bitcoin_ipc_call_errors_total{method="listbanned"}';

const PAUSE_OBSTACLE = `\
The longest pauses are young collections that the collector starts by itself, of 2 to 5 ms, as an answer's values are garbage at \
once. Reading and showing an answer pauses for 0.15 ms at a time, and one family of 125 peers for 1 ms.`;

const LAYOUTS: readonly Layout[] = ["v32", "pr/trace"];
/** Bans, and the longest pause that their answer of 4 or 32 MB may cause. */
const BAN_LISTS = [
  { bans: 34_000, limit: "5 ms" },
  { bans: 265_000, limit: "20 ms" },
];

export const polls: Bench = {
  name: "polls",
  async run(effort: Effort): Promise<Outcome> {
    const rows: Row[] = [];
    for (const layout of LAYOUTS) rows.push(...(await usualPolls(layout, effort)));
    const notes = hasWrk() ? [] : ["scrapes of the polls' page by wrk: skipped, there is no wrk; sudo apt install wrk"];
    // A brief run only shows that the bench works.
    for (const { bans, limit } of effort === BRIEF ? BAN_LISTS.slice(0, 1) : BAN_LISTS) {
      const outcome = await longAnswers(bans, limit, effort);
      rows.push(...outcome.rows);
      notes.push(...outcome.notes);
    }
    return { rows, notes };
  },
};

async function usualPolls(layout: Layout, effort: Effort): Promise<Row[]> {
  const count = portion(effort, POLLS);
  const { usage, pauses } = await inTurn(effort.rounds, ["usage", "pauses"], async (name) => {
    await using node = await mainnetNode(layout, USUAL.bans);
    await using exporter = await Polling.start(node, POLL_OFTEN, name === "pauses");
    await exporter.waitForPolls(WARM_UP_POLLS);
    exporter.resetPauses();
    const [cpuBefore, pollsBefore] = [cpuNs(exporter.pid), await exporter.polls()];
    await exporter.waitForPolls(pollsBefore + count);
    const cpuMs = (cpuNs(exporter.pid) - cpuBefore) / 1e6 / ((await exporter.polls()) - pollsBefore);
    const page = await exporter.process.payload();
    const shown = ["bitcoin_peers", BANS].map((name) => readSeries(page).get(name)?.value);
    check(`polls, ${layout}: peers and bans on the page`, shown, [USUAL.peers, USUAL.bans]);
    const failed = [...readSeries(page).keys()].filter((name) => name.startsWith("bitcoin_ipc_call_errors_total"));
    check(`polls, ${layout}: failed calls`, failed, []);
    const isFlooded = hasWrk() && name === "usage";
    const scrapes = isFlooded ? await scrapesPerSecond(exporter.process.url, portion(effort, WRK_SECONDS)) : 0;
    return { cpuMs, pauseMs: exporter.longestPauseMs(), page, scrapes };
  });
  const bench = `poll, ${layout}, ${USUAL.peers} peers, ${USUAL.bans} bans, ${USUAL.tips} tips`;
  const pauseMs = median(pauses.map((one) => one.pauseMs));
  const { page } = usage[0]!;
  const series = readSeries(page).size;
  const obstacle = PAUSE_OBSTACLE;
  const scrapes = { measure: "scrapes per second, keep-alive", exporter: median(usage.map((one) => one.scrapes)) };
  return [
    { bench, measure: "CPU ms", exporter: median(usage.map(({ cpuMs }) => cpuMs)), digits: 2 },
    { bench, measure: "longest pause ms", exporter: pauseMs, digits: 1, targets: [atMost("5 ms", pauseMs)], obstacle },
    { bench, measure: "page kB", exporter: Buffer.byteLength(page) / 1000, digits: 1 },
    { bench, measure: "series", exporter: series, digits: 0, targets: [atMost("399", series)] },
    ...(hasWrk() ? [{ bench, ...scrapes, digits: 0 }] : []),
  ];
}

/** The node's own work for such an answer is in the times of the callbacks, as it has one thread for both. */
async function longAnswers(bans: number, limit: string, effort: Effort): Promise<Outcome> {
  const hasOutcome = (metrics: Metrics) => metrics.get(BANS) === bans || metrics.has(BANS_ERRORS);
  let isCounted = false;
  let calls = CALLS;
  const run = async (args: readonly string[], polls: number, hasMonitor = false) => {
    const isPolling = polls > 0;
    await using node = await mainnetNode("pr/trace", bans);
    await using exporter = await Polling.start(node, args, hasMonitor);
    const answered = exporter.process.waitUntil("listbanned has an outcome", hasOutcome, POLL_DEADLINE_MS);
    const [metrics] = await Promise.all([answered, subscribed(node)]);
    if (isPolling) isCounted = metrics.get(BANS) === bans;
    await fire(node, exporter, transactions(1), CALLS);
    exporter.resetPauses();
    const end = (await exporter.polls()) + polls;
    const microseconds: number[] = [];
    // Without polls as many calls as with them.
    do {
      microseconds.push(...(await fire(node, exporter, transactions(1), CALLS)).microseconds);
    } while (isPolling ? (await exporter.polls()) < end : microseconds.length < calls);
    if (isPolling && !hasMonitor) calls = microseconds.length;
    return { microseconds, pauseMs: exporter.longestPauseMs(), peakMb: memory(exporter.pid).peakBytes / MB };
  };
  const runs = {
    polled: () => run(POLL_USUALLY, portion(effort, USUAL_POLLS)),
    pauses: () => run(POLL_OFTEN, portion(effort, LONG_POLLS), true),
    quiet: () => run(RARE_POLLS, 0),
  };
  const { polled, pauses, quiet } = await inTurn(effort.rounds, ["polled", "pauses", "quiet"], (name) => runs[name]());
  const bench = `polls with ${bans.toLocaleString("en")} bans, callbacks at full rate`;
  const p99 = (one: { microseconds: readonly number[] }) => percentile(one.microseconds, 0.99);
  const [quietUs, polledUs] = [median(quiet.map(p99)), median(polled.map(p99))];
  const longestMs = median(polled.map(({ microseconds }) => percentile(microseconds, 1) / 1000));
  const pauseMs = median(pauses.map((one) => one.pauseMs));
  const isTwice = atMost("2.0", polledUs / quietUs, "that without polls");
  const rows: Row[] = [
    { bench, measure: "longest pause ms", exporter: pauseMs, digits: 1, targets: [atMost(limit, pauseMs)] },
    { bench, measure: "callback p99 µs, no polls", exporter: quietUs, digits: 0 },
    { bench, measure: "callback p99 µs, polls each 10 s", exporter: polledUs, digits: 0, targets: [isTwice] },
    { bench, measure: "longest callback ms, polls each 10 s", exporter: longestMs, digits: 1 },
    { bench, measure: "RSS MB, most", exporter: median(polled.map(({ peakMb }) => peakMb)), digits: 1 },
  ];
  return { rows, notes: isCounted ? [] : [`${bench}: the exporter refuses the answer`] };
}

async function mainnetNode(layout: Layout, bans: number): Promise<ReferenceNode> {
  const node = await ReferenceNode.start({ layout, prefix: pinnedTo(NODE_CORE) });
  await answerAsMainnet(node, { ...USUAL, bans });
  return node;
}

function scrapesPerSecond(url: string, seconds: number): Promise<number> {
  return requestsPerSecond({ url, core: CLIENT_CORE, seconds, keepAlive: true });
}

/** An exporter whose polls its node counts. */
class Polling extends ExporterSubscriber {
  readonly #node: ReferenceNode;
  readonly #pauseFile: string;

  /** With `hasMonitor` the pauses of its event loop are measured, which costs CPU time. */
  static async start(node: ReferenceNode, args: readonly string[], hasMonitor: boolean): Promise<Polling> {
    const pauseFile = join(tmpdir(), `pauses-${process.pid}`);
    const monitor = { ...preloading(join(import.meta.dirname, "pause-monitor.ts")), PAUSE_FILE: pauseFile };
    // A collection in the background would pause the event loop if it had to share one core with it.
    const pin = hasMonitor ? [] : pinnedTo(OWN_CORE);
    const command = [...pin, ...(await compiledExporter())];
    const options = { command, args, env: hasMonitor ? monitor : {} };
    return new Polling(await ExporterProcess.start(node.socketPath, options), node, pauseFile);
  }

  private constructor(process: ExporterProcess, node: ReferenceNode, pauseFile: string) {
    super(process);
    this.#node = node;
    this.#pauseFile = pauseFile;
  }

  async polls(): Promise<number> {
    return (await this.#node.stats()).rpcCalls["uptime"] ?? 0;
  }

  async waitForPolls(count: number): Promise<void> {
    const options = { deadlineMs: POLL_DEADLINE_MS, intervalMs: 50 };
    await eventually(`${count} polls`, async () => (await this.polls()) >= count, options);
  }

  resetPauses(): void {
    rmSync(this.#pauseFile, { force: true });
  }

  /** 0 when there was none of more than a millisecond. */
  longestPauseMs(): number {
    if (!existsSync(this.#pauseFile)) return 0;
    return Math.max(...readFileSync(this.#pauseFile, "utf8").trim().split("\n").map(Number));
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    this.resetPauses();
  }
}
