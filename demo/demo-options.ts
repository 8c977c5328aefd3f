// The demo's command line: one flag of its own, and those of the exporter.

import { type Options, readOptions, UsageError } from "../src/options.ts";

export interface DemoOptions {
  /** The exporter's; the socket is the demo's to choose. */
  readonly exporter: Options;
  /** Undefined: until a signal. */
  readonly durationMs: number | undefined;
}

export const USAGE = `Runs the exporter on a simulated node and shows its metrics live, until Ctrl-C.

USAGE demo [--duration=<SECONDS>] [the exporter's flags]

    --duration=<SECONDS>           End by itself after this time; exits with 1 if the exporter miscounted
    --metrics-addr=<HOST:PORT>     Where to serve the metrics (Default: 127.0.0.1:9332, or a free port)
    --poll-interval=<SECONDS>      How often to ask the node for what it does not report (Default: 0.5)
    --no-utxo-trace                Leave the node's UTXO cache alone
    --debug                        Show every event and every poll
    --help                         Print this help`;

/** What the exporter is told before the user's flags: a polling as lively as the demo, and a socket that is replaced. */
const DEFAULTS = ["node.sock", "--poll-interval=0.5"];
const MAX_DURATION_S = 86_400;

/**
 * Reads the arguments after the program's name.
 * @throws UsageError when they are not right.
 */
export function readDemoOptions(rawArgs: readonly string[]): DemoOptions | "help" {
  const args = [...rawArgs];
  const duration = takeFlag(args, "--duration");
  const exporter = readOptions([...DEFAULTS, ...args]);
  if (typeof exporter === "string") return "help";
  return { exporter, durationMs: duration === undefined ? undefined : readDuration(duration) * 1000 };
}

/** Removes `flag` and its value, given as one argument or two, and returns the value. */
function takeFlag(args: string[], flag: string): string | undefined {
  const at = args.findIndex((arg) => arg === flag || arg.startsWith(`${flag}=`));
  if (at < 0) return undefined;
  const [first, second] = args.splice(at, args[at] === flag ? 2 : 1);
  return first === flag ? (second ?? "") : first!.slice(flag.length + 1);
}

function readDuration(value: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
  if (seconds > 0 && seconds <= MAX_DURATION_S) return seconds;
  throw new UsageError(`bad value "${value}" for --duration: give seconds, ${MAX_DURATION_S} at most`);
}
