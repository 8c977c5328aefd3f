// A node opens its socket before it has started. Until then the exporter calls nothing that needs the chain.

import { expect, test } from "bun:test";
import { exporterWith } from "../exporter-command.ts";
import { ExporterProcess } from "../exporter-process.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import { called, compileFirst, connectedLine, expectCleanDisconnect, registered } from "./sessions.ts";

compileFirst();

/** The exporter checks every 50 ms whether the node has started, instead of every second. */
const options = exporterWith({ "session/readiness": { WARMUP_INTERVAL_MS: 50 }, "session/backoff": { FIRST_MS: 25 } });

const HANDSHAKE = {
  "Init.construct": 1,
  "ThreadMap.makeThread": 1,
  "Init.makeEcho": 1,
  "Init.makeChain": 1,
  "Chain.shutdownRequested": 1,
  "Init.makeNode": 1,
  "Init.makeTracing": 1,
};

test.concurrent("a starting node receives no other calls", async () => {
  await using node = await starting("Loading block index…");
  await using exporter = await ExporterProcess.start(node.socketPath, options);
  const { calls, threadViolations } = await called(node, "Node.executeRpc", 5);
  expect({ ...calls, "Node.executeRpc": 1 }).toEqual({ ...HANDSHAKE, "Node.executeRpc": 1 });
  expect(threadViolations).toBe(0);
  const metrics = await exporter.metrics();
  expect(metrics.get("bitcoin_ipc_up")).toBe(0);
  expect(metrics.get("bitcoin_ipc_connects_total")).toBe(0);
  expect(metrics.has("bitcoin_chain_height")).toBe(false);

  // The node reports what it is doing, and the log has a line for the first report.
  await starts(node, "Verifying blocks…");
  await called(node, "Node.executeRpc", calls["Node.executeRpc"]! + 5);
  await started(node);
  await registered(node);
  expect((await exporter.connected()).get("bitcoin_ipc_connects_total")).toBe(1);
  expect(exporter.log.slice(1)).toEqual(["waiting for the node to start: Loading block index…", connectedLine(node)]);
});

test.concurrent("with --debug the log has a line for each check", async () => {
  await using node = await starting("Loading wallet…");
  await using exporter = await ExporterProcess.start(node.socketPath, { ...options, args: ["--debug"] });
  await exporter.logs(/^the node is starting: Loading wallet…$/, 3);
  await started(node);
  await exporter.connected();
  expect(exporter.log.filter((line) => line.startsWith("waiting for the node"))).toHaveLength(1);
});

test.concurrent("the exporter disconnects from a starting node", async () => {
  await using node = await starting("Rescanning…");
  await using exporter = await ExporterProcess.start(node.socketPath);
  await exporter.logs(/^waiting for the node/);
  exporter.signal("SIGTERM");
  await expectCleanDisconnect(node, exporter);
});

test.concurrent("a node that restarts while it starts is waited for again", async () => {
  await using node = await starting("Loading block index…");
  await using exporter = await ExporterProcess.start(node.socketPath, options);
  await exporter.logs(/^waiting for the node/);
  await node.drop();
  await exporter.logs(/^cannot reach the node/);
  await exporter.logs(/^waiting for the node/, 2);
  await started(node);
  await exporter.connected();
});

test.concurrent.each([
  ["an error of another kind counts as started", '{"code":-32601,"message":"Method not found"}'],
  ["an error without a code counts as started", "{}"],
])("%s", async (_, rpcError) => {
  await using node = await ReferenceNode.start();
  await node.answer("Node.executeRpc", { rpcError });
  await using exporter = await ExporterProcess.start(node.socketPath);
  await exporter.connected();
});

test.concurrent("a malformed error is not an answer", async () => {
  await using node = await ReferenceNode.start();
  await node.answer("Node.executeRpc", { rpcError: "what" });
  await using exporter = await ExporterProcess.start(node.socketPath, options);
  await exporter.logs(/^cannot reach the node .*: uptime answered invalid JSON: what; next/);
  await started(node);
  await exporter.connected();
});

async function starting(status: string): Promise<ReferenceNode> {
  const node = await ReferenceNode.start();
  await starts(node, status);
  return node;
}

/** What a node answers while it starts: RPC_IN_WARMUP. */
async function starts(node: ReferenceNode, status: string): Promise<void> {
  await node.answer("Node.executeRpc", { rpcError: JSON.stringify({ code: -28, message: status }) });
}

async function started(node: ReferenceNode): Promise<void> {
  await node.answer("Node.executeRpc", { result: "12" });
}
