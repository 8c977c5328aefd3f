// The reference node by itself, without a client: that it builds, starts, and refuses what it should.

import { beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { CALLS } from "../../src/node/calls.ts";
import { makeInterface } from "../../src/node/layouts.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { buildReferenceNode, buildTimeoutMs } from "./build.ts";
import { session } from "./client.ts";
import { type Layout, ReferenceNode, referenceLayouts } from "./reference-node.ts";

const folder = temporaryFolder();

beforeAll(buildReferenceNode, buildTimeoutMs);

// The segment table (one segment of five words); a Message of one data word, its tag 8 (bootstrap), and one pointer, to
// a Bootstrap with question id 0.
const words = [0x0000_0005_0000_0000n, 0x0001_0001_0000_0000n, 8n, 0x0001_0001_0000_0000n, 0n, 0n];
const bootstrapFrame = new Uint8Array(new BigUint64Array(words).buffer);

describe("reference node", () => {
  test("listens, reports empty stats and leaves nothing behind", async () => {
    const node = await ReferenceNode.start();
    expect(existsSync(node.socketPath)).toBe(true);
    expect(await node.stats()).toEqual({
      connections: 0,
      liveConnections: 0,
      uncleanLeaves: 0,
      interruptedCalls: 0,
      threadViolations: 0,
      subscriptions: 0,
      calls: {},
      callbacks: {},
      live: {},
      walletLoaderCalls: 0,
      rpcCalls: {},
      waitTimeouts: [],
    });
    await node.stop();
    expect(existsSync(node.socketPath)).toBe(false);
    await node.stop();
  });

  test("returns Init to a client that bootstraps, and takes it back", async () => {
    await using node = await ReferenceNode.start();
    const received = Promise.withResolvers<Buffer>();
    const socket = await Bun.connect({
      unix: node.socketPath,
      socket: { data: (_, bytes) => received.resolve(Buffer.from(bytes)) },
    });
    expect(await node.waitFor("connected")).toEqual({ event: "connected", connection: 1 });
    socket.write(bootstrapFrame);
    const frame = await received.promise;
    expect(frame.length).toBe(96); // as long as the real node's
    expect(frame.readUInt16LE(16)).toBe(3); // Message's tag: return
    expect(await node.stats()).toMatchObject({ liveConnections: 1, live: { Init: 1 } });
    socket.end();
    expect(await node.waitFor("disconnected")).toEqual({ event: "disconnected", connection: 1, how: "clean" });
    expect(await node.stats()).toMatchObject({ connections: 1, liveConnections: 0, live: { Init: 0 } });
  });

  test("drops connections", async () => {
    await using node = await ReferenceNode.start();
    const closed = Promise.withResolvers<void>();
    await Bun.connect({ unix: node.socketPath, socket: { data() {}, close: () => closed.resolve() } });
    await node.waitFor("connected");
    await node.drop();
    await closed.promise;
    expect(await node.waitFor("disconnected")).toMatchObject({ how: "dropped" });
  });

  test("checks commands against the schema", async () => {
    await using node = await ReferenceNode.start();
    await node.answer("Node.getMempoolSize", { result: 12 });
    await node.answer("Node.getTotalBytesRecv", { result: "9223372036854775807" });
    await expect(node.answer("Node.getMempoolSize", { size: 12 })).rejects.toThrow("Unknown field");
    await expect(node.answer("Node.getMempoolSizes", {})).rejects.toThrow("unknown method");
    await expect(node.answer("Mining.getTip", { result: { hash: "xyz" } })).rejects.toThrow("not hex");
    await expect(node.hang("getMempoolSize")).rejects.toThrow("unknown method");
    await expect(node.fire("ChainNotifications.updatedBlockTip", {})).rejects.toThrow("no client is subscribed");
    await expect(node.fire("ChainNotifications.updatedBlockTip", {}, { depth: 0 })).rejects.toThrow("depth");
    await expect(node.answer("Init.makeWallet", {})).rejects.toThrow("unknown method");
    await node.tip({ hash: "ab".repeat(32), height: 5 });
    await node.rpc("getblockhash", "ab", [1]);
    await node.rpcError("getblockhash", -8, "Block height out of range");
    await node.hang("rpc:getblockhash");
    await node.hang("Init.makeRpc");
    await node.remove("Chain.shutdownRequested");
    await expect(node.remove("rpc:getblockhash")).rejects.toThrow("unknown method");
    await node.fail("Node.getMempoolSize", "overloaded", "busy");
    await node.clear("Node.getMempoolSize");
    await node.clear();
  });

  test("answers every line once, with its id", async () => {
    const command = [await buildReferenceNode(), join(folder, "node.sock")];
    const child = Bun.spawn(command, { stdin: "pipe", stdout: "pipe" });
    const lines = [
      "not json",
      "[]",
      '{"id":7}',
      '{"id":8,"cmd":"nonsense"}',
      '{"id":9,"cmd":"delay","method":"Chain.getHeight","ms":-1}',
      '{"id":10,"cmd":"fail","method":"Chain.getHeight","kind":"sad"}',
      '{"id":11,"cmd":"clear"}',
      '{"cmd":"exit","id":12}',
    ];
    child.stdin.write(`${lines.join("\n")}\n`);
    child.stdin.flush();
    const output = (await child.stdout.text()).trimEnd().split("\n");
    const [listening, ...replies] = output.map((line) => JSON.parse(line) as { id: number; error?: string });
    expect(listening).toMatchObject({ event: "listening" });
    expect(replies.map((reply) => reply.id)).toEqual([0, 0, 7, 8, 9, 10, 11, 12]);
    expect(replies.map((reply) => "error" in reply)).toEqual([true, true, true, true, true, true, false, false]);
    expect(await child.exited).toBe(0);
  });

  test("refuses an unknown layout", async () => {
    await expect(ReferenceNode.start({ layout: "pr/none" as Layout })).rejects.toThrow("unknown layout");
  });

  test.each(referenceLayouts)("restarts as %s where it was", async (layout) => {
    await using node = await ReferenceNode.start({ layout: "echo-only" });
    await using again = await node.restart(layout);
    expect(again.socketPath).toBe(node.socketPath);
    await expect(node.stats()).rejects.toThrow("it has ended");
    const socket = await Bun.connect({ unix: node.socketPath, socket: { data() {} } });
    await again.waitFor("connected");
    socket.end();
  });

  test("a killed node rejects what waits for it", async () => {
    const node = await ReferenceNode.start();
    const event = node.waitFor("connected");
    await node.kill();
    await expect(event).rejects.toThrow("it has ended");
    expect(existsSync(node.socketPath)).toBe(true);
    await using again = await ReferenceNode.start({ socketPath: node.socketPath });
    expect(again.socketPath).toBe(node.socketPath);
  });
});

describe("a node that is not quite of its layout", () => {
  test.each([
    ["tracing-at-5", "makeTracing"],
    ["signer-at-5", "registerExternalSigner"],
  ] as const)("%s has %s at @5", async (layout, method) => {
    await using node = await ReferenceNode.start({ layout });
    using client = await session(node, { layout: "v31" });
    const outcome = await failure(makeInterface(client.init, client.threads, 5));
    expect(outcome?.message).toEqual(layout === "tracing-at-5" ? undefined : "std::exception: no signer to register");
    expect((await node.stats()).calls[`Init.${method}`]).toBe(1);
    await node.fail(`Init.${method}`, "failed", "not now");
    expect(await failure(makeInterface(client.init, client.threads, 5))).toMatchObject({ message: "not now" });
    await node.clear();
    await node.hang(`Init.${method}`);
    expect(await failure(makeInterface(client.init, client.threads, 5, { deadlineMs: 50 }))).toMatchObject({
      name: "DeadlineError",
    });
  });

  test("a removed method is refused as the runtime refuses it, until it is cleared", async () => {
    await using node = await ReferenceNode.start();
    using client = await session(node, { layout: "pr/trace" });
    const ask = () => client.threads.call(client.chain!, CALLS.chain.shutdownRequested);
    await node.remove("Chain.shutdownRequested");
    expect(await failure(ask())).toMatchObject({
      kind: "unimplemented",
      message: expect.stringMatching(/^.*Method not implemented.*; interfaceName = chain\.capnp:Chain; /),
    });
    await node.clear("Chain.shutdownRequested");
    expect(await failure(ask())).toBeUndefined();
  });

  test("its release is the one that was set", async () => {
    await using node = await ReferenceNode.start({ layout: "v32" });
    using client = await session(node, { layout: "v32" });
    const version = async () => {
      const request = JSON.stringify({ method: "getnetworkinfo" });
      const { result } = await client.threads.call(client.rpc!, CALLS.rpc.executeRpc, (params) => {
        params.request = request;
      });
      const { version, subversion } = JSON.parse(result).result;
      return { version, subversion };
    };
    expect(await version()).toEqual({ version: 309900, subversion: "/Satoshi:30.99.0/" });
    await node.release(320001);
    expect(await version()).toEqual({ version: 320001, subversion: "/Satoshi:32.0.1/" });
  });
});

/** What a promise rejects with; undefined when it resolves. */
function failure(promise: Promise<unknown>): Promise<Error | undefined> {
  return promise.then(
    () => undefined,
    (error: Error) => error,
  );
}
