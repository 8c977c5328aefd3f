// The UTXO trace costs the node too much: the exporter pauses it, resumes it, and pauses it again. The rest works on.

import { describe, expect, test } from "bun:test";
import { exporterWith } from "../exporter-command.ts";
import { ExporterProcess } from "../exporter-process.ts";
import { type Fired, ReferenceNode } from "../reference-node/reference-node.ts";
import {
  callErrors,
  called,
  coin,
  compileFirst,
  expectCleanDisconnect,
  leave,
  registered,
  session,
} from "./sessions.ts";

compileFirst();

const ACTIVE = "bitcoin_utxo_trace_active";
const BUSY = "bitcoin_ipc_callback_busy_seconds_total";
const COINS = "bitcoin_utxo_cache_add_total";
const ADDED = "bitcoin_mempool_tx_added_total";
const TRACE = "Tracing.traceUtxoCache";
const DISCONNECT = "Handler.disconnect";

/** The share is measured over half a second instead of 10 s, and the first pause is 3 s instead of a minute. */
const TIMES = { WINDOW_MS: 500, FIRST_PAUSE_MS: 3_000, LONGEST_PAUSE_MS: 180_000 };
const budget = (times: Partial<typeof TIMES> = {}) =>
  exporterWith({
    "session/trace-budget": { ...TIMES, ...times },
    "session/polling": { TEND_INTERVAL_MS: 50 },
  });
const options = { ...budget(), args: ["--poll-interval", "0.2", "--trace-budget", "5"] };

/** Coins as fast as they are answered, until the trace has ended. */
function coins(node: ReferenceNode): Promise<Fired> {
  return node.fire("UtxoCacheTrace.add", coin(3), { count: 10_000_000, depth: 4 });
}

const ended = (pauseS: number) =>
  new RegExp(
    `^paused the UTXO trace for ${pauseS} s: callbacks used \\d+ % of the node's time, over the budget of 5 %$`,
  );

test("the trace pauses, resumes, and pauses for twice as long", async () => {
  await using node = await ReferenceNode.start();
  await using exporter = await session(node, options);
  await exporter.waitFor(ACTIVE, 1);

  const first = await coins(node);
  const paused = await exporter.waitFor(ACTIVE, 0);
  expect((await node.waitFor("unsubscribed")).interface).toBe("UtxoCacheTrace");
  expect(await node.stats()).toMatchObject({ subscriptions: 1, calls: { [TRACE]: 1, [DISCONNECT]: 1 } });
  // Each call that was answered was counted.
  expect(paused.get(COINS)).toBe(first.microseconds.length);
  expect(paused.get("bitcoin_utxo_cache_add_value_total")).toBe(3 * first.microseconds.length);
  expect(paused.get(BUSY)).toBeGreaterThan(0.025);
  expect(exporter.log.filter((line) => ended(3).test(line))).toHaveLength(1);

  // The notifications are still subscribed.
  await node.fire("ChainNotifications.transactionAddedToMempool", { tx: 400 }, { count: 100 });
  expect((await exporter.metrics()).get(ADDED)).toBe(100);

  expect((await node.waitFor("subscribed")).interface).toBe("UtxoCacheTrace");
  const back = await exporter.waitFor(ACTIVE, 1);
  expect(back.get(COINS)).toBe(first.microseconds.length);
  const second = await coins(node);
  const again = await exporter.waitFor(ACTIVE, 0);
  expect(again.get(COINS)).toBe(first.microseconds.length + second.microseconds.length);
  expect(exporter.log.filter((line) => ended(6).test(line))).toHaveLength(1);
  expect(exporter.log).toHaveLength(4);
  await node.waitFor("unsubscribed");
  expect(await node.stats()).toMatchObject({
    subscriptions: 1,
    threadViolations: 0,
    calls: { [TRACE]: 2, [DISCONNECT]: 2 },
    callbacks: { "UtxoCacheTrace.destroy": 2 },
  });
  await leave(node, exporter);
});

