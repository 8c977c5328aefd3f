// The options, their defaults, and the command line that changes them.

import { dirname, join } from "node:path";
import { type ArgsDef, defineCommand, parseArgs, renderUsage } from "citty";
import { BUILD, NAME } from "./build-info.ts";
import {
  COLLECTOR_NAMES,
  type CollectorName,
  DEFAULT_COLLECTORS,
  isAlwaysUsed,
  isCollectorName,
} from "./collectors/catalogue.ts";
import { MAX_FEE_TARGET, MIN_FEE_TARGET } from "./collectors/fees.ts";
import { type RpcAddress, type RpcCredentials, readRpcUrl } from "./node/http-rpc.ts";
import { LAYOUTS, type LayoutName, layoutNamed } from "./node/layouts.ts";
import { MAX_SOCKET_PATH_BYTES, socketPathOf } from "./node/socket-path.ts";

/** What the command line decides. Everything from the exporter to a session reads it from here. */
export interface Options {
  /** The node's Unix socket. */
  readonly socketPath: string;
  readonly metricsAddress: Address;
  readonly pollIntervalMs: number;
  /** How long a call may take before it counts as failed. */
  readonly callTimeoutMs: number;
  /** Whether to trace the UTXO cache where the node supports it. */
  readonly utxoTrace: boolean;
  /** Share of time, in percent, that callbacks may keep the node busy before the trace is paused; 100 is no limit. */
  readonly traceBudgetPercent: number;
  /** Whether to subscribe to the node's notifications; otherwise there are only polls. */
  readonly subscribe: boolean;
  /** The node's layout; detected when undefined. */
  readonly layout: LayoutName | undefined;
  /** JSON-RPC over HTTP, for nodes that have none over IPC (v30 and v31); undefined: no TCP connection is ever made. */
  readonly rpc: RpcOptions | undefined;
  readonly collectors: readonly CollectorName[];
  /** Confirmation targets of the fee estimates, in blocks. */
  readonly feeTargets: readonly number[];
  /** Whether each event and poll gets a log line. */
  readonly debug: boolean;
}

export interface RpcOptions {
  readonly address: RpcAddress;
  readonly credentials: RpcCredentials;
}

