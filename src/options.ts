// The options, their defaults, and the command line that changes them.

import { dirname, join } from "node:path";
import { type ArgDef, defineCommand, renderUsage } from "citty";
import { type FlagDefinition, readArguments, UsageError } from "./argument-reader.ts";
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

/** The settings of the command line. The exporter and its sessions read them from here. */
export interface Options {
  /** Serve the metrics until a signal; or poll once and print the page, or a report on the node. */
  readonly mode: "serve" | "once" | "check";
  /** The limit of one poll, from connecting to the last answer. */
  readonly timeoutMs: number;
  /** The node's Unix socket. */
  readonly socketPath: string;
  /** Where to serve the metrics: one address or more, all different. */
  readonly metricsAddresses: readonly Address[];
  /** A file in the format of exporter-toolkit; undefined: plain HTTP without a password. */
  readonly webConfigPath: string | undefined;
  readonly pollIntervalMs: number;
  /** How long a call may take before it counts as failed. */
  readonly callTimeoutMs: number;
  /** Whether to trace the UTXO cache where the node supports it. */
  readonly utxoTrace: boolean;
  /** Share of time, in percent, that callbacks may keep the node busy before the trace is paused; 100 is no limit. */
  readonly traceBudgetPercent: number;
  /** Whether to subscribe to the notifications of a node that has them; otherwise its tip is polled. */
  readonly subscribe: boolean;
  /** The node's layout; detected when undefined. */
  readonly layout: LayoutName | undefined;
  /** JSON-RPC over HTTP, for nodes that have none over IPC (v30 and v31); undefined: the exporter never connects over TCP. */
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

export { UsageError };

/** Means the collectors that run by default, so that `--collectors` can add others to them. */
const DEFAULT = "default";
const OTHER_COLLECTORS = COLLECTOR_NAMES.filter((name) => !DEFAULT_COLLECTORS.includes(name));

/** The options without any flag. */
export const DEFAULTS: Omit<Options, "socketPath"> = {
  mode: "serve",
  timeoutMs: 30_000,
  metricsAddresses: [{ hostname: "127.0.0.1", port: 9332 }],
  webConfigPath: undefined,
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

/** The flags by subject, as the README and the manual group them. */
type Group = "Serving" | "Collecting" | "Subscriptions" | "JSON-RPC for v30 and v31" | "One poll" | "Other";

/** A flag as the help, the manual and the shells' completions describe it. */
export interface Flag extends FlagDefinition {
  /** Undefined for the socket path, which is not a flag. */
  readonly group?: Group;
  readonly description: string;
  /** The description of `--no-NAME`. */
  readonly negativeDescription?: string;
  readonly valueHint?: string;
  /** Whether all values count, not only the last one. */
  readonly isRepeatable?: boolean;
  /** What shells complete its value with: files, one of these words, or a list of them. */
  readonly completion?: "files" | { readonly words: readonly string[]; readonly isList?: boolean };
}

/** The one table of flags, for the help, the manual and the completions (scripts/manual.ts). */
export const FLAGS = {
  "socket-path": {
    type: "positional",
    required: false,
    description: "The node's IPC socket, such as ~/.bitcoin/node.sock",
    completion: "files",
  },
  "metrics-addr": {
    group: "Serving",
    type: "string",
    default: DEFAULTS.metricsAddresses.map(hostPort).join(" "),
    valueHint: "HOST:PORT",
    isRepeatable: true,
    description: "Address to serve on; [::1]:9332 for IPv6, :9332 for all addresses; may be repeated",
  },
  "web-config": {
    group: "Serving",
    type: "string",
    valueHint: "FILE",
    description: "TLS, passwords and header fields, in the format of Prometheus's exporters",
    completion: "files",
  },
  "poll-interval": {
    group: "Collecting",
    type: "string",
    default: String(DEFAULTS.pollIntervalMs / 1000),
    valueHint: "SECONDS",
    description: "Time between two polls of the node",
  },
  "call-timeout": {
    group: "Collecting",
    type: "string",
    default: String(DEFAULTS.callTimeoutMs / 1000),
    valueHint: "SECONDS",
    description: "Time limit of a call to the node; over IPC it grows for a slow method, up to tenfold",
  },
  collectors: {
    group: "Collecting",
    type: "string",
    default: DEFAULT,
    valueHint: "A,B,…",
    description: `Collectors to run: default (${DEFAULT_COLLECTORS.join(", ")}), ${OTHER_COLLECTORS.join(", ")}`,
    completion: { words: [DEFAULT, ...COLLECTOR_NAMES], isList: true },
  },
  "no-collector": {
    group: "Collecting",
    type: "string",
    isRepeatable: true,
    valueHint: "A,B,…",
    description: "Collectors to exclude; may be repeated",
    completion: { words: COLLECTOR_NAMES.filter((name) => !isAlwaysUsed(name)), isList: true },
  },
  "fee-targets": {
    group: "Collecting",
    type: "string",
    default: DEFAULTS.feeTargets.join(","),
    valueHint: "BLOCKS,…",
    description: "Confirmation targets of the fee estimates",
  },
  "utxo-trace": {
    group: "Subscriptions",
    type: "boolean",
    default: DEFAULTS.utxoTrace,
    description: "Count the coins of the node's UTXO cache",
    negativeDescription: "Do not trace the UTXO cache: less load on the node",
  },
  "trace-budget": {
    group: "Subscriptions",
    type: "string",
    default: String(DEFAULTS.traceBudgetPercent),
    valueHint: "PERCENT",
    description: "Pause the UTXO trace while callbacks use more than this share of the node's time; 100 = never",
  },
  subscribe: {
    group: "Subscriptions",
    type: "boolean",
    default: DEFAULTS.subscribe,
    description: "Subscribe to the node's notifications",
    negativeDescription:
      "Do not subscribe; SIGKILL then crashes a pr/trace node only during a call; no effect on v30, v31 and v32",
  },
  "rpc-url": {
    group: "JSON-RPC for v30 and v31",
    type: "string",
    valueHint: "URL",
    description: "JSON-RPC of a v30 or v31 node, such as http://127.0.0.1:8332; newer nodes support it on the socket",
  },
  "rpc-cookie-file": {
    group: "JSON-RPC for v30 and v31",
    type: "string",
    valueHint: "PATH",
    description: "The node's cookie for --rpc-url; the default is .cookie beside the socket",
    completion: "files",
  },
  "rpc-user": {
    group: "JSON-RPC for v30 and v31",
    type: "string",
    valueHint: "NAME",
    description: "User for --rpc-url, instead of the cookie",
  },
  "rpc-password-file": {
    group: "JSON-RPC for v30 and v31",
    type: "string",
    valueHint: "PATH",
    description: "File with the password of --rpc-user",
    completion: "files",
  },
  once: { group: "One poll", type: "boolean", description: "Poll once, print the metrics and exit" },
  check: {
    group: "One poll",
    type: "boolean",
    description: "Poll once, print which families the node reports and how to get more, and exit",
  },
  timeout: {
    group: "One poll",
    type: "string",
    default: String(DEFAULTS.timeoutMs / 1000),
    valueHint: "SECONDS",
    description: "Time limit of --once and --check, including the wait for a node that is starting",
  },
  layout: {
    group: "Other",
    type: "string",
    valueHint: "NAME",
    description: `The node's IPC layout, if it cannot be detected: ${Object.keys(LAYOUTS).join(", ")}`,
    completion: { words: Object.keys(LAYOUTS) },
  },
  debug: { group: "Other", type: "boolean", description: "Log every event and every poll" },
  version: { group: "Other", type: "boolean", description: "Print the version, the revision and Bun's version" },
  help: { group: "Other", type: "boolean", alias: "h", description: "Print this help" },
} as const satisfies Record<string, Flag & ArgDef>;

export const DESCRIPTION = "Prometheus exporter for Bitcoin Core over its IPC socket";

/** For the usage text, where the path is required. FLAGS leaves it optional for --help and --version. */
const COMMAND = defineCommand({
  meta: { name: NAME, version: BUILD.version, description: DESCRIPTION },
  args: { ...FLAGS, "socket-path": { ...FLAGS["socket-path"], required: true } },
});

/** The usage as plain text. citty colors it even for a file, and pads its lines with spaces. */
export async function usage(): Promise<string> {
  return Bun.stripANSI(await renderUsage(COMMAND))
    .replaceAll(/ +$/gm, "")
    .trimEnd();
}

/** The address to serve on without `--metrics-addr`. The images set it: a flag there could not be replaced, only added to. */
const ADDRESS_VARIABLE = "METRICS_ADDR";

const SERVES_NOTHING = "serves nothing";
const SUBSCRIBES_TO_NOTHING = "subscribes to nothing";
const UNUSED_BY_CHECK = {
  "metrics-addr": SERVES_NOTHING,
  "poll-interval": "polls once",
  "trace-budget": SUBSCRIBES_TO_NOTHING,
};
/** Flags without an effect in each mode, and why. --check reports on the web configuration and on what is subscribed to. */
const UNUSED: Readonly<Record<Options["mode"], Readonly<Record<string, string>>>> = {
  serve: {},
  check: UNUSED_BY_CHECK,
  once: {
    ...UNUSED_BY_CHECK,
    "web-config": SERVES_NOTHING,
    subscribe: SUBSCRIBES_TO_NOTHING,
    "utxo-trace": SUBSCRIBES_TO_NOTHING,
  },
};

/**
 * Reads the arguments after the program's name, and the environment.
 * @throws UsageError when they are not valid.
 */
export function readOptions(
  rawArgs: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
): Options | "help" | "version" {
  const { positionals, values, switches } = readArguments(rawArgs, FLAGS);
  const isOn = (flag: FlagOf<"boolean">) => switches.get(flag);
  const all = (flag: FlagOf<"string">) => values.get(flag) ?? [];
  const last = (flag: FlagOf<"string">) => all(flag).at(-1);
  const read = <T>(flag: FlagOf<"string">, reader: (value: string, flag: string) => T): T | undefined => {
    const value = last(flag);
    return value === undefined ? undefined : reader(value, flag);
  };
  if (isOn("help")) return "help";
  if (isOn("version")) return "version";
  const [first, second] = positionals;
  const socketPath = socketPathOf(first ?? "");
  if (socketPath === "") throw new UsageError("missing the path of the node's socket");
  if (second !== undefined) throw new UsageError(`unexpected argument "${second}" after the socket path`);
  if (/^https?:\/\//i.test(socketPath)) {
    throw new UsageError("the socket path is a URL; use the path of the node's IPC socket, and --rpc-url for JSON-RPC");
  }
  const pathBytes = Buffer.byteLength(socketPath);
  if (pathBytes > MAX_SOCKET_PATH_BYTES) {
    throw new UsageError(
      `socket path of ${pathBytes} bytes is over the system's limit of ${MAX_SOCKET_PATH_BYTES} bytes`,
    );
  }
  if (isOn("once") && isOn("check")) throw new UsageError("--once and --check exclude each other; remove one");
  const mode = isOn("once") ? "once" : isOn("check") ? "check" : DEFAULTS.mode;
  const unused = Object.entries(UNUSED[mode]).find(([flag]) => values.has(flag) || switches.has(flag));
  if (unused !== undefined) {
    const [flag, reason] = unused;
    throw new UsageError(`--${mode} ${reason}; remove --${switches.get(flag) === false ? "no-" : ""}${flag}`);
  }
  if (mode === "serve" && last("timeout") !== undefined) throw new UsageError("--timeout needs --once or --check");
  const defaultAddress = environment[ADDRESS_VARIABLE] || undefined;
  return {
    socketPath,
    mode,
    timeoutMs: read("timeout", milliseconds(1, 86_400)) ?? DEFAULTS.timeoutMs,
    metricsAddresses:
      readAddresses(all("metrics-addr")) ??
      (defaultAddress === undefined ? DEFAULTS.metricsAddresses : [readAddress(defaultAddress, ADDRESS_VARIABLE)]),
    webConfigPath: last("web-config"),
    pollIntervalMs: read("poll-interval", milliseconds(0.1, 86_400)) ?? DEFAULTS.pollIntervalMs,
    callTimeoutMs: read("call-timeout", milliseconds(1, 600)) ?? DEFAULTS.callTimeoutMs,
    utxoTrace: isOn("utxo-trace") ?? DEFAULTS.utxoTrace,
    traceBudgetPercent: read("trace-budget", readTraceBudget) ?? DEFAULTS.traceBudgetPercent,
    subscribe: isOn("subscribe") ?? DEFAULTS.subscribe,
    layout: read("layout", readLayout),
    rpc: readRpc(last, socketPath),
    collectors: readCollectors(last("collectors") ?? DEFAULT, all("no-collector")),
    feeTargets: read("fee-targets", readFeeTargets) ?? DEFAULTS.feeTargets,
    debug: isOn("debug") ?? DEFAULTS.debug,
  };
}

type FlagOf<Type> = {
  [Name in keyof typeof FLAGS]: (typeof FLAGS)[Name]["type"] extends Type ? Name : never;
}[keyof typeof FLAGS];

function readCollectors(chosen: string, excluded: readonly string[]): CollectorName[] {
  const excludedNames = new Set(readCollectorNames(excluded.join(","), "no-collector"));
  for (const name of excludedNames) {
    if (isAlwaysUsed(name)) throw new UsageError(`--no-collector ${name}: the exporter needs this collector`);
  }
  const names = chosen.split(",").map((name) => (name === DEFAULT ? DEFAULT_COLLECTORS.join(",") : name));
  return readCollectorNames(names.join(","), "collectors").filter((name) => !excludedNames.has(name));
}

function readCollectorNames(list: string, flag: string): CollectorName[] {
  return list
    .split(",")
    .filter((name) => name !== "")
    .map((name) => {
      if (isCollectorName(name)) return name;
      throw new UsageError(`unknown collector "${name}" for --${flag}: expected one of ${COLLECTOR_NAMES.join(", ")}`);
    });
}

function readFeeTargets(list: string): number[] {
  const targets = list.split(",").map((target) => (/^\d{1,4}$/.test(target) ? Number(target) : Number.NaN));
  if (targets.every((target) => target >= MIN_FEE_TARGET && target <= MAX_FEE_TARGET)) return [...new Set(targets)];
  throw new UsageError(
    `bad value "${list}" for --fee-targets: expected blocks from ${MIN_FEE_TARGET} to ${MAX_FEE_TARGET}, separated by commas`,
  );
}

function readLayout(name: string): LayoutName {
  const layout = layoutNamed(name);
  if (layout !== undefined) return layout;
  throw new UsageError(`unknown layout "${name}" for --layout: expected one of ${Object.keys(LAYOUTS).join(", ")}`);
}

const RPC_DETAILS = ["rpc-cookie-file", "rpc-user", "rpc-password-file"] as const;

function readRpc(
  last: (flag: "rpc-url" | (typeof RPC_DETAILS)[number]) => string | undefined,
  socketPath: string,
): RpcOptions | undefined {
  const url = last("rpc-url");
  if (url === undefined) {
    const flag = RPC_DETAILS.find((name) => last(name) !== undefined);
    if (flag !== undefined) throw new UsageError(`--${flag} needs --rpc-url`);
    return undefined;
  }
  const address = readUrl(url);
  const [cookieFile, user, passwordFile] = RPC_DETAILS.map(last);
  if (user === undefined && passwordFile === undefined)
    return { address, credentials: { cookieFile: cookieFile ?? join(dirname(socketPath), ".cookie") } };
  if (cookieFile !== undefined) throw new UsageError("--rpc-cookie-file and --rpc-user exclude each other; remove one");
  if (user === undefined) throw new UsageError("--rpc-password-file needs --rpc-user");
  if (passwordFile === undefined) throw new UsageError("--rpc-user needs --rpc-password-file");
  return { address, credentials: { user, passwordFile } };
}

/** The message does not show the value, which may contain a password. */
function readUrl(url: string): RpcAddress {
  try {
    return readRpcUrl(url);
  } catch (error) {
    throw new UsageError(`bad value for --rpc-url: ${(error as Error).message}`);
  }
}

/** An address as on the command line. */
export function hostPort({ hostname, port }: Address): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** Undefined if there are none. */
function readAddresses(texts: readonly string[]): readonly Address[] | undefined {
  const addresses = texts.map((text) => readAddress(text, "--metrics-addr"));
  const duplicate = texts.find((text, index) => texts.indexOf(text) < index);
  if (duplicate !== undefined) throw new UsageError(`--metrics-addr ${duplicate} is repeated; remove one`);
  return addresses.length === 0 ? undefined : addresses;
}

function readAddress(address: string, source: string): Address {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^[\]:\s]*)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new UsageError(`bad address "${address}" for ${source}: expected HOST:PORT, [IPV6]:PORT or :PORT`);
  }
  return { hostname: (match[1] ?? match[2]) || "::", port };
}

function readTraceBudget(value: string): number {
  const percent = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
  if (percent > 0 && percent <= 100) return percent;
  throw new UsageError(`bad value "${value}" for --trace-budget: expected percent, more than 0 and up to 100`);
}

/** Makes a reader of seconds from `min` to `max`. */
function milliseconds(min: number, max: number) {
  return (value: string, flag: string): number => {
    const seconds = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
    if (seconds >= min && seconds <= max) return seconds * 1000;
    throw new UsageError(`bad value "${value}" for --${flag}: expected seconds from ${min} to ${max}`);
  };
}
