// Faults of the host: a full disk, a clock that jumps, no free file descriptors, a process on either side of the socket that is
// stopped and continued. Related: test/executable/unread-log.test.ts (an unread stderr), hanging-calls.test.ts (single calls
// that hang), disconnecting.test.ts (SIGTERM at the full rate of callbacks; on a real node in test/live).

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { eventually } from "../eventually.ts";
import {
  callBack,
  coin,
  compileFirst,
  expectCleanDisconnect,
  expectNothingLeft,
  expectUnconfirmed,
  leave,
  POLLED_METRICS,
  polledMetrics,
  registered,
  session,
} from "../executable/sessions.ts";
import { compiledExporter, preloading } from "../exporter-command.ts";
import { ExporterProcess, readMetrics } from "../exporter-process.ts";
import { freePort } from "../free-port.ts";
import { connectRaw, type RawClient } from "../http-client.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import { openFds } from "./usage.ts";

compileFirst();

const COINS = "bitcoin_utxo_cache_add_total";
const CONNECTS = "bitcoin_ipc_connects_total";

test("a full disk costs log lines and nothing else", async () => {
  await using node = await ReferenceNode.start();
  // The line with its address is lost, too.
  const port = freePort();
  const exporter = Bun.spawn(
    [...(await compiledExporter()), node.socketPath, "--debug", "--metrics-addr", `127.0.0.1:${port}`],
    { stdin: "ignore", stdout: "ignore", stderr: Bun.file("/dev/full") },
  );
  try {
    await registered(node);
    await callBack(node, "UtxoCacheTrace.add", coin(1), { count: 2_000 });
    const metrics = await eventually("lines are dropped", async () => {
      const page = readMetrics(await (await fetch(`http://127.0.0.1:${port}`)).text());
      return page.get("bitcoin_ipc_exporter_log_lines_dropped_total")! > 0 && page;
    });
    expect(metrics.get(COINS)).toBe(2_000);
    exporter.kill("SIGTERM");
    expect(await exporter.exited).toBe(0);
    await expectNothingLeft(node);
  } finally {
    exporter.kill("SIGKILL");
  }
});

test("a clock that jumps changes only the times that the exporter shows", async () => {
  await using node = await ReferenceNode.start();
  const env = preloading(join(import.meta.dirname, "jumping-clock.ts"));
  await using exporter = await session(node, { env });
  await exporter.waitFor("bitcoin_utxo_trace_active", 1);
  const start = performance.now();
  const { calls: before } = await node.stats();
  let last = 0;
  for (let volley = 1; volley <= 10; volley++) {
    await callBack(node, "UtxoCacheTrace.add", coin(1), { count: 500 });
    const metrics = await exporter.metrics();
    expect(metrics.get(COINS)).toBe(volley * 500);
    const busy = metrics.get("bitcoin_ipc_callback_busy_seconds_total")!;
    expect(busy).toBeGreaterThanOrEqual(last);
    last = busy;
  }
  expect(last).toBeLessThan((performance.now() - start) / 1000 + 1);
  await eventually("a while", () => performance.now() - start > 2_000);
  const seconds = (performance.now() - start) / 1000;
  const { calls: after } = await node.stats();
  // Polls come every 0.2 s, whatever the clock shows, and no pause is a day.
  const polls = after["Chain.getHeight"]! - before["Chain.getHeight"]!;
  expect(polls).toBeWithin(2, seconds / 0.2 + 3);
  expect((await exporter.metrics()).get("bitcoin_ipc_poll_duration_seconds")).toBeWithin(0, seconds);
  expect(polledMetrics(await exporter.metrics())).toEqual(POLLED_METRICS);

  await node.drop();
  await node.waitFor("disconnected");
  await registered(node);
  await exporter.waitFor(CONNECTS, 2);
  await leave(node, exporter);
});

