// Calls that the node does not answer: they fail after their timeout, and the other calls use another thread of the node.

import { describe, expect, test } from "bun:test";
import { ExporterProcess } from "../exporter-process.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import {
  CONNECT_STEPS,
  callErrors,
  coin,
  compileFirst,
  expectUnconfirmed,
  leave,
  POLLED_METHODS,
  POLLED_METRICS,
  polledMetrics,
  registered,
  session,
} from "./sessions.ts";

compileFirst();

/** Time enough for a call that does not hang, on a busy machine too. */
const options = { args: ["--poll-interval", "0.1", "--call-timeout", "2"] };
/** Longer than the timeout, and shorter than the timeout and the disconnect together. */
const LATE_MS = 3_500;
const SIZE = "Node.getMempoolSize";

describe.concurrent("a poll", () => {
  test("with one hanging call makes the other calls in every round, and uses the thread again later", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, options);
    await node.hang(SIZE);
    const hung = await exporter.waitUntil("the call has failed six times", (metrics) => callErrors(metrics, SIZE) >= 6);
    expect(hung.get("bitcoin_ipc_up")).toBe(1);
    await node.answer("Node.getNodeCount", { result: 77 });
    await exporter.waitFor("bitcoin_peers", 77);
    const others = POLLED_METRICS.filter((name) => name !== "bitcoin_mempool_size");
    // The last value of the hanging method disappears when it is too old.
    await exporter.waitUntil("only the others are shown", (metrics) => Bun.deepEquals(polledMetrics(metrics), others));
    expect(await node.stats()).toMatchObject({ threadViolations: 0, live: { Thread: 2 } });

    await node.answer(SIZE, { result: 5 });
    await node.clear(SIZE);
    await exporter.waitFor("bitcoin_mempool_size", 5);
    // The next hanging call needs no third thread.
    await node.hang("Chain.getHeight");
    await exporter.waitUntil("the call has failed", (metrics) => callErrors(metrics, "Chain.getHeight") >= 1);
    await node.answer("Node.getNodeCount", { result: 78 });
    await exporter.waitFor("bitcoin_peers", 78);
    expect(await node.stats()).toMatchObject({ connections: 1, threadViolations: 0, live: { Thread: 2 } });
    await node.clear();
    await leave(node, exporter);
  });

  test("whose calls all hang ends when they return", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, options);
    for (const method of POLLED_METHODS) await node.hang(method);
    await exporter.waitUntil("all calls have failed", (metrics) =>
      POLLED_METHODS.every((method) => callErrors(metrics, method) > 0),
    );
    expect(polledMetrics(await exporter.metrics())).toEqual([]);
    await node.clear();
    await exporter.waitUntil("all are back", (metrics) => polledMetrics(metrics).length === POLLED_METRICS.length);
    expect(await node.stats()).toMatchObject({ connections: 1, threadViolations: 0 });
  });

  test("whose calls all hang does not delay the exit", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, options);
    for (const method of POLLED_METHODS) await node.hang(method);
    await exporter.waitUntil("all calls have failed", (metrics) =>
      POLLED_METHODS.every((method) => callErrors(metrics, method) > 0),
    );
    exporter.signal("SIGTERM");
    await expectUnconfirmed(exporter);
    // Nothing is subscribed any more: a subscription would crash the node.
    expect((await node.waitFor("disconnected")).how).toBe("clean");
  });
});

describe.concurrent("a connection attempt", () => {
  // A real node crashes if a connection ends during a call, so the exporter waits for the late call.
  test.each(CONNECT_STEPS.slice(0, -1))(
    "with a late answer to %s is repeated when the node has answered",
    async (method) => {
      await using node = await ReferenceNode.start();
      await node.delay(method, LATE_MS);
      await using exporter = await ExporterProcess.start(node.socketPath, options);
      await exporter.logs(/^cannot reach the node at \S+: \S+ was not answered within 2000 ms; next attempt/);
      expect((await node.waitFor("disconnected")).how).toBe("clean");
      expect((await node.stats()).interruptedCalls).toBe(0);
      await node.clear(method);
      await registered(node);
      await exporter.connected();
    },
  );

  test("that hangs forever does not delay the exit", async () => {
    await using node = await ReferenceNode.start();
    await node.hang("Init.makeNode");
    await using exporter = await ExporterProcess.start(node.socketPath, options);
    await exporter.logs(/^no answer from the node: Init\.@5 was not answered within 2000 ms; waiting until/);
    exporter.signal("SIGTERM");
    await expectUnconfirmed(exporter);
  });
});

// The node keeps a subscription even if its caller no longer waits for the answer.
describe.concurrent("a slow subscription", () => {
  test("to the UTXO cache is made once, and ended", async () => {
    const trace = "Tracing.traceUtxoCache";
    await using node = await ReferenceNode.start();
    await node.delay(trace, LATE_MS);
    await using exporter = await session(node, options);
    expect(callErrors(await exporter.metrics(), trace)).toBeGreaterThan(0);
    await exporter.polled();
    await exporter.polled();
    await node.fire("UtxoCacheTrace.add", coin(3), { count: 5 });
    expect((await exporter.metrics()).get("bitcoin_utxo_cache_add_total")).toBe(5);
    expect(await node.stats()).toMatchObject({ subscriptions: 2, calls: { [trace]: 1 } });
    await leave(node, exporter);
  });

  test("to the notifications is ended, and made again", async () => {
    const subscribe = "Chain.handleNotifications";
    await using node = await ReferenceNode.start();
    await node.delay(subscribe, LATE_MS);
    await using exporter = await ExporterProcess.start(node.socketPath, options);
    await exporter.logs(/^cannot reach the node at \S+: Chain\.handleNotifications was not answered within 2000 ms/);
    expect((await node.waitFor("disconnected")).how).toBe("clean");
    await node.clear(subscribe);
    await exporter.connected();
    expect((await node.stats()).uncleanLeaves).toBe(0);
  });
});
