// The node disconnects and comes back: which metrics keep their values meanwhile, and what the log has, and how often.

import { describe, expect, test } from "bun:test";
import { mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { eventually } from "../eventually.ts";
import { ExporterProcess, failedCalls } from "../exporter-process.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import {
  CONNECT_STEPS,
  called,
  coin,
  compileFirst,
  connectedLine,
  leave,
  POLLED_METRICS,
  polledMetrics,
  registered,
  session,
  withFirstPause,
} from "./sessions.ts";

compileFirst();

const options = { ...withFirstPause(100), args: ["--debug", "--poll-interval", "0.1"] };
/** Each twice as long as the one before, plus up to a quarter at random. */
const FIRST_PAUSES = [/ 0\.1 s$/, / 0\.[23] s$/, / 0\.[45] s$/, / (0\.[89]|1\.0) s$/];

describe.concurrent("the node", () => {
  test("is killed and started again", async () => {
    const node = await ReferenceNode.start();
    await using exporter = await session(node, options);
    await count(node);
    await node.kill();
    await expectAway(exporter);
    await exporter.logs(/^cannot reach the node at \S+: connection refused \(ECONNREFUSED\); next attempt in/, 4);

    await using again = await ReferenceNode.start({ socketPath: node.socketPath });
    await expectBack(again, exporter, 2);
    const [first, lost, ...attempts] = ownLines(exporter);
    expect([first, lost, attempts.pop()]).toEqual([
      connectedLine(node),
      expect.stringMatching(LOST),
      connectedLine(node),
    ]);
    for (const [index, line] of attempts.slice(0, 3).entries()) {
      expect(line).toMatch(/^cannot reach the node at \S+: connection refused \(ECONNREFUSED\); next attempt in/);
      expect(line).toMatch(FIRST_PAUSES[index + 1]!);
    }
    await leave(again, exporter);
  });

  test("is stopped and started again", async () => {
    const node = await ReferenceNode.start();
    const { socketPath } = node;
    await using exporter = await session(node, options);
    await count(node);
    await node.stop();
    await expectAway(exporter);
    await exporter.logs(/^cannot reach the node at \S+: no such file or directory \(ENOENT\); next attempt in/, 3);

    await mkdir(dirname(socketPath));
    await using again = await ReferenceNode.start({ socketPath });
    await expectBack(again, exporter, 2);
  });

  test("drops the connection, again and again", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, { ...options, ...withFirstPause(100, 0) });
    await count(node);
    for (let sessions = 2; sessions <= 5; sessions++) {
      await node.drop();
      expect((await node.waitFor("disconnected")).how).toBe("dropped");
      await registered(node);
      await exporter.waitFor("bitcoin_ipc_connects_total", sessions);
    }
    // The pause after a stable session is the first again.
    const lost = exporter.log.filter((line) => line.startsWith("lost the node"));
    expect(lost).toHaveLength(4);
    for (const line of lost) expect(line).toMatch(FIRST_PAUSES[0]!);
    await expectCounted(exporter, 1);
    expect(await node.stats()).toMatchObject({ connections: 5, liveConnections: 1, subscriptions: 2 });
  });

  test("drops each connection soon: the pauses grow, and two sessions are logged", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, options);
    for (let drops = 1; drops <= FIRST_PAUSES.length; drops++) {
      await node.drop();
      expect((await node.waitFor("disconnected")).how).toBe("dropped");
      await registered(node);
    }
    await exporter.waitFor("bitcoin_ipc_connects_total", FIRST_PAUSES.length + 1);
    const lost = exporter.log.filter((line) => line.startsWith("lost the node"));
    expect(lost).toEqual(FIRST_PAUSES.map((pause) => expect.stringMatching(pause)));
    expect(exporter.log.filter((line) => line.startsWith("connected"))).toEqual(Array(2).fill(connectedLine(node)));
  });

  test("drops the connection in the middle of callbacks", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, options);
    // The calls under way fail.
    const volley = node.fire("UtxoCacheTrace.add", COIN, { count: 100_000, depth: 16 }).catch(() => {});
    await exporter.waitUntil("coins are counted", (metrics) => metrics.get("bitcoin_utxo_cache_add_total")! > 100);
    await node.drop();
    await volley;
    await registered(node);
    const counted = (await exporter.metrics()).get("bitcoin_utxo_cache_add_total")!;
    await node.fire("UtxoCacheTrace.add", COIN, { count: 7 });
    expect((await exporter.metrics()).get("bitcoin_utxo_cache_add_total")).toBe(counted + 7);
  });

  test("drops the connection in the middle of a poll", async () => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, options);
    await node.hang("Node.getNodeCount");
    const { calls } = await node.stats();
    await called(node, "Node.getNodeCount", calls["Node.getNodeCount"]! + 1);
    await node.drop();
    await node.clear();
    await registered(node);
    const metrics = await exporter.polled();
    // Calls that end with the connection are not failed calls.
    expect(failedCalls(metrics)).toEqual({});
    expect(polledMetrics(metrics)).toEqual(POLLED_METRICS);
  });

  test("drops the connection at every step of connecting", async () => {
    await using node = await ReferenceNode.start();
    for (const method of CONNECT_STEPS) await node.hang(method);
    await using exporter = await ExporterProcess.start(node.socketPath, withFirstPause(5));
    for (const method of CONNECT_STEPS) {
      await called(node, method);
      await node.drop();
      expect((await node.waitFor("disconnected")).how).toBe("dropped");
      await node.clear(method);
    }
    await registered(node);
    await exporter.waitFor("bitcoin_ipc_connects_total", 1);
    expect(await node.stats()).toMatchObject({ connections: CONNECT_STEPS.length + 1, liveConnections: 1 });
    expect(exporter.log.filter((line) => line.startsWith("cannot reach the node"))).toHaveLength(1);
  });

  test("has not started yet", async () => {
    const { socketPath } = await stopped();
    await using exporter = await ExporterProcess.start(socketPath, options);
    await exporter.logs(/^cannot reach the node/, 4);
    const attempts = exporter.log.filter((line) => line.includes("cannot reach the node")).slice(0, 4);
    expect(attempts[0]).toStartWith(`cannot reach the node at ${socketPath}: no such file or directory (ENOENT); `);
    for (const [index, line] of attempts.entries()) expect(line).toMatch(FIRST_PAUSES[index]!);
    const metrics = await exporter.metrics();
    expect(metrics.get("bitcoin_ipc_up")).toBe(0);
    expect(metrics.get("bitcoin_ipc_connects_total")).toBe(0);
    expect(polledMetrics(metrics)).toEqual([]);

    await using node = await ReferenceNode.start({ socketPath });
    await registered(node);
    expect((await exporter.connected()).get("bitcoin_ipc_connects_total")).toBe(1);
  });
});

