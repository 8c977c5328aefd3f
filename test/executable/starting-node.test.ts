// A node opens its socket before it has started. The exporter waits; test/layouts/starting.test.ts has which calls it makes meanwhile.

import { expect, test } from "bun:test";
import { exporterWith } from "../exporter-command.ts";
import { ExporterProcess } from "../exporter-process.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import { compileFirst, leave } from "./sessions.ts";

compileFirst();

/** The exporter checks every 50 ms whether the node has started, instead of every second. */
const options = exporterWith({ "session/readiness": { WARMUP_INTERVAL_MS: 50 }, "session/backoff": { FIRST_MS: 25 } });

test.concurrent("with --debug the log has a line for each check", async () => {
  await using node = await starting("Loading wallet…");
  await using exporter = await ExporterProcess.start(node.socketPath, { ...options, args: ["--debug"] });
  await exporter.logs(/^the node is starting: Loading wallet…$/, 3);
  await node.warmup("");
  await exporter.connected();
  expect(exporter.log.filter((line) => line.startsWith("waiting for the node"))).toHaveLength(1);
});

test.concurrent("the exporter disconnects from a starting node", async () => {
  await using node = await starting("Rescanning…");
  await using exporter = await ExporterProcess.start(node.socketPath);
  await exporter.logs(/^waiting for the node/);
  await leave(node, exporter);
});

test.concurrent("a node that restarts while it starts is waited for again", async () => {
  await using node = await starting("Loading block index…");
  await using exporter = await ExporterProcess.start(node.socketPath, options);
  await exporter.logs(/^waiting for the node/);
  await node.drop();
  await exporter.logs(/^cannot reach the node/);
  await exporter.logs(/^waiting for the node/, 2);
  await node.warmup("");
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
  await node.answer("Node.executeRpc", { result: "12" });
  await exporter.connected();
});

async function starting(status: string): Promise<ReferenceNode> {
  const node = await ReferenceNode.start();
  await node.warmup(status);
  return node;
}
