// Measures what many nodes cost one Prometheus: `bun run fleet -- --nodes 50 --minutes 8`. Simulated pr/trace nodes, the compiled
// exporter for each, and Debian's Prometheus with the rules run on this machine. Needs `bun run build` and Prometheus.
//
// Time is scaled: polls every 4 s and scrapes every second instead of 60 s and 15 s, so that the chunks of samples fill up. The
// server writes a block after 6 minutes instead of 3 hours.

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { autopilot } from "../demo/autopilot.ts";
import { type SimulatedNode, startSimulatedNode } from "../demo/simulated-node.ts";
import { readSeries } from "../src/metrics/text-format-reader.ts";
import { DIST, filesBelow, ROOT } from "./artefacts.ts";

const POLL_INTERVAL_S = 4;
const SCRAPE_INTERVAL_S = 1;
const BLOCK_DURATION = "4m";
const BEAT_MS = 1000;
/** The series that a federating server needs: those of the recording rules, and the states. */
const FEDERATED = '{__name__=~".+:bitcoin_.+|bitcoin_ipc_up|bitcoin_node_info"}';

const { values } = parseArgs({
  options: { nodes: { type: "string", default: "50" }, minutes: { type: "string", default: "8" } },
});
const count = Number(values.nodes);
const folder = mkdtempSync(join(tmpdir(), "fleet-"));
const processes: Bun.Subprocess[] = [];
const nodes: SimulatedNode[] = [];
const ending = new AbortController();

try {
  const targets: string[] = [];
  for (let index = 0; index < count; index++) targets.push(await startPair(join(folder, `${index}.sock`)));
  const prometheus = await startPrometheus(targets);
  console.log(`${count} exporters, and Prometheus at ${prometheus}; measuring for ${values.minutes} minutes`);
  await Bun.sleep(Number(values.minutes) * 60_000);
  for (const [name, value] of await measure(prometheus, targets[0]!)) console.log(`${name.padEnd(58)} ${value}`);
} finally {
  ending.abort();
  for (const process of processes) process.kill("SIGTERM");
  await Promise.all(processes.map((process) => process.exited));
  for (const node of nodes) await node.stop();
  rmSync(folder, { recursive: true });
}

/** Starts a node and its exporter. Resolves to the exporter's HOST:PORT. */
async function startPair(socketPath: string): Promise<string> {
  const node = startSimulatedNode({ socketPath, now: () => Math.floor(Date.now() / 1000) });
  nodes.push(node);
  void autopilot(node, ending.signal, { beatMs: BEAT_MS });
  const flags = ["--metrics-addr", "127.0.0.1:0", "--poll-interval", String(POLL_INTERVAL_S)];
  return start([join(DIST, "bitcoind-ipc-exporter"), ...flags, socketPath], /serves metrics on http:\/\/([^/]+)/);
}

/** Resolves to its URL. */
async function startPrometheus(targets: readonly string[]): Promise<string> {
  const configuration = {
    global: { scrape_interval: `${SCRAPE_INTERVAL_S}s`, evaluation_interval: `${SCRAPE_INTERVAL_S}s` },
    rule_files: [join(ROOT, "prometheus/*.rules.yml")],
    scrape_configs: [{ job_name: "bitcoin", static_configs: [{ targets }] }],
  };
  const file = join(folder, "prometheus.yml");
  writeFileSync(file, JSON.stringify(configuration));
  const flags = [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(folder, "data")}`,
    `--storage.tsdb.min-block-duration=${BLOCK_DURATION}`,
    "--web.listen-address=127.0.0.1:0",
  ];
  return `http://${await start(["prometheus", ...flags], /msg="Listening on" address=(\S+)/)}`;
}

/** Starts a process. Resolves to the first group of `pattern` in its stderr. */
async function start(command: string[], pattern: RegExp): Promise<string> {
  const process = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  processes.push(process);
  const found = Promise.withResolvers<string>();
  void (async () => {
    let log = "";
    const decoder = new TextDecoder();
    // Read to the end: a full pipe would block the process.
    for await (const part of process.stderr) {
      if (log.length < 100_000) log += decoder.decode(part, { stream: true });
      const match = pattern.exec(log)?.[1];
      if (match !== undefined) found.resolve(match);
    }
    found.reject(new Error(`${command[0]} ended: ${log}`));
  })();
  return found.promise;
}

/** What the documents quote, by its name. */
async function measure(prometheus: string, target: string): Promise<[string, string | number][]> {
  const query = async (expression: string): Promise<number> => {
    const response = await fetch(`${prometheus}/api/v1/query?${new URLSearchParams({ query: expression })}`);
    const { data } = (await response.json()) as { data: { result: { value: [number, string] }[] } };
    return Number(data.result[0]?.value[1] ?? Number.NaN);
  };
  const own = readSeries(await (await fetch(`${prometheus}/metrics`)).text());
  const metric = (name: string): number => own.get(name)?.value ?? Number.NaN;
  const page = await (await fetch(`http://${target}/metrics`)).arrayBuffer();
  const zipped = Bun.gzipSync(page).byteLength;
  const federated = await fetch(`${prometheus}/federate?${new URLSearchParams({ "match[]": FEDERATED })}`);
  const recorded = await query('count({__name__=~".+:bitcoin_.+"})');
  const headSeries = metric("prometheus_tsdb_head_series");
  const chunkBytes =
    metric("prometheus_tsdb_compaction_chunk_size_bytes_sum") / metric("prometheus_tsdb_compaction_chunk_samples_sum");
  const round = (value: number, digits = 0) => Number(value.toFixed(digits));
  return [
    ["series per node, on its page (median)", round(await query("quantile(0.5, scrape_samples_scraped)"))],
    ["series per node, on its page (most)", round(await query("max(max_over_time(scrape_samples_scraped[5m]))"))],
    ["series of the recording rules, per node", round(recorded / count, 1)],
    ["page, bytes (gzip)", `${page.byteLength} (${zipped})`],
    ["scrape, ms (median)", round(1000 * (await query("quantile(0.5, scrape_duration_seconds)")), 1)],
    [
      "exporter, MB resident (median)",
      round((await query('quantile(0.5, process_resident_memory_bytes{job="bitcoin"})')) / 1e6),
    ],
    [
      "exporter, % of a core (median)",
      round(100 * (await query("quantile(0.5, rate(process_cpu_seconds_total[5m]))")), 2),
    ],
    ["Prometheus, series in memory", headSeries],
    ["Prometheus, MB resident", round(metric("process_resident_memory_bytes") / 1e6)],
    ["Prometheus, KB resident per series", round(metric("process_resident_memory_bytes") / 1e3 / headSeries, 1)],
    ["bytes per sample, chunks", round(chunkBytes, 2)],
    ["bytes per sample, block with its index", round(blockBytesPerSample(), 2)],
    ["federated page, bytes per node", round((await federated.arrayBuffer()).byteLength / count)],
    ["targets that are up", await query("sum(up)")],
  ];
}

/** Of the blocks that are on disk. NaN before the first. */
function blockBytesPerSample(): number {
  let bytes = 0;
  let samples = 0;
  for (const name of readdirSync(join(folder, "data"))) {
    const block = join(folder, "data", name);
    if (!/^[0-9A-Z]{26}$/.test(name)) continue;
    for (const file of filesBelow(block)) bytes += statSync(join(block, file)).size;
    const meta = JSON.parse(readFileSync(join(block, "meta.json"), "utf8")) as { stats: { numSamples: number } };
    samples += meta.stats.numSamples;
  }
  return bytes / samples;
}