test("a reconnect does not shorten the pause", async () => {
  await using node = await ReferenceNode.start();
  await using exporter = await session(node, { ...options, ...budget({ FIRST_PAUSE_MS: 15_000 }) });
  await coins(node);
  await exporter.waitFor(ACTIVE, 0);
  await node.drop();
  await exporter.waitFor("bitcoin_ipc_connects_total", 2);
  const start = performance.now();
  await exporter.waitUntil("two seconds", () => performance.now() - start > 2_000);
  expect(await node.stats()).toMatchObject({ subscriptions: 1, calls: { [TRACE]: 1 } });
  expect((await exporter.metrics()).get(ACTIVE)).toBe(0);
});

test("with --trace-budget 100 the trace never pauses", async () => {
  await using node = await ReferenceNode.start();
  await using exporter = await session(node, { ...budget(), args: ["--trace-budget", "100"] });
  const count = 20_000;
  let fired = 0;
  let metrics = await exporter.metrics();
  // More than the window.
  while (metrics.get(BUSY)! < 0.6) {
    await node.fire("UtxoCacheTrace.add", coin(3), { count, depth: 16 });
    fired += count;
    metrics = await exporter.metrics();
  }
  expect(metrics.get(ACTIVE)).toBe(1);
  expect(metrics.get(COINS)).toBe(fired);
  expect((await node.stats()).calls[DISCONNECT]).toBeUndefined();
});

describe("on a signal", () => {
  test("while the trace ends under load, the exporter requests its end once", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, options);
    await node.hang(DISCONNECT);
    const volley = coins(node);
    await called(node, DISCONNECT);
    exporter.signal("SIGTERM");
    await exporter.logs(/^SIGTERM: disconnecting from the node$/);
    await node.clear();
    await expectCleanDisconnect(node, exporter);
    await volley;
    expect((await node.stats()).calls[DISCONNECT]).toBe(2);
  });

  test("during the pause, the exporter only ends the notifications", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, options);
    await coins(node);
    await exporter.waitFor(ACTIVE, 0);
    await leave(node, exporter);
    expect((await node.stats()).calls[DISCONNECT]).toBe(2);
  });
});

test("an end of the trace that the node refuses is requested again", async () => {
  await using node = await ReferenceNode.start();
  await using exporter = await session(node, options);
  await node.fail(DISCONNECT, "failed", "for the test");
  const volley = coins(node);
  const refused = await exporter.waitUntil("two refusals", (metrics) => callErrors(metrics, DISCONNECT) >= 2);
  expect(refused.get(ACTIVE)).toBe(1);
  expect((await node.stats()).subscriptions).toBe(2);
  await node.clear();
  await volley;
  await exporter.waitFor(ACTIVE, 0);
  await node.waitFor("unsubscribed");
  expect(await node.stats()).toMatchObject({ subscriptions: 1, calls: { [TRACE]: 1 } });
});

describe("bitcoin_utxo_trace_active", () => {
  test.each(["--no-utxo-trace", "--no-subscribe"])("has no sample with %s", async (flag) => {
    await using node = await ReferenceNode.start();
    await using exporter = await ExporterProcess.start(node.socketPath, { args: [flag] });
    await exporter.connected();
    const metrics = await exporter.polled();
    expect(metrics.has(ACTIVE)).toBe(false);
    expect(metrics.has(COINS)).toBe(false);
  });

  test("has no sample while the node is unreachable, and is 0 in initial block download", async () => {
    const ibd = "Chain.isInitialBlockDownload";
    await using node = await ReferenceNode.start();
    await node.answer(ibd, { result: true });
    await node.hang("Init.construct");
    await using exporter = await ExporterProcess.start(node.socketPath);
    expect((await exporter.metrics()).has(ACTIVE)).toBe(false);
    await node.clear("Init.construct");
    await exporter.waitFor(ACTIVE, 0);
    await node.answer(ibd, { result: false });
    await registered(node);
    await exporter.waitFor(ACTIVE, 1);
    await node.hang("Init.construct");
    await node.drop();
    const gone = await exporter.waitFor("bitcoin_ipc_up", 0);
    expect(gone.has(ACTIVE)).toBe(false);
    await node.clear();
    await exporter.waitFor(ACTIVE, 1);
  });
});