export interface Address {
  /** An IP address or name; `::` for all addresses of the host. */
  readonly hostname: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/** A fault of the command line, in one line. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Stands for the collectors that run by default, so that `--collectors` can add others to them. */
const DEFAULT = "default";
const OTHER_COLLECTORS = COLLECTOR_NAMES.filter((name) => !DEFAULT_COLLECTORS.includes(name));

/** The options without any flag. */
export const DEFAULTS: Omit<Options, "socketPath"> = {
  metricsAddress: { hostname: "127.0.0.1", port: 9332 },
  pollIntervalMs: 60_000,
  callTimeoutMs: 10_000,
  utxoTrace: true,
  traceBudgetPercent: 25,
  subscribe: true,
  layout: undefined,
  rpc: undefined,
  collectors: DEFAULT_COLLECTORS,
  feeTargets: [2, 3, 6, 12, 24, 144, 504, 1008],
  debug: false,
};

const ARGS = {
  "socket-path": {
    type: "positional",
    required: false,
    description: "The node's IPC socket, such as ~/.bitcoin/node.sock",
  },
  "metrics-addr": {
    type: "string",
    default: hostPort(DEFAULTS.metricsAddress),
    valueHint: "HOST:PORT",
    description: "Where to serve the metrics; [::1]:9332 and :9332 work too",
  },
  "poll-interval": {
    type: "string",
    default: String(DEFAULTS.pollIntervalMs / 1000),
    valueHint: "SECONDS",
    description: "How often to poll the node",
  },
  "call-timeout": {
    type: "string",
    default: String(DEFAULTS.callTimeoutMs / 1000),
    valueHint: "SECONDS",
    description: "How long a call to the node may take before it counts as failed",
  },
  "utxo-trace": {
    type: "boolean",
    default: DEFAULTS.utxoTrace,
    description: "Count the coins of the node's UTXO cache",
    negativeDescription: "Do not trace the UTXO cache, which costs the node less",
  },
  "trace-budget": {
    type: "string",
    default: String(DEFAULTS.traceBudgetPercent),
    valueHint: "PERCENT",
    description: "Pause the UTXO trace while callbacks use more than this share of the node's time; 100 = never",
  },
  subscribe: {
    type: "boolean",
    default: DEFAULTS.subscribe,
    description: "Subscribe to the node's notifications",
    negativeDescription: "Only poll, so that no way of ending the exporter can harm the node",
  },
  collectors: {
    type: "string",
    valueHint: "A,B,…",
    description: `What to collect: default (${DEFAULT_COLLECTORS.join(", ")}), ${OTHER_COLLECTORS.join(", ")}`,
    default: DEFAULT,
  },
  // citty would read --no-collector as the negation of a flag "collector", so it is taken out before.
  "no-collector": { type: "string", valueHint: "A,B,…", description: "Collectors to exclude" },
  "fee-targets": {
    type: "string",
    default: DEFAULTS.feeTargets.join(","),
    valueHint: "BLOCKS,…",
    description: "Confirmation targets of the fee estimates",
  },
  layout: {
    type: "string",
    valueHint: "NAME",
    description: `The node's IPC layout, if it cannot be detected: ${Object.keys(LAYOUTS).join(", ")}`,
  },
  "rpc-url": {
    type: "string",
    valueHint: "URL",
    description: "JSON-RPC of a v30 or v31 node, such as http://127.0.0.1:8332; newer nodes have it on the socket",
  },
  "rpc-cookie-file": {
    type: "string",
    valueHint: "PATH",
    description: "The node's cookie for --rpc-url; the default is .cookie beside the socket",
  },
  "rpc-user": { type: "string", valueHint: "NAME", description: "User for --rpc-url, instead of the cookie" },
  "rpc-password-file": { type: "string", valueHint: "PATH", description: "File with the password of --rpc-user" },
  debug: { type: "boolean", description: "Log every event and every poll" },
  version: { type: "boolean", description: "Print the version, the revision and Bun's version" },
  help: { type: "boolean", alias: "h", description: "Print this help" },
} as const satisfies ArgsDef;

/** For the usage text, where the path is required. ARGS leaves it optional for --help and --version. */
const COMMAND = defineCommand({
  meta: { name: NAME, version: BUILD.version, description: "Prometheus exporter for Bitcoin Core over its IPC socket" },
  args: { ...ARGS, "socket-path": { ...ARGS["socket-path"], required: true } },
});

/** The usage as plain text. citty colors it even for a file, and pads its lines with spaces. */
export async function usage(): Promise<string> {
  return Bun.stripANSI(await renderUsage(COMMAND))
    .replaceAll(/ +$/gm, "")
    .trimEnd();
}

/**
 * Reads the arguments after the program's name.
 * @throws UsageError when they are not valid.
 */
export function readOptions(rawArgs: string[]): Options | "help" | "version" {
  const { rest, excluded } = takeExclusions(rawArgs);
  const args = parseArgs<typeof ARGS>(rest, ARGS);
  refuseUnknown(args);
  refuseValues(rest);
  if (args.help) return "help";
  if (args.version) return "version";
  const [given, second] = args._;
  const socketPath = socketPathOf(given ?? "");
  if (socketPath === "") throw new UsageError("missing the path of the node's socket");
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
    pollIntervalMs: readSeconds("poll-interval", args["poll-interval"], 0.1, 86_400) * 1000,
    callTimeoutMs: readSeconds("call-timeout", args["call-timeout"], 1, 600) * 1000,
    utxoTrace: args["utxo-trace"],
    traceBudgetPercent: readTraceBudget(text(args["trace-budget"], "trace-budget")),
    subscribe: args.subscribe,
    layout: args.layout === undefined ? undefined : readLayout(text(args.layout, "layout")),
    rpc: readRpc(args, socketPath),
    collectors: readCollectors(text(args.collectors, "collectors"), excluded),
    feeTargets: readFeeTargets(text(args["fee-targets"], "fee-targets")),
    debug: args.debug ?? false,
  };
}

/** Separates each --no-collector and its value from the other arguments. */
function takeExclusions(rawArgs: readonly string[]): { rest: string[]; excluded: string } {
  const rest: string[] = [];
  const excluded: string[] = [];
  for (let index = 0; index < rawArgs.length; index++) {
    const arg = rawArgs[index]!;
    if (arg === "--no-collector") excluded.push(text(rawArgs[++index], "no-collector"));
    else if (arg.startsWith("--no-collector="))
      excluded.push(text(arg.slice("--no-collector=".length), "no-collector"));
    else rest.push(arg);
  }
  return { rest, excluded: excluded.join(",") };
}

function readCollectors(chosen: string, excluded: string): CollectorName[] {
  const leftOut = new Set(readCollectorNames(excluded, "no-collector"));
  for (const name of leftOut) {
    if (isAlwaysUsed(name)) throw new UsageError(`--no-collector ${name}: the exporter needs what it reads`);
  }
  const names = chosen.split(",").map((name) => (name === DEFAULT ? DEFAULT_COLLECTORS.join(",") : name));
  return readCollectorNames(names.join(","), "collectors").filter((name) => !leftOut.has(name));
}

