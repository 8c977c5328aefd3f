// The demo's command line: its own flag and the exporter's.

import { readDecimal, UsageError } from "../src/argument-reader.ts";
import { readOptions } from "../src/command-line.ts";
import type { Options } from "../src/options.ts";

export interface DemoOptions {
  /** The demo replaces the socket. */
  readonly exporter: Options;
  /** Undefined: until a signal. */
  readonly durationMs: number | undefined;
}

export const USAGE = `Runs the exporter on a simulated node and shows its metrics live, until Ctrl-C.

USAGE demo [--duration=<SECONDS>] [the exporter's flags]

    --duration=<SECONDS>           Stop after this time; exits with 1 if the exporter miscounted
    --metrics-addr=<HOST:PORT>     Where to serve the metrics (Default: 127.0.0.1:9332, or a free port)
    --poll-interval=<SECONDS>      Time between two polls of the node (Default: 0.5)
    --no-utxo-trace                Do not trace the node's UTXO cache
    --debug                        Log every event and every poll
    --help                         Print this help`;

/** Before the user's flags: a socket, which the demo replaces, polls as frequent as its events, and every collector. */
const DEFAULTS = ["node.sock", "--poll-interval=0.5", "--collectors=default,feerates,utxoset"];
const MAX_DURATION_S = 86_400;

/** @throws UsageError */
export function readDemoOptions(rawArgs: readonly string[]): DemoOptions | "help" {
  const args = [...rawArgs];
  const duration = takeFlag(args, "--duration");
  const exporter = readOptions([...DEFAULTS, ...args]);
  if (typeof exporter === "string") return "help";
  return { exporter, durationMs: duration === undefined ? undefined : readDuration(duration) * 1000 };
}

/** Removes `flag` and its value, one argument or two, and returns the value. */
function takeFlag(args: string[], flag: string): string | undefined {
  const at = args.findIndex((arg) => arg === flag || arg.startsWith(`${flag}=`));
  if (at < 0) return undefined;
  const [first, second] = args.splice(at, args[at] === flag ? 2 : 1);
  return first === flag ? (second ?? "") : first!.slice(flag.length + 1);
}

function readDuration(value: string): number {
  const seconds = readDecimal(value);
  if (seconds > 0 && seconds <= MAX_DURATION_S) return seconds;
  throw new UsageError(`bad value "${value}" for --duration: expected seconds, ${MAX_DURATION_S} at most`);
}
