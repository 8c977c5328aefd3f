// Reads the command line and the environment into options.

import { dirname, join } from "node:path";
import { type Arguments, readArguments, readDecimal, UsageError } from "./argument-reader.ts";
import {
  COLLECTOR_NAMES,
  type CollectorName,
  DEFAULT_COLLECTORS,
  isAlwaysUsed,
  isCollectorName,
} from "./collectors/catalogue.ts";
import { MAX_FEE_TARGET, MIN_FEE_TARGET } from "./collectors/fees.ts";
import { DEFAULT, FLAGS } from "./flags.ts";
import type { ListenAddress } from "./http/server.ts";
import { type RpcAddress, readRpcUrl } from "./node/http-rpc.ts";
import { LAYOUTS, type LayoutName, layoutNamed } from "./node/layouts.ts";
import { MAX_SOCKET_PATH_BYTES, socketPathOf } from "./node/socket-path.ts";
import { DEFAULTS, type Options, type RpcOptions } from "./options.ts";

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
  const args = readArguments(rawArgs, FLAGS);
  const isOn = (flag: FlagOf<"boolean">) => args.switches.get(flag);
  const all = (flag: FlagOf<"string">) => args.values.get(flag) ?? [];
  const last = (flag: FlagOf<"string">) => all(flag).at(-1);
  const read = <T>(flag: FlagOf<"string">, reader: (value: string, flag: string) => T): T | undefined => {
    const value = last(flag);
    return value === undefined ? undefined : reader(value, flag);
  };
  if (isOn("help")) return "help";
  if (isOn("version")) return "version";
  const socketPath = readSocketPath(args);
  if (isOn("once") && isOn("check")) throw new UsageError("--once and --check exclude each other; remove one");
  const mode = isOn("once") ? "once" : isOn("check") ? "check" : DEFAULTS.mode;
  refuseUnused(mode, args);
  return {
    socketPath,
    mode,
    timeoutMs: read("timeout", milliseconds(1, 86_400)) ?? DEFAULTS.timeoutMs,
    metricsAddresses: readAddresses(all("metrics-addr"), environment[ADDRESS_VARIABLE]),
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

function readSocketPath({ positionals: [first = "", second] }: Arguments): string {
  const path = socketPathOf(first);
  if (path === "") throw new UsageError("missing the path of the node's socket");
  if (second !== undefined) throw new UsageError(`unexpected argument "${second}" after the socket path`);
  if (/^https?:\/\//i.test(path)) {
    throw new UsageError("the socket path is a URL; use the path of the node's IPC socket, and --rpc-url for JSON-RPC");
  }
  const sizeBytes = Buffer.byteLength(path);
  if (sizeBytes <= MAX_SOCKET_PATH_BYTES) return path;
  const limit = `the system's limit of ${MAX_SOCKET_PATH_BYTES} bytes`;
  throw new UsageError(`socket path of ${sizeBytes} bytes is over ${limit}; use a shorter path or a symbolic link`);
}

function refuseUnused(mode: Options["mode"], { values, switches }: Arguments): void {
  const unused = Object.entries(UNUSED[mode]).find(([flag]) => values.has(flag) || switches.has(flag));
  if (unused !== undefined) {
    const [flag, reason] = unused;
    throw new UsageError(`--${mode} ${reason}; remove --${switches.get(flag) === false ? "no-" : ""}${flag}`);
  }
  if (mode === "serve" && values.has("timeout")) throw new UsageError("--timeout needs --once or --check");
}

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

/** The addresses in `texts`, else the one in ADDRESS_VARIABLE, else the default. */
function readAddresses(texts: readonly string[], variable = ""): readonly ListenAddress[] {
  const addresses = texts.map((text) => readAddress(text, "--metrics-addr"));
  const duplicate = texts.find((text, index) => texts.indexOf(text) < index);
  if (duplicate !== undefined) throw new UsageError(`--metrics-addr ${duplicate} is repeated; remove one`);
  if (addresses.length > 0) return addresses;
  return variable === "" ? DEFAULTS.metricsAddresses : [readAddress(variable, ADDRESS_VARIABLE)];
}

function readAddress(address: string, source: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^[\]:\s]*)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new UsageError(`bad address "${address}" for ${source}: expected HOST:PORT, [IPV6]:PORT or :PORT`);
  }
  return { hostname: (match[1] ?? match[2]) || "::", port };
}

function readTraceBudget(value: string): number {
  const percent = readDecimal(value);
  if (percent > 0 && percent <= 100) return percent;
  throw new UsageError(`bad value "${value}" for --trace-budget: expected percent, more than 0 and up to 100`);
}

/** Makes a reader of seconds from `min` to `max`. */
function milliseconds(min: number, max: number) {
  return (value: string, flag: string): number => {
    const seconds = readDecimal(value);
    if (seconds >= min && seconds <= max) return seconds * 1000;
    throw new UsageError(`bad value "${value}" for --${flag}: expected seconds from ${min} to ${max}`);
  };
}
