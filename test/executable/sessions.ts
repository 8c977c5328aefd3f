// An exporter's session with a reference node, as most tests of this folder start and end it.

import { beforeAll, expect, setDefaultTimeout } from "bun:test";
import { eventually } from "../eventually.ts";
import { COMPILE_DEADLINE_MS, compiledExporter, exporterWith } from "../exporter-command.ts";
import { ExporterProcess, failedCalls, type Metrics, type StartOptions } from "../exporter-process.ts";
import { buildReferenceNode, buildTimeoutMs } from "../reference-node/build.ts";
import type { CallbackParams, FireOptions, Int64, ReferenceNode, Stats } from "../reference-node/reference-node.ts";

/** Every wait has a shorter deadline of its own, so that a failure names what the test waited for. */
const TEST_TIMEOUT_MS = 60_000;

/** At the top of a test file: compiles the exporter and the reference node before its tests, outside of their time limits. */
export function compileFirst(testTimeoutMs = TEST_TIMEOUT_MS): void {
  setDefaultTimeout(testTimeoutMs);
  beforeAll(buildReferenceNode, buildTimeoutMs);
  beforeAll(compiledExporter, COMPILE_DEADLINE_MS);
}

/** The disconnect takes no longer than this, whatever the node does. */
export const LEAVE_DEADLINE_MS = 5_000;

/** The calls with which the exporter connects, in order. */
export const CONNECT_STEPS = [
  "Init.construct",
  "ThreadMap.makeThread",
  "Init.makeChain",
  "Chain.shutdownRequested",
  "Init.makeNode",
  "Init.makeTracing",
  "Node.executeRpc",
  "Chain.handleNotifications",
] as const;

/** The log's line for a connected exporter. */
export function connectedLine(node: ReferenceNode): string {
  const supported = "notifications, utxo trace, chain and node, json-rpc, mining";
  return `connected to the node at ${node.socketPath}: layout pr/trace, supports ${supported}`;
}

/** Each polled method of Chain and Node → the metric that it sets. */
export const POLLS = new Map([
  ["Chain.getHeight", "bitcoin_chain_height"],
  ["Node.getHeaderTip", "bitcoin_header_height"],
  ["Chain.isInitialBlockDownload", "bitcoin_ibd"],
  ["Node.getVerificationProgress", "bitcoin_verification_progress"],
  ["Node.getMempoolSize", "bitcoin_mempool_size"],
  ["Node.getMempoolDynamicUsage", "bitcoin_mempool_bytes"],
  ["Node.getMempoolMaxUsage", "bitcoin_mempool_max_bytes"],
  ["Node.getNodeCount", "bitcoin_peers"],
  ["Node.getTotalBytesRecv", "bitcoin_bytes_recv_total"],
  ["Node.getTotalBytesSent", "bitcoin_bytes_sent_total"],
]);

export const POLLED_METHODS = [...POLLS.keys()];
export const POLLED_METRICS = [...POLLS.values()];

/** Which polled metrics have a sample. */
export function polledMetrics(metrics: Metrics): string[] {
  return POLLED_METRICS.filter((name) => metrics.has(name));
}

/** How often a method failed. */
export function callErrors(metrics: Metrics, method: string): number {
  return failedCalls(metrics)[method] ?? 0;
}

/**
 * An exporter whose pauses between attempts begin with this instead of half a second and end with 60 times as long, and whose
 * sessions are stable after `stableAfterMs` instead of half a minute: the next pause is the first again.
 */
export function withFirstPause(ms: number, stableAfterMs = 30_000) {
  return exporterWith({
    "session/backoff": { FIRST_MS: ms, LONGEST_MS: 60 * ms },
    "session/session": { STABLE_AFTER_MS: stableAfterMs },
  });
}

/** Waits until the node has the registrations of one session. */
export async function registered(node: ReferenceNode): Promise<void> {
  expect((await node.waitFor("subscribed")).interface).toBe("ChainNotifications");
  expect((await node.waitFor("subscribed")).interface).toBe("UtxoCacheTrace");
}

/** Starts an exporter, and resolves when it has subscribed to everything. */
export async function session(node: ReferenceNode, options?: StartOptions): Promise<ExporterProcess> {
  const exporter = await ExporterProcess.start(node.socketPath, options);
  await registered(node);
  return exporter;
}

/** Calls back, and expects an answer to each call. */
export async function callBack<Method extends keyof CallbackParams>(
  node: ReferenceNode,
  method: Method,
  params: CallbackParams[Method],
  options: FireOptions = {},
): Promise<void> {
  const { microseconds } = await node.fire(method, params, options);
  expect(microseconds).toHaveLength(options.count ?? 1);
}

/** The parameters of UtxoCacheTrace. */
export function coin(value: Int64): CallbackParams["UtxoCacheTrace.add"] {
  return { utxoInfo: { outpointHash: 32, outpointN: 4_294_967_295, height: 2_147_483_647, value, isCoinbase: false } };
}

/** Waits until the node has received so many calls. */
export function called(node: ReferenceNode, method: string, count = 1): Promise<Stats> {
  return eventually(`${method} is called ${count} times`, async () => {
    const stats = await node.stats();
    return (stats.calls[method] ?? 0) >= count && stats;
  });
}

/** Stops the exporter with SIGTERM, and expects a clean disconnect. */
export async function leave(node: ReferenceNode, exporter: ExporterProcess): Promise<void> {
  exporter.signal("SIGTERM");
  await expectCleanDisconnect(node, exporter);
}

/** The exporter ends within the deadline, though the node does not confirm the disconnect. */
export async function expectUnconfirmed(exporter: ExporterProcess): Promise<number> {
  const { exitCode, durationMs } = await exporter.ended();
  expect({ exitCode, lastLine: exporter.log.at(-1) }).toEqual({
    exitCode: 0,
    lastLine: "disconnected without confirmation: the node did not answer within 4 s",
  });
  expect(durationMs).toBeLessThan(LEAVE_DEADLINE_MS);
  return durationMs;
}

/** Expects a clean disconnect after a signal: the node runs on, and all capabilities are released. */
export async function expectCleanDisconnect(
  node: ReferenceNode,
  exporter: ExporterProcess,
  exitCode = 0,
): Promise<void> {
  const { durationMs: _, ...ending } = await exporter.ended();
  expect({ ...ending, lastLine: exporter.log.at(-1) }).toEqual({ exitCode, signal: null, lastLine: "disconnected" });
  await expectNothingLeft(node);
}

/** The node's last connection ended cleanly, and no client holds an object of it. */
export async function expectNothingLeft(node: ReferenceNode): Promise<void> {
  expect((await node.waitFor("disconnected")).how).toBe("clean");
  let stats = await node.stats();
  await eventually(
    "all capabilities are released",
    async () => {
      stats = await node.stats();
      return Object.values(stats.live).every((count) => count === 0);
    },
    { describe: () => JSON.stringify(stats.live) },
  );
  const { liveConnections, subscriptions, threadViolations, uncleanLeaves, interruptedCalls } = stats;
  expect({ liveConnections, subscriptions, threadViolations, uncleanLeaves, interruptedCalls }).toEqual({
    liveConnections: 0,
    subscriptions: 0,
    threadViolations: 0,
    uncleanLeaves: 0,
    interruptedCalls: 0,
  });
}
