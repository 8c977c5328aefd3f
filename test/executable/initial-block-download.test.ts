// During initial block download the exporter does not trace the UTXO cache and reads no block. The first poll after it starts
// the trace and reads the tip.

import { expect, test } from "bun:test";
import { ExporterProcess } from "../exporter-process.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import { callErrors, called, compileFirst, registered } from "./sessions.ts";

compileFirst();

const QUESTION = "Chain.isInitialBlockDownload";
const TRACE = "Tracing.traceUtxoCache";

test.concurrent("the trace starts with the first poll after initial block download", async () => {
  await using node = await downloading();
  await using exporter = await ExporterProcess.start(node.socketPath, { args: ["--poll-interval", "1"] });
  await called(node, QUESTION, 2);
  expect((await exporter.metrics()).get("bitcoin_ibd")).toBe(1);
  expect(await node.stats()).toMatchObject({ subscriptions: 1 });
  expect(Object.keys((await node.stats()).calls)).not.toContain(TRACE);

  // The poll that reads the end is delayed, so no earlier poll can have read it.
  await node.hang(QUESTION);
  const { calls } = await called(node, QUESTION, 3);
  await node.answer(QUESTION, { result: false });
  await node.clear(QUESTION);
  await registered(node);
  expect((await node.stats()).calls[QUESTION]).toBe(calls[QUESTION]!);
  await exporter.waitFor("bitcoin_ibd", 0);
  expect((await node.stats()).calls[TRACE]).toBe(1);
});

test.concurrent("the tip is read after the first poll after initial block download, even without a new block", async () => {
  await using node = await downloading();
  await using exporter = await ExporterProcess.start(node.socketPath, { args: ["--poll-interval", "1"] });
  await called(node, QUESTION, 2);
  expect(Object.keys((await node.stats()).rpcCalls)).not.toContain("getblockstats");
  await node.answer(QUESTION, { result: false });
  await exporter.waitFor("bitcoin_last_block_height", 120);
  await exporter.polled();
  expect((await node.stats()).rpcCalls["getblockstats"]).toBe(1);
});

test.concurrent("after a reconnect the exporter reads the state again", async () => {
  await using node = await ReferenceNode.start();
  await using exporter = await ExporterProcess.start(node.socketPath);
  await registered(node);
  await node.answer(QUESTION, { result: true });
  await node.drop();
  await exporter.waitUntil("a second session", (metrics) => metrics.get("bitcoin_ipc_connects_total") === 2);
  await exporter.polled();
  await exporter.polled();
  expect(await node.stats()).toMatchObject({ subscriptions: 1, calls: { [TRACE]: 1 } });
});

test.concurrent("a failed call does not start the trace", async () => {
  await using node = await downloading();
  await node.fail(QUESTION, "failed", "not now");
  await using exporter = await ExporterProcess.start(node.socketPath);
  await exporter.waitUntil("it failed", (metrics) => callErrors(metrics, QUESTION) >= 3);
  expect(Object.keys((await node.stats()).calls)).not.toContain(TRACE);
});

test.concurrent("a refused trace is requested again", async () => {
  await using node = await ReferenceNode.start();
  await node.fail(TRACE, "failed", "not now");
  await using exporter = await ExporterProcess.start(node.socketPath);
  await exporter.waitUntil("it failed", (metrics) => callErrors(metrics, TRACE) >= 3);
  expect((await exporter.metrics()).get("bitcoin_ipc_up")).toBe(1);
  await node.clear(TRACE);
  await registered(node);
  const metrics = await exporter.polled();
  expect(callErrors(await exporter.polled(), TRACE)).toBe(callErrors(metrics, TRACE));
  expect(await node.stats()).toMatchObject({ subscriptions: 2, threadViolations: 0 });
});

async function downloading(): Promise<ReferenceNode> {
  const node = await ReferenceNode.start();
  await node.answer(QUESTION, { result: true });
  return node;
}
