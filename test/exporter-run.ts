// The exporter run to its end: what it prints where, and the exit status.

import { readSeries } from "../src/metrics/text-format-reader.ts";
import { eventually } from "./eventually.ts";
import { compiledExporter } from "./exporter-command.ts";
import type { ExporterProcess } from "./exporter-process.ts";

export interface Output {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** What starts it, instead of the compiled executable. */
  readonly command?: readonly string[];
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Gets the process once it was started. */
  readonly onStart?: (child: Bun.Subprocess) => unknown;
}

export async function runExporter(args: readonly string[], options: RunOptions = {}): Promise<Output> {
  const { command = await compiledExporter(), env = {}, onStart } = options;
  const child = Bun.spawn([...command, ...args], {
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 50_000,
  });
  await onStart?.(child);
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { exitCode, stdout, stderr };
}

/** Waits until the exporter serves the series of the node that `page` has, and no others. */
export async function expectSameSeries(exporter: ExporterProcess, page: string): Promise<void> {
  const once = seriesOfNode(page);
  let served: string[] = [];
  await eventually(
    "the server has the same series",
    async () => {
      served = seriesOfNode(await exporter.payload());
      return Bun.deepEquals(served, once);
    },
    { describe: () => `served: ${served.join(" ")}\nonce: ${once.join(" ")}` },
  );
}

/** What of a page the node reports: its series without those of the exporter itself, and without values. */
export function seriesOfNode(page: string): string[] {
  return [...readSeries(page).keys()].filter((series) => /^bitcoin_(?!ipc_)/.test(series)).sort();
}
