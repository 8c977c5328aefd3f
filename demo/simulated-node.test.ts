import { afterEach, beforeEach, expect, test } from "bun:test";
import { join } from "node:path";
import { CallTimeouts } from "../src/node/call-timeouts.ts";
import { CALLS, makeMethod, readCapability } from "../src/node/calls.ts";
import { handshake, type NodeCapabilities } from "../src/node/handshake.ts";
import { singleRpc } from "../src/node/json-rpc.ts";
import { connectUnix } from "../src/node/socket.ts";
import { warmupStatus } from "../src/node/warmup.ts";
import type { Connection } from "../src/rpc/connection.ts";
import { ChainNotifications$Server } from "../src/schema/chain.ts";
import { Thread$Client } from "../src/schema/mp/proxy.ts";
import { temporaryFolder } from "../test/temporary-folder.ts";
import { type SimulatedNode, startSimulatedNode } from "./simulated-node.ts";

const { getHeight, handleNotifications } = CALLS.chain;
const { getTip, waitTipChanged } = CALLS.mining;

const folder = temporaryFolder();
let node: SimulatedNode;
beforeEach(async () => {
  node = startSimulatedNode({ socketPath: join(folder, "node.sock") });
  await node.ready();
});
afterEach(async () => {
  await node.stop();
});

interface TestClient extends NodeCapabilities {
  readonly connection: Connection;
  /** Resolves with the reason when the connection has ended. */
  readonly ended: Promise<Error>;
}

async function connect(): Promise<TestClient> {
  const { promise: ended, resolve } = Promise.withResolvers<Error>();
  const connection = await connectUnix(node.socketPath, { deadlineMs: 2000, onEnd: resolve });
  return { connection, ended, ...(await handshake(connection)) };
}

/** The error of a call. */
function failure(results: Promise<unknown>): Promise<unknown> {
  // Not expect().rejects: Bun would report the rejection as unhandled while that waits.
  return results.then(
    () => undefined,
    (error) => error,
  );
}

/** Subscribes an object whose methods all call `answer`, and resolves to its handler. */
async function subscribe({ threads, chain }: TestClient, answer: (method: string) => Promise<void>) {
  const server = new ChainNotifications$Server({
    destroy: () => answer("destroy"),
    transactionAddedToMempool: () => answer("transactionAddedToMempool"),
    transactionRemovedFromMempool: () => answer("transactionRemovedFromMempool"),
    blockConnected: () => answer("blockConnected"),
    blockDisconnected: () => answer("blockDisconnected"),
    updatedBlockTip: () => answer("updatedBlockTip"),
    chainStateFlushed: () => answer("chainStateFlushed"),
  });
  const fill = (params: { notifications: unknown }) => Object.assign(params, { notifications: server.client() });
  return threads.call(chain!, handleNotifications, fill, { read: readCapability });
}

test("answers from its chain", async () => {
  const { threads, chain, makeMining } = await connect();
  expect(await threads.call(chain!, getHeight)).toMatchObject({ result: node.height, hasResult: true });
  const { result: tip } = await threads.call(await makeMining(), getTip);
  expect(tip.height).toBe(node.height);
  expect(tip.hash.toUint8Array()).toHaveLength(32);
});

test("answers unknown methods as a node does", async () => {
  const { init, threads, node: nodeObject } = await connect();
  const mining = await threads.call(init, makeMethod(3), undefined, { read: readCapability });
  expect(await failure(threads.call(mining, waitTipChanged))).toMatchObject({ kind: "unimplemented" });
  expect(await failure(init.ask(makeMethod(2)).results)).toMatchObject({
    kind: "failed",
    message: expect.stringContaining("Old mining interface (@2) not supported."),
  });
  const { rpcError } = await threads.call(nodeObject!, CALLS.node.executeRpc, (params) => {
    params.command = "stop";
  });
  expect(JSON.parse(rpcError)).toEqual({ code: -32601, message: "Method not found" });
});

test("runs methods only on a thread that it made", async () => {
  const { chain, init } = await connect();
  const invalid = { kind: "failed", message: "invalid thread handle" };
  expect(await failure(chain!.ask(getHeight).results)).toMatchObject(invalid);
  const wrong = chain!.ask(getHeight, (params) => {
    params._initContext().thread = new Thread$Client(init);
  });
  expect(await failure(wrong.results)).toMatchObject(invalid);
});