test("without --debug the log has one line for each state, and for each reason why the node is unreachable", async () => {
  const node = await ReferenceNode.start();
  await using exporter = await session(node, withFirstPause(5));
  await node.kill();
  await rm(node.socketPath);
  let attempts = 0;
  const refusing = Bun.listen({
    unix: node.socketPath,
    socket: {
      open(socket) {
        attempts++;
        socket.end();
      },
      data() {},
    },
  });
  await eventually("six attempts", () => attempts >= 6);
  refusing.stop(true);
  await using again = await ReferenceNode.start({ socketPath: node.socketPath });
  await registered(again);
  await exporter.waitFor("bitcoin_ipc_connects_total", 2);
  const [first, lost, ...rest] = exporter.log.slice(1);
  expect([first, lost, rest.pop()]).toEqual([connectedLine(node), expect.stringMatching(LOST), connectedLine(node)]);
  const reasons = rest.map((line) => /^cannot reach the node at \S+: (.*); next attempt in \S+ s$/.exec(line)?.[1]);
  expect(reasons).not.toBeEmpty();
  for (const reason of reasons) expect(AWAY).toContain(reason!);
  expect(new Set(reasons).size).toBe(reasons.length);
});

/** A node that ran before. */
async function stopped(): Promise<ReferenceNode> {
  const node = await ReferenceNode.start();
  await node.stop();
  await mkdir(dirname(node.socketPath));
  return node;
}

const COIN = coin("9007199254740993");

/** The error of a closed socket depends on the bytes in flight. */
const LOST = /^lost the node: (the node closed the socket|.*connection reset by peer.*); next attempt in 0\.[01] s$/;

/** The reasons that attempts find while a node restarts: one or more of them, depending on the moment. */
const AWAY = [
  "the node closed the socket",
  "connection refused (ECONNREFUSED)",
  "connection reset by peer (ECONNRESET)",
  "no such file or directory (ENOENT)",
];

/** Some of each: what `expectCounted` looks for. */
async function count(node: ReferenceNode): Promise<void> {
  await node.fire("ChainNotifications.blockConnected", { role: { validated: true }, block: { hash: 32, height: 7 } });
  await node.fire("ChainNotifications.transactionRemovedFromMempool", { tx: 400, reason: 5 }, { count: 2 });
  await node.fire("UtxoCacheTrace.spend", COIN, { count: 3 });
}

/** The events of so many calls of `count` are counted. The height has a sample after the first block of this session. */
async function expectCounted(exporter: ExporterProcess, times: number, height?: string): Promise<void> {
  const samples = await exporter.samples();
  expect(samples.get("bitcoin_blocks_connected_total")).toBe(String(times));
  expect(samples.get("bitcoin_block_height")).toBe(height);
  expect(samples.get("bitcoin_mempool_tx_removed_total")).toBe(String(2 * times));
  expect(samples.get('bitcoin_mempool_tx_removed_by_reason_total{reason="replaced"}')).toBe(String(2 * times));
  expect(samples.get("bitcoin_utxo_cache_spend_total")).toBe(String(3 * times));
  expect(samples.get("bitcoin_utxo_cache_spend_value_total")).toBe(String(3n * 9_007_199_254_740_993n * BigInt(times)));
}

/** While the node is unreachable, polled values have no sample and event counters keep their values. */
async function expectAway(exporter: ExporterProcess): Promise<void> {
  const metrics = await exporter.waitFor("bitcoin_ipc_up", 0);
  expect(polledMetrics(metrics)).toEqual([]);
  expect(metrics.get("bitcoin_ipc_connects_total")).toBe(1);
  await expectCounted(exporter, 1);
}

/** The exporter is connected to the node again, and counts its events. */
async function expectBack(node: ReferenceNode, exporter: ExporterProcess, sessions: number): Promise<void> {
  await registered(node);
  const metrics = await exporter.polled();
  expect(metrics.get("bitcoin_ipc_up")).toBe(1);
  expect(metrics.get("bitcoin_ipc_connects_total")).toBe(sessions);
  expect(polledMetrics(metrics)).toEqual(POLLED_METRICS);
  await count(node);
  await expectCounted(exporter, 2, "7");
}

/** The lines that the log also has without --debug. */
function ownLines(exporter: ExporterProcess): string[] {
  return exporter.log.slice(1).filter((line) => /^(connected|lost|cannot)/.test(line));
}
