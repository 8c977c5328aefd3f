// The demo: a simulated node, the real exporter on its socket, and a view that reads only what the exporter serves over HTTP.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { BUILD } from "../src/build-info.ts";
import { Exporter } from "../src/exporter.ts";
import { createServer, type ListenAddress, type MetricsServer } from "../src/http/server.ts";
import { readSeries, type SeriesMap } from "../src/metrics/text-format-reader.ts";
import { hostPort, type Options } from "../src/options.ts";
import { autopilot } from "./autopilot.ts";
import { changes } from "./changes.ts";
import { ScrapeHistory } from "./scrape-history.ts";
import { startSimulatedNode } from "./simulated-node.ts";
import { judge, type Verdict } from "./verdict.ts";
import { type Output, type View, viewOn } from "./view.ts";

const TITLE = "bitcoind-ipc-exporter demo: a simulated node and the real exporter. Ctrl-C ends it.";
const SCRAPE_INTERVAL_MS = 500;
/** Prometheus waits 10 s by default; on one machine 2 s are long. */
const SCRAPE_DEADLINE_MS = 2000;
const WARMUP_MS = 800;
const LEAVE_DEADLINE_MS = 4000;
const MAX_BEHIND_S = 16;
const BEHIND_PERIOD_S = 60;

/** Runs until `signal` aborts, then disconnects and stops. Rejects when it cannot listen. */
export async function runDemo(options: Options, output: Output, signal: AbortSignal): Promise<Verdict> {
  // In reverse order: the exporter disconnects, the node stops, the folder is removed.
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "bitcoind-ipc-exporter-demo-"));
  undo.defer(() => rm(folder, { recursive: true }));
  const view = viewOn(output, TITLE);
  undo.defer(() => view.close());
  const socketPath = join(folder, "node.sock");
  const node = undo.use(startSimulatedNode({ socketPath, warmupMs: WARMUP_MS, now: minersTime }));
  const log = (line: string) => view.say(`exporter: ${line}`);
  const exporter = new Exporter({ ...options, socketPath, build: BUILD, log });
  const server = createServer(exporter.serving);
  undo.defer(() => server.stop());
  const addresses = options.metricsAddresses.map((address) => listen(server, address, (line) => view.say(line)));
  undo.defer(async () => void (await exporter.leave(LEAVE_DEADLINE_MS)));

  const urls = addresses.map(urlOf);
  for (const url of urls) view.say(`metrics on ${url}`);
  const url = urls[0]!;
  exporter.start();
  await Promise.all([autopilot(node, signal), watch(url, view, signal)]);
  view.say("the exporter disconnects");
  await exporter.leave(LEAVE_DEADLINE_MS);
  return judge(node, await scrape(url), options);
}

/** Listens on `address`, or on a free port if that port is in use. */
function listen(server: MetricsServer, address: ListenAddress, log: (line: string) => void): ListenAddress {
  try {
    return server.listen(address);
  } catch (error) {
    if ((error as { code?: string }).code !== "EADDRINUSE") throw error;
    log(`port ${address.port} is in use, using a free one`);
    return server.listen({ ...address, port: 0 });
  }
}

/** Unix time by the miners' clocks, which are behind by a varying time. It never goes back. */
function minersTime(): number {
  const nowS = Date.now() / 1000;
  const behindS = (MAX_BEHIND_S / 2) * (1 + Math.sin((2 * Math.PI * nowS) / BEHIND_PERIOD_S));
  return Math.floor(nowS - behindS);
}

/** The URL for clients on this machine. */
function urlOf({ hostname, port }: ListenAddress): string {
  return `http://${hostPort({ hostname: hostname === "::" ? "::1" : hostname, port })}/metrics`;
}

/** Reads the exporter's page as Prometheus does. Rejects when `url` does not serve one in time. */
async function scrape(url: string): Promise<SeriesMap> {
  const response = await fetch(url, { signal: AbortSignal.timeout(SCRAPE_DEADLINE_MS) });
  if (!response.ok) throw new Error(`cannot scrape ${url}: HTTP status ${response.status}`);
  return readSeries(await response.text());
}

async function watch(url: string, view: View, signal: AbortSignal): Promise<void> {
  const history = new ScrapeHistory();
  while (!signal.aborted) {
    history.add(await scrape(url), performance.now());
    for (const line of changes(history)) view.say(line);
    view.show(history);
    await pause(SCRAPE_INTERVAL_MS, undefined, { signal }).catch(() => {});
  }
}
