import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readCapability } from "../src/node/calls.ts";
import { handshake, type NodeCapabilities } from "../src/node/handshake.ts";
import { singleRpc } from "../src/node/json-rpc.ts";
import { warmupStatus } from "../src/node/readiness.ts";
import { connectUnix } from "../src/node/socket.ts";
import { importOf } from "../src/rpc/capability.ts";
import type { Connection } from "../src/rpc/connection.ts";
import { Chain$Client, ChainNotifications$Server } from "../src/schema/chain.ts";
import { Echo$Client } from "../src/schema/echo.ts";
import { Handler$Client } from "../src/schema/handler.ts";
import { Init$Client } from "../src/schema/init.ts";
import { Mining$Client } from "../src/schema/mining.ts";
import { type Context, Thread$Client, ThreadMap$Client } from "../src/schema/mp/proxy.ts";
import { Node$Client } from "../src/schema/node.ts";
import { type SimulatedNode, startSimulatedNode } from "./simulated-node.ts";

const [, echo] = Echo$Client.methods;
const [, disconnect] = Handler$Client.methods;
const [construct, makeEcho, makeMiningOld2, makeMining] = Init$Client.methods;
const [, getHeight, getBlockHash] = Chain$Client.methods;
const handleNotifications = Chain$Client.methods[39];
const [, , getTip, waitTipChanged] = Mining$Client.methods;
const executeRpc = Node$Client.methods[42];
const [makeThread] = ThreadMap$Client.methods;

let folder: string;
let node: SimulatedNode;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "simulated-node-test-"));
  node = startSimulatedNode({ socketPath: join(folder, "node.sock") });
  await node.ready();
});
afterEach(async () => {
  await node.stop();
  await rm(folder, { recursive: true });
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

/** What a call is rejected with. */
function failure(results: Promise<unknown>): Promise<unknown> {
  // Not expect().rejects: while that waits, Bun takes a rejection that is about to be handled for an unhandled one.
  return results.then(
    () => undefined,
    (error) => error,
  );
}

/** Registers an object whose methods all do `answer`, and resolves to its handler. */
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
  const { threads, chain, init, makeMining } = await connect();
  expect(await threads.call(chain!, getHeight)).toMatchObject({ result: node.height, hasResult: true });
  const mining = await makeMining();
  const tip = (await threads.call(mining, getTip)).result;
  expect(tip.height).toBe(node.height);
  // What the exporter does not ask goes past its table of calls.
  const read = (results: { threadMap: ThreadMap$Client }) => importOf(results.threadMap.client);
  const threadMap = await init.ask(construct, undefined, { read }).results;
  const thread = await threadMap.ask(makeThread, undefined, { read: readCapability }).results;
  const onThread = (params: { _initContext(): Context }) => {
    params._initContext().thread = new Thread$Client(thread);
  };
  const atTip = await chain!.ask(getBlockHash, (params) => {
    onThread(params);
    params.height = node.height;
  }).results;
  expect(atTip.result.toUint8Array()).toEqual(tip.hash.toUint8Array());
  const echoes = await init.ask(makeEcho, onThread, { read: readCapability }).results;
  const { result } = await echoes.ask(echo, (params) => {
    onThread(params);
    params.echo = "hello";
  }).results;
  expect(result).toBe("hello");
});

test("answers like a node what it does not have", async () => {
  const { init, threads, node: nodeObject } = await connect();
  const mining = await threads.call(init, makeMining, undefined, { read: readCapability });
  expect(await failure(threads.call(mining, waitTipChanged))).toMatchObject({ kind: "unimplemented" });
  expect(await failure(init.ask(makeMiningOld2).results)).toMatchObject({
    kind: "failed",
    message: expect.stringContaining("Old mining interface (@2) not supported."),
  });
  const { rpcError } = await threads.call(nodeObject!, executeRpc, (params) => {
    params.command = "stop";
  });
  expect(JSON.parse(rpcError)).toEqual({ code: -32601, message: "Method not found" });
});

test("runs a method only on a thread that it made", async () => {
  const { chain, init } = await connect();
  const invalid = { kind: "failed", message: "invalid thread handle" };
  expect(await failure(chain!.ask(getHeight).results)).toMatchObject(invalid);
  const wrong = chain!.ask(getHeight, (params) => {
    params._initContext().thread = new Thread$Client(init);
  });
  expect(await failure(wrong.results)).toMatchObject(invalid);
});

test("tells one event at a time, and waits for each answer", async () => {
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
  expect(node.told.count()).toBe(calls.length);
});

test("tells every client, and tallies what was answered with results only", async () => {
  const [first, second] = [await connect(), await connect()];
  const calls: string[] = [];
  await subscribe(first, async (method) => void calls.push(method));
  await subscribe(second, async () => {
    throw new Error("not today");
  });
  await node.flush();
  expect(calls).toEqual(["chainStateFlushed"]);
  expect(node.told.count("chainStateFlushed")).toBe(1);
});

test("a handler that is disconnected waits for the call that is on its way, then for destroy, then lets go", async () => {
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
  const disconnected = client.threads.call(handler, disconnect);
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
  await Bun.sleep(20);
  expect(node.uncleanLeaves).toBe(0);
});

test("notices a client that goes with something registered", async () => {
  const client = await connect();
  await subscribe(client, async () => {});
  expect(node.subscriptions).toBe(1);
  client.connection.close();
  await node.flush();
  await Bun.sleep(20);
  expect(node).toMatchObject({ uncleanLeaves: 1, subscriptions: 0 });
});

test("while it starts, says so, and notices a call that would end a real node", async () => {
  await node.stop();
  node = startSimulatedNode({ socketPath: node.socketPath, warmupMs: 200 });
  const client = await connect();
  expect(await warmupStatus(singleRpc(client.threads, client.node!))).toBe("Loading block index…");
  expect(await failure(client.threads.call(client.chain!, getHeight))).toMatchObject({ kind: "failed" });
  await node.ready();
  expect(await warmupStatus(singleRpc(client.threads, client.node!))).toBeUndefined();
  expect(node.fatalCalls).toBe(1);
});

test("drops its clients when it stops, and has the same chain when it starts again", async () => {
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
  expect(node.told.count("blockConnected")).toBe(1);
});