function readCollectorNames(list: string, flag: string): CollectorName[] {
  return list
    .split(",")
    .filter((name) => name !== "")
    .map((name) => {
      if (isCollectorName(name)) return name;
      throw new UsageError(`unknown collector "${name}" for --${flag}: there are ${COLLECTOR_NAMES.join(", ")}`);
    });
}

function readFeeTargets(list: string): number[] {
  const targets = list.split(",").map((target) => (/^\d{1,4}$/.test(target) ? Number(target) : Number.NaN));
  if (targets.every((target) => target >= MIN_FEE_TARGET && target <= MAX_FEE_TARGET)) return [...new Set(targets)];
  throw new UsageError(
    `bad value "${list}" for --fee-targets: give blocks from ${MIN_FEE_TARGET} to ${MAX_FEE_TARGET}, separated by commas`,
  );
}

function readLayout(name: string): LayoutName {
  const layout = layoutNamed(name);
  if (layout !== undefined) return layout;
  throw new UsageError(`unknown layout "${name}" for --layout: there are ${Object.keys(LAYOUTS).join(", ")}`);
}

type RpcFlags = Partial<Record<"rpc-url" | "rpc-cookie-file" | "rpc-user" | "rpc-password-file", string | undefined>>;

function readRpc(flags: RpcFlags, socketPath: string): RpcOptions | undefined {
  const { "rpc-url": url, "rpc-cookie-file": cookieFile, "rpc-user": user, "rpc-password-file": passwordFile } = flags;
  if (url === undefined) {
    const flag = (["rpc-cookie-file", "rpc-user", "rpc-password-file"] as const).find(
      (name) => flags[name] !== undefined,
    );
    if (flag !== undefined) throw new UsageError(`--${flag} needs --rpc-url`);
    return undefined;
  }
  const address = readUrl(text(url, "rpc-url"));
  if (user === undefined && passwordFile === undefined) {
    const file = cookieFile === undefined ? join(dirname(socketPath), ".cookie") : text(cookieFile, "rpc-cookie-file");
    return { address, credentials: { cookieFile: file } };
  }
  if (cookieFile !== undefined) throw new UsageError("give either --rpc-cookie-file or --rpc-user, not both");
  return {
    address,
    credentials: { user: text(user, "rpc-user"), passwordFile: text(passwordFile, "rpc-password-file") },
  };
}

/** The message does not show the value, which may have a password in it. */
function readUrl(url: string): RpcAddress {
  try {
    return readRpcUrl(url);
  } catch (error) {
    throw new UsageError(`bad value for --rpc-url: ${(error as Error).message}`);
  }
}

/** citty accepts any flag, so a misspelt one is refused here. citty returns each flag in both spellings. */
function refuseUnknown(args: Record<string, unknown>): void {
  const names = Object.keys(ARGS).flatMap((name) => [name, name.replace(/-(.)/g, (_, letter) => letter.toUpperCase())]);
  const known = new Set(["_", "h", ...names]);
  const unknown = Object.keys(args).find((name) => !known.has(name));
  if (unknown !== undefined) throw new UsageError(`unknown flag ${unknown.length === 1 ? "-" : "--"}${unknown}`);
}

/** citty reads --subscribe=no as --subscribe, and any other text but "false". */
function refuseValues(rawArgs: readonly string[]): void {
  const flags = Object.entries(ARGS).flatMap(([name, { type }]) => (type === "boolean" ? [name] : []));
  for (const arg of rawArgs) {
    const flag = /^--([^=]+)=/.exec(arg)?.[1];
    if (flag !== undefined && flags.includes(flag))
      throw new UsageError(`--${flag} takes no value: leave out "${arg.slice(arg.indexOf("="))}"`);
  }
}

/** An address as the command line has it. */
export function hostPort({ hostname, port }: Address): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
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

function readTraceBudget(value: string): number {
  const percent = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
  if (percent > 0 && percent <= 100) return percent;
  throw new UsageError(`bad value "${value}" for --trace-budget: give percent, more than 0 and up to 100`);
}

function readSeconds(flag: string, value: unknown, min: number, max: number): number {
  const given = text(value, flag);
  const seconds = /^\d+(\.\d+)?$/.test(given) ? Number(given) : Number.NaN;
  if (seconds >= min && seconds <= max) return seconds;
  throw new UsageError(`bad value "${given}" for --${flag}: give seconds from ${min} to ${max}`);
}