test("sends one event at a time, and waits for each answer", async () => {
  const client = await connect();
  const calls: string[] = [];
  let inside = 0;
  await subscribe(client, async (method) => {
    calls.push(method);
    expect(++inside).toBe(1);
    await Bun.sleep(1);
    inside--;
  });
  void node.addTransaction();
  void node.replaceTransaction();
  void node.mineBlock();
  await node.reorg(1);
  await node.flush();
  expect(calls).toEqual([
    "transactionAddedToMempool",
    "transactionRemovedFromMempool",
    "transactionAddedToMempool",
    "blockConnected",
    "updatedBlockTip",
    "blockDisconnected",
    "blockConnected",
    "blockConnected",
    "updatedBlockTip",
    "chainStateFlushed",
  ]);
  expect(node.reported.count()).toBe(calls.length);
});

test("notifies every client, and counts only events that were answered with results", async () => {
  const [first, second] = [await connect(), await connect()];
  const calls: string[] = [];
  await subscribe(first, async (method) => void calls.push(method));
  await subscribe(second, async () => {
    throw new Error("not today");
  });
  await node.flush();
  expect(calls).toEqual(["chainStateFlushed"]);
  expect(node.reported.count("chainStateFlushed")).toBe(1);
});

test("disconnecting a handler waits for the pending call, then for destroy, then releases the object", async () => {
  const client = await connect();
  const calls: string[] = [];
  const arrived = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const handler = await subscribe(client, async (method) => {
    calls.push(method);
    arrived.resolve();
    await gate.promise;
  });
  const { imports } = client.connection.sizes;
  const told = Promise.all([node.flush(), node.flush()]);
  const disconnected = client.threads.call(handler, CALLS.handler.disconnect);
  await arrived.promise;
  await Bun.sleep(20);
  expect(calls).toEqual(["chainStateFlushed"]);
  expect(client.connection.sizes.exports).toBe(1);
  gate.resolve();
  await disconnected;
  await told;
  expect(calls).toEqual(["chainStateFlushed", "destroy"]);
  expect(client.connection.sizes).toEqual({ questions: 0, answers: 0, imports, exports: 0 });
  client.connection.close();
  // The node sees the end before it answers another client.
  (await connect()).connection.close();
  expect(node.uncleanLeaves).toBe(0);
});

test("counts a client that disconnects without unsubscribing", async () => {
  const client = await connect();
  await subscribe(client, async () => {});
  expect(node.subscriptions).toBe(1);
  client.connection.close();
  while (node.subscriptions > 0) await Bun.sleep(5);
  expect(node).toMatchObject({ uncleanLeaves: 1, subscriptions: 0 });
});

test("reports its start, and counts a call that crashes a real node", async () => {
  await node.stop();
  node = startSimulatedNode({ socketPath: node.socketPath, warmupMs: 200 });
  const client = await connect();
  const timeouts = new CallTimeouts(5000);
  expect(await warmupStatus(singleRpc(client.threads, client.node!, timeouts))).toBe("Loading block index…");
  expect(await failure(client.threads.call(client.chain!, getHeight))).toMatchObject({ kind: "failed" });
  await node.ready();
  expect(await warmupStatus(singleRpc(client.threads, client.node!, timeouts))).toBeUndefined();
  expect(node.fatalCalls).toBe(1);
});

test("drops its clients when it stops, and has the same chain after the next start", async () => {
  const client = await connect();
  await subscribe(client, async () => {});
  await node.mineBlock();
  const { height } = node;
  await node.stop();
  expect((await client.ended).message).toBe("the node closed the socket");
  expect(await failure(connect())).toMatchObject({ code: "ENOENT" });
  await node.mineBlock();
  node.start();
  const again = await connect();
  expect((await again.threads.call(again.chain!, getHeight)).result).toBe(height + 1);
  expect(node).toMatchObject({ uncleanLeaves: 0, subscriptions: 0 });
  expect(node.reported.count("blockConnected")).toBe(1);
});
