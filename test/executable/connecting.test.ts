// From opening the socket to the first poll: which calls the exporter makes, and in which order.

import { expect, test } from "bun:test";
import { eventually } from "../eventually.ts";
import { ExporterProcess } from "../exporter-process.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import { CONNECT_STEPS, called, compileFirst, connectedLine, POLLED_METHODS, registered } from "./sessions.ts";

compileFirst();

/** No second poll while a test runs. */
const ONE_POLL = ["--poll-interval", "3600"];

test.concurrent("the exporter makes one call after the other", async () => {
  await using node = await ReferenceNode.start();
  const steps = [...CONNECT_STEPS, ...POLLED_METHODS, "Tracing.traceUtxoCache"];
  for (const method of steps) await node.hang(method);
  await using exporter = await ExporterProcess.start(node.socketPath, { args: ONE_POLL });
  for (const [index, method] of steps.entries()) {
    // The exporter checks whether the node is stopping before and after it subscribes. makeEcho runs the first thread.
    const { "Node.shutdownRequested": _, "Init.makeEcho": __, ...calls } = (await called(node, method)).calls;
    expect(Object.keys(calls).sort()).toEqual(steps.slice(0, index + 1).sort());
    const isUp = index >= CONNECT_STEPS.length;
    expect((await exporter.metrics()).get("bitcoin_ipc_up")).toBe(Number(isUp));
    await node.clear(method);
  }
  await registered(node);
  const stats = await node.stats();
  // The calls for the first block run at the same time, on a separate thread of the node.
  const more = ["Chain.getHeight", "Node.executeRpc", "ThreadMap.makeThread"];
  const once = steps.filter((step) => !more.includes(step));
  expect(stats.calls).toMatchObject(Object.fromEntries(once.map((step) => [step, 1])));
  expect(stats).toMatchObject({
    connections: 1,
    threadViolations: 0,
    subscriptions: 2,
    live: { Init: 1, ThreadMap: 1, Chain: 1, Node: 1, Tracing: 1, Handler: 2 },
  });
  expect(exporter.log.slice(1)).toEqual([connectedLine(node)]);
});

test.concurrent("with --no-utxo-trace the exporter does not trace the UTXO cache", async () => {
  await using node = await ReferenceNode.start();
  await using exporter = await ExporterProcess.start(node.socketPath, { args: ["--no-utxo-trace"] });
  await exporter.connected();
  await exporter.polled();
  await exporter.polled();
  const { calls, subscriptions } = await node.stats();
  expect(Object.keys(calls)).not.toContain("Tracing.traceUtxoCache");
  expect(subscriptions).toBe(1);
});

test.concurrent("the next poll starts one interval after the last", async () => {
  const intervalS = 0.25;
  await using node = await ReferenceNode.start();
  await using exporter = await ExporterProcess.start(node.socketPath, { args: ["--poll-interval", String(intervalS)] });
  const ends = new Set<number>();
  await eventually("five polls", async () => {
    const end = (await exporter.metrics()).get("bitcoin_ipc_last_poll_timestamp_seconds");
    if (end !== undefined) ends.add(end);
    return ends.size === 5;
  });
  const times = [...ends];
  for (const [index, time] of times.slice(1).entries()) {
    // Timestamps are whole milliseconds, so the interval can look 1 ms shorter.
    expect(time - times[index]!).toBeGreaterThan(intervalS - 0.002);
  }
  const { calls, threadViolations } = await node.stats();
  const polls = POLLED_METHODS.map((method) => calls[method]!);
  expect(Math.min(...polls)).toBeGreaterThanOrEqual(5);
  expect(Math.max(...polls) - Math.min(...polls)).toBeLessThanOrEqual(1);
  expect(calls).toMatchObject({ "Chain.handleNotifications": 1, "Tracing.traceUtxoCache": 1 });
  expect(threadViolations).toBe(0);
});
