// The command line: what is asked for, or what is wrong with it. Reads no environment and exits nothing: main does.

import { type ArgsDef, defineCommand, parseArgs, renderUsage } from "citty";
import { BUILD, NAME } from "./build-info.ts";
import { MAX_SOCKET_PATH_BYTES } from "./node/socket.ts";

export interface Options {
  readonly socketPath: string;
  readonly metricsAddress: Address;
  readonly pollIntervalMs: number;
  readonly utxoTrace: boolean;
  readonly debug: boolean;
}

export interface Address {
  /** An IP address or name; `::` for all addresses of the host. */
  readonly hostname: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/** What is wrong with the command line, in one line. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const ARGS = {
  "socket-path": {
    type: "positional",
    required: false,
    description: "The node's IPC socket, such as ~/.bitcoin/node.sock",
  },
  "metrics-addr": {
    type: "string",
    default: "127.0.0.1:9332",
    valueHint: "HOST:PORT",
    description: "Where to serve the metrics; [::1]:9332 and :9332 are fine too",
  },
  "poll-interval": {
    type: "string",
    default: "60",
    valueHint: "SECONDS",
    description: "How often to ask the node for what it does not report by itself",
  },
  "utxo-trace": {
    type: "boolean",
    default: true,
    description: "Count the coins of the node's UTXO cache",
    negativeDescription: "Leave the node's UTXO cache alone, which costs the node less",
  },
  debug: { type: "boolean", description: "Log every event and every poll" },
  version: { type: "boolean", description: "Print the version, the revision and Bun's version" },
  help: { type: "boolean", alias: "h", description: "Print this help" },
} as const satisfies ArgsDef;

/** What the usage shows. The path is not optional: that citty may do without it is for --help and --version alone. */
const COMMAND = defineCommand({
  meta: { name: NAME, version: BUILD.version, description: "Prometheus exporter for Bitcoin Core over its IPC socket" },
  args: { ...ARGS, "socket-path": { ...ARGS["socket-path"], required: true } },
});

/** Polling more often than this would cost the node more than it tells. */
const MIN_POLL_INTERVAL_S = 0.1;
const MAX_POLL_INTERVAL_S = 86_400;

/** The usage as plain text: citty colors it even for a file, and pads its lines with spaces. */
export async function usage(): Promise<string> {
  return Bun.stripANSI(await renderUsage(COMMAND))
    .replaceAll(/ +$/gm, "")
    .trimEnd();
}

/**
 * Reads the arguments after the program's name.
 * @throws UsageError when they are not right.
 */
export function readOptions(rawArgs: string[]): Options | "help" | "version" {
  const args = parseArgs<typeof ARGS>(rawArgs, ARGS);
  refuseUnknown(args);
  if (args.help) return "help";
  if (args.version) return "version";
  const [socketPath, second] = args._;
  if (socketPath === undefined || socketPath === "") throw new UsageError("missing the path of the node's socket");
  if (second !== undefined) throw new UsageError(`unexpected argument "${second}" after the socket path`);
  const pathBytes = Buffer.byteLength(socketPath);
  if (pathBytes > MAX_SOCKET_PATH_BYTES) {
    throw new UsageError(
      `socket path of ${pathBytes} bytes is over the system's limit of ${MAX_SOCKET_PATH_BYTES} bytes`,
    );
  }
  return {
    socketPath,
    metricsAddress: readAddress(text(args["metrics-addr"], "metrics-addr")),
    pollIntervalMs: readPollInterval(text(args["poll-interval"], "poll-interval")) * 1000,
    utxoTrace: args["utxo-trace"],
    debug: args.debug ?? false,
  };
}

/** citty takes any flag; a misspelt one must not go unnoticed. It gives each flag in both spellings. */
function refuseUnknown(args: Record<string, unknown>): void {
  const names = Object.keys(ARGS).flatMap((name) => [name, name.replace(/-(.)/g, (_, letter) => letter.toUpperCase())]);
  const known = new Set(["_", "h", ...names]);
  const unknown = Object.keys(args).find((name) => !known.has(name));
  if (unknown !== undefined) throw new UsageError(`unknown flag ${unknown.length === 1 ? "-" : "--"}${unknown}`);
}

function text(value: unknown, flag: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw new UsageError(`--${flag} needs a value`);
}

function readAddress(address: string): Address {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^[\]:\s]*)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new UsageError(`bad address "${address}" for --metrics-addr: give HOST:PORT, [IPV6]:PORT or :PORT`);
  }
  return { hostname: (match[1] ?? match[2]) || "::", port };
}

function readPollInterval(value: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
  if (seconds >= MIN_POLL_INTERVAL_S && seconds <= MAX_POLL_INTERVAL_S) return seconds;
  throw new UsageError(
    `bad value "${value}" for --poll-interval: give seconds from ${MIN_POLL_INTERVAL_S} to ${MAX_POLL_INTERVAL_S}`,
  );
}
