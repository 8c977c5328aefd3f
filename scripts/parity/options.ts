// The command line of parity.

import { parseArgs } from "node:util";

export interface ParityOptions {
  readonly ours: string;
  /** One exporter may serve several pages. */
  readonly theirs: readonly string[];
  /** A name or a file; undefined: by the families on their page. */
  readonly map: string | undefined;
  readonly json: boolean;
  readonly samples: number;
  readonly intervalMs: number;
  readonly tolerancePct: number;
}

export class UsageError extends Error {
  override readonly name = "UsageError";
}

export const USAGE = `Compares what two exporters of one node show, family by family.

USAGE parity --ours URL --theirs URL [--theirs URL] [--map NAME|FILE] [--json]

    --ours URL         The page of bitcoind-ipc-exporter
    --theirs URL       The page of the exporter that it replaces; twice for the two of usdt-dash
    --map NAME|FILE    What their families are called here: original, usdt-dash, jvstein, lnliz, or a file like those in
                       scripts/parity/maps (default: by the families on their page)
    --samples N        How often to scrape both, 2 or more (default: 3)
    --interval S       Seconds between the scrapes (default: 5)
    --tolerance PCT    How far apart two values may be, in percent (default: 1)
    --json             Print JSON instead of a table
    --help             Print this help

Exits with 0 when all is equal or explained by the map, 1 on a mismatch, 2 on a wrong command line or a page that cannot be
read. Counters are compared by how much they grow between the first scrape and the last, gauges by value.`;

const MAX_SAMPLES = 10_000;
const MAX_INTERVAL_S = 86_400;

/** @throws UsageError */
export function readParityOptions(args: readonly string[]): ParityOptions | "help" {
  const { values } = parse(args);
  if (values.help) return "help";
  if (values.ours === undefined) throw new UsageError("missing --ours");
  if (values.theirs === undefined) throw new UsageError("missing --theirs");
  const samples = readNumber("samples", values.samples, 2, MAX_SAMPLES);
  if (!Number.isInteger(samples))
    throw new UsageError(`bad value "${values.samples}" for --samples: give a whole number`);
  return {
    ours: readUrl("ours", values.ours),
    theirs: values.theirs.map((url) => readUrl("theirs", url)),
    map: values.map,
    json: values.json,
    samples,
    intervalMs: readNumber("interval", values.interval, 0, MAX_INTERVAL_S) * 1000,
    tolerancePct: readNumber("tolerance", values.tolerance, 0, 100),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        ours: { type: "string" },
        theirs: { type: "string", multiple: true },
        map: { type: "string" },
        samples: { type: "string", default: "3" },
        interval: { type: "string", default: "5" },
        tolerance: { type: "string", default: "1" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function readUrl(flag: string, text: string): string {
  if (/^https?:$/.test(URL.parse(text)?.protocol ?? "")) return text;
  throw new UsageError(`bad value "${text}" for --${flag}: give a URL such as http://127.0.0.1:9332/metrics`);
}

function readNumber(flag: string, text: string, min: number, max: number): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(`bad value "${text}" for --${flag}: give a number from ${min} to ${max}`);
}
