// The command line of parity.

import { parseArgs } from "node:util";
import type { ExporterMap } from "./map.ts";
import { MAPS } from "./maps.ts";
import { ParityError } from "./parity-error.ts";

export interface ParityOptions {
  readonly ours: string;
  /** One exporter may serve several pages. */
  readonly theirs: readonly string[];
  /** Undefined: by the families on their page. */
  readonly map: ExporterMap | undefined;
  readonly json: boolean;
  readonly samples: number;
  readonly intervalMs: number;
  readonly tolerancePct: number;
}

const NAMES = Object.keys(MAPS).join(", ");

export const USAGE = `Compares the metrics of two exporters of one node, family by family.

USAGE parity --ours URL --theirs URL [--theirs URL] [--map NAME] [--json]

    --ours URL         The page of bitcoind-ipc-exporter
    --theirs URL       The page of the exporter to replace; repeat it for the two pages of usdt-dash
    --map NAME         Which exporter it is: ${NAMES} (default: by the families on their page)
    --samples N        Scrapes of each, 2 or more (default: 3)
    --interval S       Seconds between scrapes (default: 5)
    --tolerance PCT    How far apart two values may be, in percent (default: 1)
    --json             Print JSON instead of a table
    --help             Print this help

Counters are compared by growth between the first and the last scrape, gauges by value. Exits with 0 when every family is
equal or explained by the map, 1 on a mismatch, 2 when the command line or a page is not usable.`;

const OPTIONS = {
  ours: { type: "string" },
  theirs: { type: "string", multiple: true },
  map: { type: "string" },
  samples: { type: "string", default: "3" },
  interval: { type: "string", default: "5" },
  tolerance: { type: "string", default: "1" },
  json: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** @throws ParityError */
export function readParityOptions(args: readonly string[]): ParityOptions | "help" {
  try {
    const { ours, theirs, map, json, help, ...numbers } = parseArgs({ args: [...args], options: OPTIONS }).values;
    if (help) return "help";
    if (ours === undefined) throw new Error("missing --ours");
    if (theirs === undefined) throw new Error("missing --theirs");
    return {
      ours: readUrl("ours", ours),
      theirs: theirs.map((url) => readUrl("theirs", url)),
      map: map === undefined ? undefined : readMap(map),
      json,
      samples: readNumber("samples", numbers.samples, { min: 2, max: 10_000, whole: true }),
      intervalMs: readNumber("interval", numbers.interval, { min: 0, max: 86_400 }) * 1000,
      tolerancePct: readNumber("tolerance", numbers.tolerance, { min: 0, max: 100 }),
    };
  } catch (error) {
    throw new ParityError(`${(error as Error).message}\n\n${USAGE}`);
  }
}

function readMap(name: string): ExporterMap {
  if (Object.hasOwn(MAPS, name)) return MAPS[name]!;
  throw new Error(`bad value "${name}" for --map: give one of ${NAMES}`);
}

function readUrl(flag: string, text: string): string {
  if (/^https?:$/.test(URL.parse(text)?.protocol ?? "")) return text;
  throw new Error(`bad value "${text}" for --${flag}: give a URL such as http://127.0.0.1:9332/metrics`);
}

function readNumber(flag: string, text: string, limits: { min: number; max: number; whole?: true }): number {
  const { min, max, whole = false } = limits;
  const value = (whole ? /^\d+$/ : /^\d+(\.\d+)?$/).test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new Error(`bad value "${text}" for --${flag}: give a ${whole ? "whole " : ""}number from ${min} to ${max}`);
}
