// Stock nodes that are starting: the exporter calls nothing that needs the chain before the node has loaded it.

import { describe, expect, test } from "bun:test";
import { compileFirst, leave } from "../executable/sessions.ts";
import { exporterWith } from "../exporter-command.ts";
import { ExporterProcess } from "../exporter-process.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import { nodeUntil, polled, shownLayouts, startExporter } from "./sessions.ts";

compileFirst();

/** The exporter checks every 50 ms whether the node has started, instead of every second. */
const options = exporterWith({ "session/readiness": { WARMUP_INTERVAL_MS: 50 } });

test.each(["v32", "pr-29409", "ipc-2026-02", "pr/trace"] as const)(
  "a starting %s node receives only the check whether it has started",
  async (layout) => {
    await using node = await ReferenceNode.start({ layout });
    await node.warmup("Loading block index…");
    await using exporter = await ExporterProcess.start(node.socketPath, options);
    const { calls, rpcCalls, threadViolations } = await nodeUntil(
      "five checks",
      node,
      ({ rpcCalls }) => rpcCalls["uptime"]! >= 5,
    );
    expect(Object.keys(rpcCalls)).toEqual(["uptime"]);
    const needingTheChain = /^(Mining|Tracing|Chain\.(?!shutdownRequested)|Node\.(?!shutdownRequested|executeRpc))/;
    expect(Object.keys(calls).filter((method) => needingTheChain.test(method))).toEqual([]);
    expect(threadViolations).toBe(0);
    const metrics = await exporter.metrics();
    expect(metrics.get("bitcoin_ipc_up")).toBe(0);
    expect(metrics.get("bitcoin_ipc_connects_total")).toBe(0);
    expect(metrics.has("bitcoin_chain_height")).toBe(false);
    expect(shownLayouts(metrics)).toEqual([]);
    await node.warmup("Verifying blocks…");
    await nodeUntil("more checks", node, (stats) => stats.rpcCalls["uptime"]! >= rpcCalls["uptime"]! + 3);
    await node.warmup("");
    expect(shownLayouts(await polled(exporter))).toEqual([layout]);
    expect(exporter.log.slice(1).map((line) => line.replace(/: layout .*/, ""))).toEqual([
      "waiting for the node to start: Loading block index…",
      `connected to the node at ${node.socketPath}`,
    ]);
  },
);

describe("a v30 node whose process is not visible", () => {
  const layout = "v30";
  test("receives no calls while its socket is new", async () => {
    await using node = await ReferenceNode.start({ layout });
    await using exporter = await ExporterProcess.start(node.socketPath);
    await exporter.logs(
      /^waiting (300|299) s for the node to start: its socket is new, and the process behind the socket is not bitcoin-node but /,
    );
    // Long enough for a first poll.
    await Bun.sleep(300);
    const { calls } = await node.stats();
    expect(Object.keys(calls).sort()).toEqual([
      "Init.construct",
      "Init.makeEcho",
      "Init.makeMining",
      "ThreadMap.makeThread",
    ]);
    expect((await exporter.metrics()).get("bitcoin_ipc_up")).toBe(0);
    await leave(node, exporter);
  });

  test("is polled when its socket is old enough", async () => {
    await using node = await ReferenceNode.start({ layout });
    await using exporter = await ExporterProcess.start(
      node.socketPath,
      exporterWith({ "session/start-grace": { START_GRACE_MS: 5_000 } }),
    );
    await exporter.logs(/^waiting [1-5] s for the node to start/);
    expect(shownLayouts(await polled(exporter))).toEqual([layout]);
  });
});

test("the exporter waits for a v31 node, which answers once its chain is loaded, and disconnects from it meanwhile", async () => {
  await using node = await ReferenceNode.start({ layout: "v31" });
  await node.hang("Init.makeMining");
  await using exporter = await startExporter(node);
  await exporter.logs(/^waiting for the node to start: its chain is not loaded yet$/);
  const { calls } = await node.stats();
  expect(Object.keys(calls).sort()).toEqual([
    "Init.construct",
    "Init.makeEcho",
    "Init.makeMining",
    "ThreadMap.makeThread",
  ]);
  expect((await exporter.metrics()).get("bitcoin_ipc_up")).toBe(0);
  await node.clear();
  expect(shownLayouts(await polled(exporter))).toEqual(["v31"]);

  await node.hang("Init.makeMining");
  await using other = await startExporter(node);
  await nodeUntil("Mining is requested", node, ({ calls }) => calls["Init.makeMining"] === 2);
  other.signal("SIGTERM");
  expect(await other.ended()).toMatchObject({ exitCode: 0 });
});
