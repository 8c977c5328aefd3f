// The time from the exporter's start to its first answered scrape, with a running node.

import { readSeries } from "../src/metrics/text-format-reader.ts";
import { compiledExporter } from "../test/exporter-command.ts";
import { freePort } from "../test/free-port.ts";
import { ReferenceNode } from "../test/reference-node/reference-node.ts";
import { type Bench, check } from "./bench.ts";
import { median } from "./statistics.ts";
import { RARE_POLLS } from "./subscribers.ts";
import { atMost } from "./table.ts";

/** A start is short and its time varies, so there are more of them. */
const STARTS_PER_ROUND = 3;
const DEADLINE_MS = 20_000;

export const start: Bench = {
  name: "start",
  async run({ rounds }) {
    const [program] = await compiledExporter();
    const times: number[] = [];
    for (let count = 0; count < rounds * STARTS_PER_ROUND; count++) times.push(await firstScrapeMs(program!));
    const exporter = median(times);
    const row = { bench: "start", measure: "ms to first scrape", exporter, digits: 0 };
    return { rows: [{ ...row, targets: [atMost("150 ms", exporter)] }], notes: [] };
  },
};

async function firstScrapeMs(program: string): Promise<number> {
  await using node = await ReferenceNode.start();
  const port = freePort();
  const begin = performance.now();
  const exporter = Bun.spawn([program, "--metrics-addr", `127.0.0.1:${port}`, ...RARE_POLLS, node.socketPath], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  try {
    const payload = await firstPayload(port, begin + DEADLINE_MS);
    const timeMs = performance.now() - begin;
    check("start: the first scrape is a page of the exporter", readSeries(payload).has("bitcoin_ipc_up"), true);
    return timeMs;
  } finally {
    exporter.kill();
    await exporter.exited;
  }
}

/** Retries until the exporter answers. */
async function firstPayload(port: number, deadline: number): Promise<string> {
  for (;;) {
    try {
      return await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await Bun.sleep(1);
    }
  }
}
