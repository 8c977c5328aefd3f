// Calls that the node answers with an exception: the metric has no sample, the error is counted, and the rest works.

import { describe, expect, test } from "bun:test";
import { ExporterProcess } from "../exporter-process.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import {
  CONNECT_STEPS,
  callErrors,
  compileFirst,
  connectedLine,
  leave,
  POLLED_METHODS,
  POLLED_METRICS,
  POLLS,
  polledMetrics,
  registered,
  session,
  withFirstPause,
} from "./sessions.ts";

compileFirst();

const args = ["--poll-interval", "0.1"];

describe.concurrent("a poll", () => {
  test.each(["failed", "overloaded", "disconnected"] as const)("whose call ends in %s fails alone", async (kind) => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, { args });
    for (const [method, metric] of POLLS) {
      await node.fail(method, kind, "for the test");
      const others = POLLED_METRICS.filter((other) => other !== metric);
      await exporter.waitUntil(
        `${method} failed, and nothing else`,
        (metrics) => callErrors(metrics, method) > 0 && Bun.deepEquals(polledMetrics(metrics), others),
      );
      await node.clear(method);
    }
    const metrics = await exporter.waitUntil(
      "every metric is back",
      (metrics) => polledMetrics(metrics).length === POLLED_METRICS.length,
    );
    expect(metrics.get("bitcoin_ipc_up")).toBe(1);
    expect(metrics.get("bitcoin_ipc_connects_total")).toBe(1);
    expect(exporter.log.slice(1)).toEqual([connectedLine(node)]);
    expect(await node.stats()).toMatchObject({ connections: 1, threadViolations: 0 });
    await leave(node, exporter);
  });

  test("whose calls all fail leaves callbacks counted, and succeeds again later", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, { args });
    for (const method of POLLED_METHODS) await node.fail(method, "failed", "for the test");
    const failed = await exporter.waitUntil("every call failed twice", (metrics) =>
      POLLED_METHODS.every((method) => callErrors(metrics, method) >= 2),
    );
    expect(polledMetrics(failed)).toEqual([]);
    expect(failed.get("bitcoin_ipc_up")).toBe(1);
    // Callbacks are still counted.
    await node.fire("ChainNotifications.updatedBlockTip", {}, { count: 3 });
    expect((await exporter.metrics()).get("bitcoin_tip_updates_total")).toBe(3);

    await node.clear();
    await exporter.waitUntil("all are back", (metrics) => polledMetrics(metrics).length === POLLED_METRICS.length);
    const before = await exporter.polled();
    const after = await exporter.polled();
    for (const method of POLLED_METHODS) expect(callErrors(after, method)).toBe(callErrors(before, method));
  });

  test("with a slow call delays the other calls, misses the polls that are due meanwhile, and fails none", async () => {
    await using node = await ReferenceNode.start();
    await node.delay("Node.getMempoolSize", 400);
    await using exporter = await session(node, { args });
    const metrics = await exporter.waitFor("bitcoin_mempool_size", 0);
    const polled = await exporter.polled();
    expect(polled.get("bitcoin_ipc_poll_duration_seconds")).toBeGreaterThan(0.39);
    expect(polled.get("bitcoin_ipc_polls_missed_total")).toBeGreaterThanOrEqual(1);
    const slow = '{method="Node.getMempoolSize"}';
    const seconds = polled.get(`bitcoin_ipc_call_seconds_total${slow}`)!;
    expect(seconds / polled.get(`bitcoin_ipc_calls_total${slow}`)!).toBeGreaterThan(0.39);
    expect(POLLED_METHODS.map((method) => callErrors(metrics, method)).every((count) => count === 0)).toBe(true);
    expect(await node.stats()).toMatchObject({ threadViolations: 0 });
  });

  test("does not repeat a call that the node does not have, until the next connection", async () => {
    const method = "Node.getMempoolSize";
    await using node = await ReferenceNode.start();
    await node.fail(method, "unimplemented", "Method not implemented.");
    await using exporter = await session(node, { args });
    await exporter.logs(
      /^the node does not support Node\.getMempoolSize; its metrics have no sample on this connection$/,
    );
    await exporter.polled();
    const metrics = await exporter.polled();
    expect(polledMetrics(metrics)).toEqual(POLLED_METRICS.filter((name) => name !== POLLS.get(method)));
    expect(callErrors(metrics, method)).toBe(0);
    expect((await node.stats()).calls[method]).toBe(1);
    expect(exporter.log).toHaveLength(3);

    await node.clear();
    await node.drop();
    await exporter.waitUntil("it is back", (metrics) => polledMetrics(metrics).length === POLLED_METRICS.length);
    expect(callErrors(await exporter.metrics(), method)).toBe(0);
  });
});

describe.concurrent("a connection attempt", () => {
  // A Chain without shutdownRequested is used as any other.
  test.each(CONNECT_STEPS.filter((method) => method !== "Chain.shutdownRequested"))(
    "that the node refuses at %s is repeated",
    async (method) => {
      await using node = await ReferenceNode.start();
      await node.fail(method, "failed", "for the test");
      await using exporter = await ExporterProcess.start(node.socketPath, { ...withFirstPause(25), args: ["--debug"] });
      await exporter.logs(/^cannot reach the node at \S+: .*for the test; next attempt in 0\.0 s$/);
      await exporter.logs(/^cannot reach the node at \S+: .*for the test; next attempt in \d\.\d s$/, 3);
      // Each attempt has its own connection, and releases everything.
      for (let attempt = 0; attempt < 3; attempt++) expect((await node.waitFor("disconnected")).how).toBe("clean");
      const metrics = await exporter.metrics();
      expect(metrics.get("bitcoin_ipc_up")).toBe(0);
      expect(metrics.get("bitcoin_ipc_connects_total")).toBe(0);

      await node.clear(method);
      await registered(node);
      await exporter.connected();
      expect(await node.stats()).toMatchObject({ liveConnections: 1, threadViolations: 0, uncleanLeaves: 0 });
    },
  );

  test.each([
    "Init.construct",
    "ThreadMap.makeThread",
    "Init.makeChain",
    "Init.makeTracing",
    "Chain.handleNotifications",
  ])("that gets no capability from %s ends with one line in the log", async (method) => {
    await using node = await ReferenceNode.start();
    await node.answer(method, {});
    await using exporter = await ExporterProcess.start(node.socketPath);
    await exporter.logs(/^cannot reach the node at \S+: [^{}]+; next attempt in 0\.[56] s$/);
    expect((await node.waitFor("disconnected")).how).toBe("clean");
    exporter.signal("SIGTERM");
    expect((await exporter.ended()).exitCode).toBe(0);
    expect((await node.stats()).liveConnections).toBe(0);
  });
});
