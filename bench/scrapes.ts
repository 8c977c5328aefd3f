// Scrapes: how many the exporter answers, how long one takes while callbacks come at full rate, and how much later callbacks are
// answered then, and with clients that are slow, greedy or malformed.

import type { StartOptions } from "../test/exporter-process.ts";
import { CLIENT_KINDS, type ClientKind, TLS_CLIENT_KINDS } from "../test/faults/http-clients.ts";
import { Protection } from "../test/protected-exporter.ts";
import { ReferenceNode } from "../test/reference-node/reference-node.ts";
import type { Bench, Effort, Outcome } from "./bench.ts";
import { CheckError, check, portion } from "./bench.ts";
import { linesOf } from "./lines.ts";
import type { NativePrograms } from "./native/build.ts";
import { CLIENT_CORE, NODE_CORE, OWN_CORE, pinnedTo } from "./pinning.ts";
import { inTurn, median, percentile } from "./statistics.ts";
import { type ExporterSubscriber, startExporter } from "./subscribers.ts";
import { atLeast, atMost, type Row } from "./table.ts";
import { COINS, fire, transactions } from "./volleys.ts";
import { hasWrk, requestsPerSecond } from "./wrk.ts";

/** In the full run. */
const WRK_SECONDS = 5;
const CALLS = 60_000;

const WARM_UP = transactions(16);

/** After this time, a client that does not read has everything that the kernel takes for it. */
const SETTLE_MS = 400;

const SCRAPES_PER_SECOND = 1_000;
const KEEP_ALIVE_PER_SECOND = "20000";

export const scrapes: Bench = {
  name: "scrapes",
  async run(effort: Effort, programs: NativePrograms): Promise<Outcome> {
    const paced = await pacedScrapes(effort, programs);
    for (const kind of CLIENT_KINDS) paced.push(await badClients(effort, kind));
    using protection = new Protection();
    for (const kind of TLS_CLIENT_KINDS) paced.push(await badClients(effort, kind, protection.start));
    if (hasWrk()) return { rows: [...(await floods(effort)), ...paced], notes: [] };
    return { rows: paced, notes: ["scrapes by wrk: skipped, there is no wrk; sudo apt install wrk"] };
  },
};

/** As many scrapes as are answered. */
async function floods(effort: Effort): Promise<Row[]> {
  await using node = await ReferenceNode.start({ prefix: pinnedTo(NODE_CORE) });
  await using exporter = await startExporter(node, OWN_CORE);
  const rates = await inTurn(effort.rounds, ["keep-alive", "close"], async (name) => {
    const seconds = portion(effort, WRK_SECONDS);
    return requestsPerSecond({
      url: exporter.process.url,
      core: CLIENT_CORE,
      seconds,
      keepAlive: name === "keep-alive",
    });
  });
  await checkConnected(exporter);
  const bench = "scrapes, 8 connections";
  const keepAlive = median(rates["keep-alive"]);
  return [
    {
      bench,
      measure: "per second, keep-alive",
      exporter: keepAlive,
      digits: 0,
      targets: [atLeast(KEEP_ALIVE_PER_SECOND, keepAlive)],
    },
    { bench, measure: "per second, a connection each", exporter: median(rates.close), digits: 0 },
  ];
}

async function checkConnected(exporter: ExporterSubscriber): Promise<void> {
  const metrics = await exporter.process.metrics();
  check("scrapes: the exporter is still connected", metrics.get("bitcoin_ipc_up"), 1);
}

/** What paced-scrapes says at its end. Times are microseconds. */
interface PacedReport {
  readonly scrapes: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

interface Measured {
  readonly callbackP99Us: number;
  readonly scrapes: PacedReport | undefined;
}

/** Callbacks at full rate without a scrape and with a thousand a second. */
async function pacedScrapes(effort: Effort, programs: NativePrograms): Promise<Row[]> {
  const calls = portion(effort, CALLS);
  const { quiet, scraped } = await inTurn(effort.rounds, ["quiet", "scraped"], async (name): Promise<Measured> => {
    await using node = await ReferenceNode.start({ prefix: pinnedTo(NODE_CORE) });
    await using exporter = await startExporter(node, OWN_CORE);
    await fire(node, exporter, WARM_UP, calls);
    const scraper = name === "scraped" ? await startScraper(programs.pacedScrapes, exporter.process.url) : undefined;
    const { microseconds } = await fire(node, exporter, transactions(1), calls);
    return { callbackP99Us: percentile(microseconds, 0.99), scrapes: await scraper?.stop() };
  });
  const reports = scraped.flatMap((measured) => measured.scrapes ?? []);
  check("scrapes while callbacks come: reports", reports.length, effort.rounds);
  const p99Ms = median(reports.map((report) => report.p99 / 1000));
  const quietUs = median(quiet.map((measured) => measured.callbackP99Us));
  const scrapedUs = median(scraped.map((measured) => measured.callbackP99Us));
  const bench = "1,000 scrapes a second, callbacks at full rate";
  return [
    { bench, measure: "scrape p99 ms", exporter: p99Ms, digits: 2, targets: [atMost("2 ms", p99Ms)] },
    { bench, measure: "callback p99 µs, no scrapes", exporter: quietUs, digits: 0 },
    {
      bench,
      measure: "callback p99 µs, scrapes",
      exporter: scrapedUs,
      digits: 0,
      targets: [atMost("2.0", scrapedUs / quietUs, "that without scrapes")],
    },
  ];
}

/** Callbacks one after the other, without a client and with clients of one kind. */
async function badClients(effort: Effort, { name, start }: ClientKind, options?: StartOptions): Promise<Row> {
  const calls = portion(effort, CALLS);
  await using node = await ReferenceNode.start({ prefix: pinnedTo(NODE_CORE) });
  await using exporter = await startExporter(node, OWN_CORE, options);
  await fire(node, exporter, COINS, calls);
  const { quiet, loaded } = await inTurn(effort.rounds, ["quiet", "loaded"], async (round) => {
    using clients = round === "loaded" ? await start(Number(new URL(exporter.process.url).port)) : undefined;
    if (clients !== undefined) await Bun.sleep(SETTLE_MS);
    const { microseconds } = await fire(node, exporter, COINS, calls);
    if (clients !== undefined) check(`${name}: are there`, clients.open > 0, true);
    return percentile(microseconds, 0.99);
  });
  const [quietUs, loadedUs] = [median(quiet), median(loaded)];
  return {
    bench: `clients: ${name}`,
    measure: "callback p99 µs",
    exporter: loadedUs,
    digits: 0,
    targets: [atMost("2.0", loadedUs / quietUs, `the ${quietUs.toFixed(0)} µs without them`)],
  };
}

/** Begins to scrape; `stop` ends it and resolves to its report. */
async function startScraper(program: string, url: string): Promise<{ stop(): Promise<PacedReport> }> {
  const command = [...pinnedTo(CLIENT_CORE), program, new URL(url).port, String(SCRAPES_PER_SECOND)];
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const lines = linesOf(child.stdout);
  const next = async () => {
    const { value } = await lines.next();
    if (value === undefined) throw new CheckError("scrapes while callbacks come: a scrape failed");
    return value;
  };
  await next();
  return {
    async stop() {
      child.kill("SIGTERM");
      return JSON.parse(await next()) as PacedReport;
    },
  };
}