describe("no file descriptors left", () => {
  const MAX_FDS = 48;

  test("callbacks are answered, and the exporter reconnects once descriptors are free", async () => {
    await using node = await ReferenceNode.start();
    const command = ["prlimit", `--nofile=${MAX_FDS}:${MAX_FDS}`, ...(await compiledExporter())];
    await using exporter = await session(node, { command, args: ["--debug"] });
    const held = openFds(exporter.pid);
    const port = Number(new URL(exporter.url).port);
    const clients: RawClient[] = [];
    // The kernel queues more connections than the exporter can accept.
    for (let count = 0; count < 2 * MAX_FDS; count++) clients.push(await connectRaw(port));
    await eventually("no descriptor is free", () => openFds(exporter.pid) === MAX_FDS);
    await callBack(node, "UtxoCacheTrace.add", coin(1), { count: 2_000 });

    await node.drop();
    await node.waitFor("disconnected");
    await exporter.logs(/^cannot reach the node at \S+: too many open files \(EMFILE\); next attempt in/);
    for (const client of clients) client.close();
    await registered(node);
    await exporter.waitFor(CONNECTS, 2);
    await eventually("all are closed", () => openFds(exporter.pid) <= held + 2, {
      describe: () => `${openFds(exporter.pid)} instead of ${held}`,
    });
    await callBack(node, "UtxoCacheTrace.add", coin(1), { count: 100 });
    expect((await exporter.metrics()).get(COINS)).toBe(2_100);
    await leave(node, exporter);
  });
});

describe("an exporter that SIGSTOP stops", () => {
  test("delays the node until it continues, and no callback is lost", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node);
    const volley = node.fire("UtxoCacheTrace.add", coin(1), { count: 20_000 });
    await exporter.waitUntil("coins move", (metrics) => metrics.get(COINS)! > 500);
    for (let stop = 0; stop < 3; stop++) {
      process.kill(exporter.pid, "SIGSTOP");
      await Bun.sleep(500);
      process.kill(exporter.pid, "SIGCONT");
      await Bun.sleep(50);
    }
    const { microseconds } = await volley;
    expect(microseconds).toHaveLength(20_000);
    expect(Math.max(...microseconds)).toBeGreaterThan(400_000);
    const metrics = await exporter.polled();
    expect(metrics.get(COINS)).toBe(20_000);
    expect(metrics.get(CONNECTS)).toBe(1);
    expect(metrics.get("bitcoin_utxo_trace_active")).toBe(1);
    await leave(node, exporter);
  });

  test("and that receives SIGTERM disconnects when it continues", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node);
    const volley = node.fire("UtxoCacheTrace.add", coin(1), { count: 1_000_000, depth: 16 });
    await exporter.waitUntil("coins move", (metrics) => metrics.get(COINS)! > 500);
    process.kill(exporter.pid, "SIGSTOP");
    exporter.signal("SIGTERM");
    await Bun.sleep(300);
    expect(exporter.isRunning).toBe(true);
    process.kill(exporter.pid, "SIGCONT");
    await expectCleanDisconnect(node, exporter);
    await volley;
  });
});

describe("a node that SIGSTOP stops", () => {
  const args = ["--call-timeout", "1", "--poll-interval", "0.2"];

  test("is reported as stalled, and the same session continues when the node does", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, { args });
    await callBack(node, "UtxoCacheTrace.add", coin(1), { count: 100 });
    await exporter.polled();
    node.signal("SIGSTOP");
    await exporter.logs(/^the node is stalled: \S+ was not answered within 1000 ms; still polling$/);
    const stalled = await exporter.waitUntil("no polled value", (metrics) => polledMetrics(metrics).length === 0);
    expect(stalled.get("bitcoin_ipc_up")).toBe(1);
    node.signal("SIGCONT");
    await exporter.logs(/^the node answers again$/);
    await exporter.waitUntil("all are back", (metrics) => polledMetrics(metrics).length === POLLED_METRICS.length);
    await callBack(node, "UtxoCacheTrace.add", coin(1), { count: 100 });
    const metrics = await exporter.metrics();
    expect(metrics.get(COINS)).toBe(200);
    expect(metrics.get(CONNECTS)).toBe(1);
    expect(exporter.log.filter((line) => /stalled|answers again/.test(line))).toHaveLength(2);
    expect((await node.stats()).threadViolations).toBe(0);
    await leave(node, exporter);
  });

  test("during the handshake delays the connection until the node continues", async () => {
    await using node = await ReferenceNode.start();
    node.signal("SIGSTOP");
    await using exporter = await ExporterProcess.start(node.socketPath, { args });
    await exporter.logs(/^no answer from the node: bootstrap was not answered within 1000 ms; waiting until/);
    expect((await exporter.metrics()).get("bitcoin_ipc_up")).toBe(0);
    node.signal("SIGCONT");
    await registered(node);
    expect(await exporter.connected()).toBeDefined();
    expect(await node.stats()).toMatchObject({ uncleanLeaves: 0, interruptedCalls: 0 });
    exporter.signal("SIGTERM");
    await exporter.ended();
  });

  test("does not delay the exit", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node);
    node.signal("SIGSTOP");
    exporter.signal("SIGTERM");
    await expectUnconfirmed(exporter);
    node.signal("SIGCONT");
  });
});
