// The command line of parity.

import { parseArgs } from "node:util";
import { MAPS } from "./maps.ts";

export type ParityOptions = Exclude<ReturnType<typeof readParityOptions>, "help">;

export const MAP_NAMES = Object.keys(MAPS).join(", ");

export const USAGE = `Compares the metrics of two exporters of one node, family by family.

USAGE parity --ours URL --theirs URL [--theirs URL] [--map NAME] [--json]

    --ours URL         The page of bitcoind-ipc-exporter
    --theirs URL       The page of the exporter to replace; repeat it for the two pages of usdt-dash
    --map NAME         Which exporter it is: ${MAP_NAMES} (default: by the families on their page)
    --samples N        Scrapes of each, 2 or more (default: 3)
    --interval S       Seconds between scrapes (default: 5)
    --tolerance PCT    How far apart two values may be, in percent (default: 1)
    --json             Print JSON instead of a table
    --help             Print this help

Counters are compared by growth between the first and the last scrape, gauges by value. Exits with 0 when every family is
equal or explained by the map, 1 on a mismatch, 2 when the command line or a page is not usable.`;

const FLAGS = {
  ours: { type: "string" },
  theirs: { type: "string", multiple: true },
  map: { type: "string" },
  samples: { type: "string", default: "3" },
  interval: { type: "string", default: "5" },
  tolerance: { type: "string", default: "1" },
  json: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** @throws Error with the usage in its message */
export function readParityOptions(args: readonly string[]) {
  try {
    const { ours, theirs, map, json, help, ...numbers } = parseArgs({ args: [...args], options: FLAGS }).values;
    if (help) return "help";
    if (ours === undefined) throw new Error("missing --ours");
    if (theirs === undefined) throw new Error("missing --theirs");
    return {
      ours: readUrl("ours", ours),
      theirs: theirs.map((url) => readUrl("theirs", url)),
      map: map === undefined ? undefined : MAPS[accept("map", map, Object.hasOwn(MAPS, map), `one of ${MAP_NAMES}`)],
      json,
      samples: readNumber("samples", numbers.samples, 2, 10_000, /^\d+$/),
      intervalS: readNumber("interval", numbers.interval, 0, 86_400),
      tolerancePct: readNumber("tolerance", numbers.tolerance, 0, 100),
    };
  } catch (error) {
    throw new Error(`${(error as Error).message}\n\n${USAGE}`, { cause: error });
  }
}

function readUrl(flag: string, text: string): string {
  const isHttp = /^https?:$/.test(URL.parse(text)?.protocol ?? "");
  return accept(flag, text, isHttp, "a URL such as http://127.0.0.1:9332/metrics");
}

function readNumber(flag: string, text: string, min: number, max: number, form = /^\d+(\.\d+)?$/): number {
  const kind = form.test("0.5") ? "number" : "whole number";
  const isInRange = form.test(text) && Number(text) >= min && Number(text) <= max;
  return Number(accept(flag, text, isInRange, `a ${kind} from ${min} to ${max}`));
}

function accept(flag: string, text: string, isValid: boolean, expected: string): string {
  if (isValid) return text;
  throw new Error(`bad value "${text}" for --${flag}: expected ${expected}`);
}
