// The flags of the command line, for its reader, the help, the manual and the shells' completions.

import { type ArgDef, defineCommand, renderUsage } from "citty";
import type { FlagDefinition } from "./argument-reader.ts";
import { BUILD, NAME } from "./build-info.ts";
import { COLLECTOR_NAMES, DEFAULT_COLLECTORS, isAlwaysUsed } from "./collectors/catalogue.ts";
import { LAYOUTS } from "./node/layouts.ts";
import { DEFAULTS, hostPort } from "./options.ts";

/** Means the collectors that run by default, so that `--collectors` can add others to them. */
export const DEFAULT = "default";
const OTHER_COLLECTORS = COLLECTOR_NAMES.filter((name) => !DEFAULT_COLLECTORS.includes(name));

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
