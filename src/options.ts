// The options of the program and their defaults. command-line.ts reads them; the exporter and its sessions use them.

import { type CollectorName, DEFAULT_COLLECTORS } from "./collectors/catalogue.ts";
import type { ListenAddress } from "./http/server.ts";
import type { RpcAddress, RpcCredentials } from "./node/http-rpc.ts";
import type { LayoutName } from "./node/layouts.ts";

export interface Options {
  /** Serve the metrics until a signal; or poll once and print the page, or a report on the node. */
  readonly mode: "serve" | "once" | "check";
  /** The limit of one poll, from connecting to the last answer. */
  readonly timeoutMs: number;
  /** The node's Unix socket. */
  readonly socketPath: string;
  /** Where to serve the metrics: one address or more, all different. */
  readonly metricsAddresses: readonly ListenAddress[];
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

/** An address as on the command line. */
export function hostPort({ hostname, port }: ListenAddress): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}
