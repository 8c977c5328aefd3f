// A stopping node waits for the answer to its last flush, and crashes if a client is still subscribed after that. So the
// exporter unsubscribes before it answers, and does not subscribe to a node that is stopping.

import { describe, expect, test } from "bun:test";
import { ExporterProcess } from "../exporter-process.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import {
  callErrors,
  called,
  compileFirst,
  expectCleanDisconnect,
  expectNothingLeft,
  registered,
  session,
  withFirstPause,
} from "./sessions.ts";

compileFirst();

const QUESTION = "Node.shutdownRequested";
const FLUSH = "ChainNotifications.chainStateFlushed";
const FLUSHED = { role: { validated: true }, locator: 70 };

/** The timeout of the check, see src/node/client.ts. */
const QUESTION_DEADLINE_MS = 1000;

const often = withFirstPause(25);

describe.concurrent.each([
  ["by offset", []],
  ["with --debug", ["--debug"]],
])("%s", (_, args) => {
  test("a flush of a running node is answered immediately", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, { args });
    await node.answer(QUESTION, { result: false });
    await node.fire(FLUSH, FLUSHED, { count: 5 });
    expect((await exporter.metrics()).get("bitcoin_chain_state_flushes_total")).toBe(5);
    expect(await node.stats()).toMatchObject({ subscriptions: 2, connections: 1 });
  });

  test("the last flush is answered when nothing is subscribed any more", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, { ...often, args });
    await node.answer(QUESTION, { result: true });
    await node.fire(FLUSH, FLUSHED);
    expect((await node.stats()).calls["Handler.disconnect"]).toBe(2);
    await expectNothingLeft(node);
    const metrics = await exporter.waitFor("bitcoin_ipc_up", 0);
    expect(metrics.get("bitcoin_chain_state_flushes_total")).toBe(1);
    await exporter.logs(/^lost the node: it is stopping; next attempt in/);

    // The exporter does not connect again until the node has restarted.
    await Bun.sleep(1000);
    expect((await node.stats()).connections).toBe(1);
    await node.kill();
    await using again = await ReferenceNode.start({ socketPath: node.socketPath });
    await registered(again);
    expect((await exporter.waitFor("bitcoin_ipc_up", 1)).get("bitcoin_ipc_connects_total")).toBe(2);
  });
});

test("the exporter does not subscribe to a stopping node", async () => {
  await using node = await ReferenceNode.start();
  await node.answer(QUESTION, { result: true });
  await using exporter = await ExporterProcess.start(node.socketPath, often);
  await exporter.logs(/^cannot reach the node at \S+: the node is stopping; next attempt in/);
  await expectNothingLeft(node);
  expect(Object.keys((await node.stats()).calls)).not.toContain("Chain.handleNotifications");
  await node.answer(QUESTION, { result: false });
  await registered(node);
  await exporter.connected();
});

test("on a signal while the node is stopping, the exporter waits for its last flush", async () => {
  await using node = await ReferenceNode.start();
  await using exporter = await session(node, { args: ["--poll-interval", "3600"] });
  await node.answer(QUESTION, { result: true });
  exporter.signal("SIGTERM");
  // The one for the trace. The node waits for the one for notifications.
  expect((await node.waitFor("unsubscribed")).interface).toBe("UtxoCacheTrace");
  expect((await node.stats()).subscriptions).toBe(1);
  await node.fire(FLUSH, FLUSHED);
  await expectCleanDisconnect(node, exporter);
});

test("the exporter disconnects from a node that does not report whether it is stopping", async () => {
  await using node = await ReferenceNode.start();
  await using exporter = await session(node, { args: ["--poll-interval", "3600"] });
  await node.hang(QUESTION);
  exporter.signal("SIGTERM");
  await called(node, QUESTION, 3);
  expect((await node.waitFor("unsubscribed")).interface).toBe("UtxoCacheTrace");
  expect((await node.waitFor("unsubscribed")).interface).toBe("ChainNotifications");
  await node.clear();
  await expectCleanDisconnect(node, exporter);
});

test("the exporter disconnects from a node that hangs and reports too late that it is stopping", async () => {
  const stuck = ["Chain.getHeight", "Node.getHeaderTip", "Node.getMempoolSize", "Node.getNodeCount"];
  await using node = await ReferenceNode.start();
  await using exporter = await session(node, { args: ["--call-timeout", "1"] });
  for (const method of stuck) await node.hang(method);
  await exporter.waitUntil("all calls have failed", (metrics) =>
    stuck.every((method) => callErrors(metrics, method) > 0),
  );
  await node.delay(QUESTION, QUESTION_DEADLINE_MS + 500);
  exporter.signal("SIGTERM");
  expect((await node.waitFor("unsubscribed")).interface).toBe("UtxoCacheTrace");
  expect((await node.waitFor("unsubscribed")).interface).toBe("ChainNotifications");
  await node.clear();
  await expectCleanDisconnect(node, exporter);
});
