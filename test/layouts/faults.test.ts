// Methods of the node that are missing, refused, broken or slow: each costs its own families, and the rest works.

import { describe, expect, test } from "bun:test";
import { compileFirst } from "../executable/sessions.ts";
import { failedCalls } from "../exporter-process.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import { nodeUntil, session, startExporter, watching } from "./sessions.ts";

compileFirst();

/** A layout with batches, and one with a call for each method. */
const LAYOUTS = [
  ["v32", "Rpc.executeRpc"],
  ["pr/trace", "Node.executeRpc"],
] as const;

describe.each([...LAYOUTS])("on %s", (layout, executeRpc) => {
  test("a method that the node does not have is called once, and logged once", async () => {
    await using node = await ReferenceNode.start({ layout });
    await node.rpcError("getnetworkinfo", -32601, "Method not found");
    await using exporter = await session(node);
    const { rpcCalls } = await nodeUntil("four polls", node, ({ rpcCalls }) => (rpcCalls["listbanned"] ?? 0) >= 4);
    // Once more on v32, for its version.
    expect(rpcCalls["getnetworkinfo"]).toBe(layout === "v32" ? 2 : 1);
    expect(exporter.log.filter((line) => line.includes("getnetworkinfo"))).toEqual([
      "the node does not support getnetworkinfo; its metrics have no sample on this connection",
    ]);
    const metrics = await exporter.metrics();
    expect(failedCalls(metrics)).toEqual({});
    expect(metrics.has("bitcoin_network_active")).toBe(false);
    expect(metrics.get("bitcoin_banned_subnets")).toBe(0);

    // The next node may have it.
    await using next = await node.restart(layout);
    await exporter.waitFor("bitcoin_network_active", 1);
    expect((await next.stats()).rpcCalls["getnetworkinfo"]).toBeGreaterThan(0);
  });

  test("a method that fails is called again at each poll, and its families come back", async () => {
    await using node = await ReferenceNode.start({ layout });
    await using exporter = await session(node);
    await exporter.waitFor("bitcoin_network_active", 1);
    await node.rpcError("getnetworkinfo", -1, "not now");
    const metrics = await exporter.waitUntil(
      "three failures",
      (metrics) => failedCalls(metrics)["getnetworkinfo"]! >= 3,
    );
    expect(Object.keys(failedCalls(metrics))).toEqual(["getnetworkinfo"]);
    expect(metrics.has("bitcoin_network_active")).toBe(false);
    expect(metrics.get("bitcoin_banned_subnets")).toBe(0);
    expect(metrics.get("bitcoin_ipc_up")).toBe(1);
    await node.rpc("getnetworkinfo", { networkactive: false });
    await exporter.waitFor("bitcoin_network_active", 0);
  });

  test("a malformed answer costs only the families that it would fill", async () => {
    await using node = await ReferenceNode.start({ layout });
    await node.rpc("listbanned", "what");
    await node.rpc("getnetworkinfo", { networkactive: true, version: "thirty" });
    await using exporter = await session(node);
    const metrics = await exporter.waitUntil(
      "failures",
      (metrics) => failedCalls(metrics)["getnetworkinfo"]! > 0 && failedCalls(metrics)["listbanned"]! > 0,
    );
    expect(metrics.has("bitcoin_banned_subnets")).toBe(false);
    expect(metrics.get("bitcoin_network_active")).toBe(1);
  });

  test("while JSON-RPC fails its families have no sample, and come back with it", async () => {
    await using node = await ReferenceNode.start({ layout });
    await using exporter = await session(node);
    await exporter.waitFor("bitcoin_network_active", 1);
    await node.fail(executeRpc, "failed", "std::exception: not now");
    // One after the other: each method is called alone once the batch has failed.
    const metrics = await exporter.waitUntil(
      "failures",
      (metrics) => !metrics.has("bitcoin_network_active") && !metrics.has("bitcoin_uptime_seconds"),
    );
    expect(metrics.get("bitcoin_ipc_up")).toBe(1);
    // Chain or Mining reports it.
    expect(metrics.get("bitcoin_chain_height")).toBe(120);
    await node.clear();
    await exporter.waitFor("bitcoin_network_active", 1);
    expect(await node.stats()).toMatchObject({ connections: 1, threadViolations: 0 });
  });

  test("a slow method delays no other, and its late answers are shown", async () => {
    await using node = await ReferenceNode.start({ layout });
    await using exporter = await session(node, { args: ["--call-timeout", "1"] });
    await exporter.waitFor("bitcoin_network_active", 1);
    await node.delay("rpc:getnetworkinfo", 1_500);
    await exporter.waitUntil("the method is late", (metrics) => failedCalls(metrics)["getnetworkinfo"]! > 0);
    await node.rpc("getnetworkinfo", { networkactive: false });
    const metrics = await exporter.waitFor("bitcoin_network_active", 0);
    expect(metrics.get("bitcoin_banned_subnets")).toBe(0);
    await node.rpc("getnetworkinfo", { networkactive: true });
    await node.clear();
    await exporter.waitFor("bitcoin_network_active", 1);
    expect(await node.stats()).toMatchObject({ connections: 1, threadViolations: 0 });
  });
});

test("while Mining is late, the values of JSON-RPC are shown", async () => {
  await using node = await ReferenceNode.start({ layout: "v32" });
  await node.hang("Init.makeMining");
  await using exporter = await startExporter(node, { args: ["--call-timeout", "1"] });
  const metrics = await exporter.waitFor("bitcoin_network_active", 1);
  expect(metrics.get("bitcoin_ipc_up")).toBe(1);
  expect(metrics.has("bitcoin_chain_height")).toBe(false);
  await node.clear();
  await watching(node, 1);
  await node.tip({ hash: "ab".repeat(32), height: 121 });
  // Its header is unknown, so the blocks cannot be counted.
  await exporter.waitUntil("a failure", (metrics) => Object.keys(failedCalls(metrics)).length > 0);
});
