// A stuck reader of stderr costs log lines, but no time of the node. Other processes share the open file behind stderr.

import { describe, expect, test } from "bun:test";
import { constants, readFileSync } from "node:fs";
import { join } from "node:path";
import { compiledExporter } from "../exporter-command.ts";
import { ExporterProcess } from "../exporter-process.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { Terminal } from "../terminal.ts";
import {
  callBack,
  coin,
  compileFirst,
  expectNothingLeft,
  LEAVE_DEADLINE_MS,
  POLLED_METHODS,
  session,
} from "./sessions.ts";

compileFirst();

/** Many polls, which fill the log. */
const DEBUG = ["--debug", "--poll-interval", "0.1"];
const DROPPED = "bitcoin_ipc_exporter_log_lines_dropped_total";

/** Fills the pipe, what this process has read ahead of it, and what the exporter holds back: some 1.2 MB of failed polls. */
async function fillLog(node: ReferenceNode, exporter: ExporterProcess): Promise<void> {
  exporter.pauseLog();
  for (const method of POLLED_METHODS) await node.fail(method, "failed", "for the test ".repeat(2_000));
  await exporter.waitUntil("lines are dropped", (metrics) => metrics.get(DROPPED)! > 0);
  await node.clear();
}

test("callbacks are answered and counted, lines are dropped and counted", async () => {
  const calls = 2_000;
  await using node = await ReferenceNode.start();
  await using exporter = await session(node, { args: DEBUG });
  await exporter.logs(/^tracing the UTXO cache$/);
  await fillLog(node, exporter);
  const before = (await exporter.polled()).get(DROPPED)!;
  await callBack(node, "UtxoCacheTrace.add", coin(1), { count: calls, depth: 16 });
  // Polls and scrapes continue, too.
  const metrics = await exporter.polled();
  expect(metrics.get("bitcoin_utxo_cache_add_total")).toBe(calls);
  expect(metrics.get("bitcoin_mempool_size")).toBe(0);
  // Some short lines fit where a long one did not.
  expect(metrics.get(DROPPED)! - before).toBeGreaterThan(calls / 2);

  // When the reader continues, it reads how many lines are missing, and then the next ones.
  exporter.resumeLog();
  await exporter.logs(/^log lines dropped here: \d+ \(stderr was not read\)$/);
  await node.fire("ChainNotifications.updatedBlockTip", {});
  await exporter.logs(/^block tip updated$/);
  const drops = exporter.log.map((line) => Number(/^log lines dropped here: (\d+)/.exec(line)?.[1] ?? 0));
  const missing = drops.reduce((sum, count) => sum + count, 0);
  expect((await exporter.metrics()).get(DROPPED)).toBe(missing);
  const coins = exporter.log.filter((line) => line.startsWith("utxo cache add: "));
  expect(coins.length).toBeLessThan(calls);
  expect(coins.length + missing).toBeGreaterThan(calls);
  // Lines are whole.
  expect(new Set(coins).size).toBeLessThanOrEqual(1);
});

test("the exit is not delayed", async () => {
  await using node = await ReferenceNode.start();
  await using exporter = await session(node, { args: DEBUG });
  await fillLog(node, exporter);
  const volley = node.fire("UtxoCacheTrace.add", coin(1), { count: 1_000_000, depth: 16 });
  await exporter.waitUntil("coins move", (metrics) => metrics.get("bitcoin_utxo_cache_add_total")! > 100);
  exporter.signal("SIGTERM");
  const { exitCode, durationMs } = await exporter.ended();
  expect(exitCode).toBe(0);
  expect(durationMs).toBeLessThan(LEAVE_DEADLINE_MS);
  await expectNothingLeft(node);
  await volley;
});

test("the exporter survives a reader that exits", async () => {
  await using node = await ReferenceNode.start();
  // The shell becomes the exporter, whose first line alone is read.
  const command = ["bash", "-c", 'exec "$0" "$@" 2> >(exec head -n 1 >&2)', ...(await compiledExporter())];
  await using exporter = await session(node, { args: DEBUG, command });
  await exporter.waitUntil("lines are dropped", (metrics) => metrics.get(DROPPED)! > 0);
  await node.fire("UtxoCacheTrace.add", coin(1), { count: 500, depth: 16 });
  expect((await exporter.polled()).get("bitcoin_utxo_cache_add_total")).toBe(500);
  exporter.signal("SIGTERM");
  const { exitCode, durationMs } = await exporter.ended();
  expect(exitCode).toBe(0);
  expect(durationMs).toBeLessThan(LEAVE_DEADLINE_MS);
  await expectNothingLeft(node);
});

describe("the flags of the open file behind stderr do not change", () => {
  const folder = temporaryFolder();
  const NO_NODE = join(folder, "node.sock");

  /** O_NONBLOCK is a flag of the open file, so the next program that uses the file would find it set. */
  function isNonBlocking(pid: number): boolean {
    const [, flags] = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/2`, "latin1"))!;
    return (Number.parseInt(flags!, 8) & constants.O_NONBLOCK) !== 0;
  }

  // The shell becomes the exporter.
  test.each([
    ["a pipe", 'exec "$0" "$@" 2> >(exec cat >&2)'],
    ["a socket, as for the journal", 'exec "$0" "$@"'],
    ["a file", `> ${folder}/log; (exec tail -f --pid=$$ ${folder}/log >&2) & exec "$0" "$@" 2>> ${folder}/log`],
  ])("when it is %s", async (_, script) => {
    const command = ["bash", "-c", script, ...(await compiledExporter())];
    await using exporter = await ExporterProcess.start(NO_NODE, { command });
    await exporter.logs(/^cannot reach the node/);
    expect(isNonBlocking(exporter.pid)).toBe(false);
  });

  test("when it is a terminal", async () => {
    await using terminal = new Terminal();
    terminal.type(`${await compiledExporter()} ${NO_NODE} --metrics-addr 127.0.0.1:0 & echo "pid=$!"`);
    const [, pid] = await terminal.shows(/pid=(\d+)/);
    await terminal.shows(/ cannot reach the node/);
    expect(isNonBlocking(Number(pid))).toBe(false);
    terminal.type("kill %1");
    await terminal.shows(/ disconnected\r/);
  });
});
