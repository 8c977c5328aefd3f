// Shared by the tests of this folder: what each layout supports, and an exporter that treats every node as started.

import type { LayoutName } from "../../src/node/layouts.ts";
import { DEADLINE_MS, eventually } from "../eventually.ts";
import { type Constants, exporterWith } from "../exporter-command.ts";
import { ExporterProcess, type Metrics } from "../exporter-process.ts";
import type { ReferenceNode, Stats } from "../reference-node/reference-node.ts";

interface Supported {
  readonly notifications: boolean;
  readonly utxoTrace: boolean;
  readonly chainAndNode: boolean;
  /** The method that JSON-RPC goes through. */
  readonly jsonRpc: "Rpc.executeRpc" | "Node.executeRpc" | undefined;
}

/** By layout. */
export const SUPPORTED: Readonly<Record<LayoutName, Supported>> = {
  "pr/trace": { notifications: true, utxoTrace: true, chainAndNode: true, jsonRpc: "Node.executeRpc" },
  "ipc-2026-02": { notifications: true, utxoTrace: false, chainAndNode: true, jsonRpc: "Node.executeRpc" },
  "pr-29409": { notifications: true, utxoTrace: false, chainAndNode: true, jsonRpc: "Rpc.executeRpc" },
  v32: { notifications: false, utxoTrace: false, chainAndNode: false, jsonRpc: "Rpc.executeRpc" },
  v31: { notifications: false, utxoTrace: false, chainAndNode: false, jsonRpc: undefined },
  v30: { notifications: false, utxoTrace: false, chainAndNode: false, jsonRpc: undefined },
};
export const LAYOUT_NAMES = Object.keys(SUPPORTED) as LayoutName[];

interface Options {
  readonly args?: readonly string[];
  readonly constants?: Constants;
}

/** Starts an exporter that does not wait while a socket is new, and resolves when it serves metrics. */
export function startExporter(node: ReferenceNode, { args, constants }: Options = {}): Promise<ExporterProcess> {
  const command = exporterWith({ "session/start-grace": { START_GRACE_MS: 0 }, ...constants });
  return ExporterProcess.start(node.socketPath, { ...command, ...(args !== undefined && { args }) });
}

/** The same, once it has a session and has polled. */
export async function session(node: ReferenceNode, options?: Options): Promise<ExporterProcess> {
  const exporter = await startExporter(node, options);
  await polled(exporter);
  return exporter;
}

/** The metrics once a session's first poll is over. */
export function polled(exporter: ExporterProcess): Promise<Metrics> {
  return exporter.waitUntil(
    "a session with a poll",
    (metrics) => metrics.get("bitcoin_ipc_up") === 1 && metrics.has("bitcoin_chain_height"),
  );
}

/** The node's counts once `predicate` accepts them. */
export async function nodeUntil(
  what: string,
  node: ReferenceNode,
  predicate: (stats: Stats) => boolean,
): Promise<Stats> {
  let stats = await node.stats();
  return eventually(
    what,
    async () => {
      stats = await node.stats();
      return predicate(stats) && stats;
    },
    { deadlineMs: DEADLINE_MS, describe: () => JSON.stringify(stats) },
  );
}

/** Waits until the exporter has started to wait for another tip so many times. Checks whether the node is stopping do not count. */
export async function watching(node: ReferenceNode, waits: number): Promise<void> {
  const begun = ({ waitTimeouts }: Stats) => waitTimeouts.filter((ms) => ms > 0).length;
  await nodeUntil(`${waits} waits for a tip`, node, (stats) => begun(stats) >= waits);
}

/** The layouts that bitcoin_ipc_layout_info shows: one, or none without a session. */
export function shownLayouts(metrics: Metrics): string[] {
  const series = [...metrics].filter(([name]) => name.startsWith("bitcoin_ipc_layout_info"));
  return series.map(([name, value]) => `${/layout="(.*)"/.exec(name)?.[1]}${value === 1 ? "" : ` ${value}`}`);
}
