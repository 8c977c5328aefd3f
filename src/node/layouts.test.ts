import { beforeAll, describe, expect, test } from "bun:test";
import { eventLog } from "../../test/builders/event-log.ts";
import { eventually } from "../../test/eventually.ts";
import { buildReferenceNode, buildTimeoutMs } from "../../test/reference-node/build.ts";
import { type ReferenceClient, session } from "../../test/reference-node/client.ts";
import { type Layout, ReferenceNode, referenceLayouts, type Stats } from "../../test/reference-node/reference-node.ts";
import { DeadlineError, RpcError } from "../rpc/errors.ts";
import { CALLS } from "./calls.ts";
import { NodeClient } from "./client.ts";
import { LAYOUTS, type LayoutName, layoutNamed, UnknownLayoutError } from "./layouts.ts";
import { connectUnix } from "./socket.ts";

beforeAll(buildReferenceNode, buildTimeoutMs);

const names = Object.keys(LAYOUTS) as LayoutName[];

/** The calls that detect each layout, and then those for the rest. */
const MADE: Record<LayoutName, readonly string[]> = {
  "pr/trace": ["makeChain", "makeNode", "makeTracing"],
  "ipc-2026-02": ["makeNode", "makeChain"],
  v30: ["makeMining"],
  v31: [],
  v32: ["makeRpc"],
  "pr-29409": ["makeRpc", "makeChain", "makeNode"],
};

/** The calls that confirm the layout of --layout. */
const CONFIRMED: Record<LayoutName, readonly string[]> = {
  "pr/trace": ["Chain.shutdownRequested"],
  "ipc-2026-02": [],
  v30: [],
  v31: [],
  v32: [],
  "pr-29409": ["Rpc.executeRpc"],
};

test("the reference node has every layout", () => {
  expect([...referenceLayouts].sort()).toEqual([...names].sort());
});

test("a layout has its name, and the former one is an alias", () => {
  expect(names.map(layoutNamed)).toEqual(names);
  expect(layoutNamed("master")).toBe("v32");
  for (const other of ["", "toString", "V30"]) expect(layoutNamed(other)).toBeUndefined();
});

describe.each(names)("a node of layout %s", (name) => {
  test("is detected by the interfaces that it returns, and survives", async () => {
    await using node = await ReferenceNode.start({ layout: name });
    for (let connection = 1; connection <= 2; connection++) {
      using client = await session(node);
      expect(client.layout).toBe(name);
      await expectUsable(client);
    }
    const stats = await node.stats();
    expect(stats).toMatchObject({ connections: 2, walletLoaderCalls: 0, threadViolations: 0, uncleanLeaves: 0 });
    const twice = Object.fromEntries(MADE[name].map((method) => [method, 2]));
    // The Mining of a layout that has more than that is made when it is wanted: here by expectUsable.
    expect(initCalls(stats)).toEqual({ construct: 2, makeEcho: 2, makeMining: 2, ...twice });
  });

  test("receives only calls that avoid makeWalletLoader when --layout names it", async () => {
    await using node = await ReferenceNode.start({ layout: name });
    using client = await session(node, { layout: name });
    expect(client.layout).toBe(name);
    const { calls, walletLoaderCalls } = await node.stats();
    expect(walletLoaderCalls).toBe(0);
    const made = MADE[name].filter((method) => !method.startsWith("makeMining")).map((method) => `Init.${method}`);
    const expected = ["Init.construct", "ThreadMap.makeThread", "Init.makeEcho", ...made, ...CONFIRMED[name]];
    expect(Object.keys(calls).sort()).toEqual(expected.sort());
    await expectUsable(client);
  });

  test("gets all capabilities back", async () => {
    await using node = await ReferenceNode.start({ layout: name });
    const client = await session(node);
    const { init, threads, chain, node: nodeObject, tracing, rpc } = client;
    const mining = await client.makeMining();
    for (const owned of [mining, rpc, tracing, nodeObject, chain, threads, init]) owned?.close();
    // Releases are sent in order, so an answer to a later question says that they came.
    const last = await client.connection.bootstrap();
    const { live } = await node.stats();
    expect(Object.entries(live).filter(([, count]) => count > 0)).toEqual([["Init", 1]]);
    last.close();
    client[Symbol.dispose]();
  });
});

/** A fault, the layout that has it, and what the error contains of it, in order. */
const UNKNOWN: [fault: string, layout: Layout, seen: RegExp[]][] = [
  [
    "has neither what others have at @4 nor any Mining",
    "echo-only",
    [/^Init@4: .*not implemented/i, /Init@3: .*not implemented/i, /Init@2: .*Old mining interface/],
  ],
  [
    "has something else where others have Chain, Node or Rpc",
    "tracing-at-4",
    [
      /^Init@4 exists$/,
      /chain\.capnp:Chain: Requested interface not implemented.*actualInterfaceName = tracing\.capnp:Tracing/,
      /node\.capnp:Node: Requested interface not implemented/,
      /rpc\.capnp:Rpc: Requested interface not implemented/,
    ],
  ],
];

describe("a node of no known layout", () => {
  test.each(UNKNOWN)("because it %s: the error has the node's answers", async (_, layout, seen) => {
    await using node = await ReferenceNode.start({ layout });
    const mining = async () => (await session(node)).makeMining();
    const error = await failure(mining());
    expect(error).toBeInstanceOf(UnknownLayoutError);
    expect(error.message).toStartWith("the node has none of the known IPC layouts: Init@4");
    const parts = error.message.slice(error.message.indexOf("Init@4")).split(/; (?=Init@|\w+\.capnp:\w+: )/);
    expect(parts).toHaveLength(seen.length);
    for (const [index, part] of parts.entries()) expect(part).toMatch(seen[index]!);
    expect(await node.stats()).toMatchObject({ walletLoaderCalls: 0, threadViolations: 0 });
    // It lives on.
    expect(await failure(mining())).toBeInstanceOf(UnknownLayoutError);
  });

  test("because it refuses what it has", async () => {
    await using node = await ReferenceNode.start({ layout: "v32" });
    await node.fail("Init.makeRpc", "failed", "std::exception: Old RPC interface (@4) not supported.");
    expect(await failure(session(node))).toEqual(
      new UnknownLayoutError(
        "the node has none of the known IPC layouts: Init@4: std::exception: Old RPC interface (@4) not supported.",
      ),
    );
  });
});

describe("a node with Rpc is a v32 node, whatever Init@5 is", () => {
  const FIFTH = ["Init.makeChain", "Init.makeTracing", "Init.registerExternalSigner"];

  /** How often Init@5 was called. */
  async function fifthCalls(node: ReferenceNode): Promise<number> {
    const { calls, walletLoaderCalls } = await node.stats();
    expect(walletLoaderCalls).toBe(0);
    return FIFTH.reduce((sum, method) => sum + (calls[method] ?? 0), 0);
  }

  test.each(["tracing-at-5", "signer-at-5"] as const)("%s", async (layout) => {
    await using node = await ReferenceNode.start({ layout });
    using client = await session(node);
    expect([client.layout, client.chain, client.node]).toEqual(["v32", undefined, undefined]);
    expect(await fifthCalls(node)).toBe(1);
    await expectUsable(client);
    const { live } = await node.stats();
    expect(live["Tracing"] ?? 0).toBe(0);
  });

  const CHAIN_NOT_IMPLEMENTED = [
    "Chain.shutdownRequested",
    "unimplemented",
    "Requested interface not implemented.",
  ] as const;
  test.each([
    ["Init.makeChain", "failed", "std::exception: no signer"],
    ["Init.makeChain", "overloaded", "not now"],
    CHAIN_NOT_IMPLEMENTED,
  ] as const)("%s fails: %s", async (method, kind, reason) => {
    await using node = await ReferenceNode.start({ layout: "pr-29409" });
    await node.fail(method, kind, reason);
    using client = await session(node);
    expect(client.layout).toBe("v32");
  });

  test.each(["Init.makeChain", "Chain.shutdownRequested"])(
    "%s hangs, and the client closes without waiting",
    async (method) => {
      await using node = await ReferenceNode.start({ layout: "pr-29409" });
      await node.hang(method);
      using client = await session(node);
      expect(client.layout).toBe("v32");
      await client.threads.quiet();
      await node.clear();
    },
  );

  test.each([320_000, 320_100, 329_899, 330_000])("release %d needs no further calls", async (version) => {
    await using node = await ReferenceNode.start({ layout: "pr-29409" });
    await node.release(version);
    using client = await session(node);
    expect(client.layout).toBe("v32");
    expect(await fifthCalls(node)).toBe(0);
  });

  test.each([319_900, 329_900, 310_100, 0])("version %d is not such a release", async (version) => {
    await using node = await ReferenceNode.start({ layout: "pr-29409" });
    await node.release(version);
    using client = await session(node);
    expect(client.layout).toBe("pr-29409");
  });

  test("the version is unknown, as the whitelist refuses it", async () => {
    await using node = await ReferenceNode.start({ layout: "tracing-at-5" });
    await node.answer("Rpc.executeRpc", { result: "null" });
    using client = await session(node);
    expect(client.layout).toBe("v32");
    expect(await fifthCalls(node)).toBe(1);
  });

  test("the node disconnects meanwhile", async () => {
    await using node = await ReferenceNode.start({ layout: "pr-29409" });
    await node.hang("Init.makeChain");
    const failed = failure(session(node));
    await eventually("Init@5 is called", async () => (await fifthCalls(node)) > 0);
    await node.drop();
    expect(await failed).toMatchObject({ name: "RpcError", kind: "disconnected" });
  });

  test("the detection continues once the node has started", async () => {
    await using node = await ReferenceNode.start({ layout: "pr-29409" });
    await node.warmup("Loading block index…");
    const connection = await connectUnix(node.socketPath, { deadlineMs: 20_000, onEnd: () => {} });
    const { chain, utxoCache } = eventLog();
    const client = await NodeClient.open(connection, { chain, utxoCache }, { callTimeoutMs: 10_000 });
    expect(await client.warmupStatus()).toBe("Loading block index…");
    expect([client.layout, client.hasNotifications, await fifthCalls(node)]).toEqual(["v32", false, 0]);
    await node.warmup("");
    expect(await client.warmupStatus()).toBeUndefined();
    expect([client.layout, client.hasNotifications, await fifthCalls(node)]).toEqual(["pr-29409", true, 1]);
    expect(await client.queries?.getHeight()).toBe(120);
    expect(await client.leave(5000)).toBe(true);
    await node.waitFor("disconnected");
    expect((await node.stats()).live).toMatchObject({ Chain: 0, Node: 0, Rpc: 0 });
  });
});

describe("answers that do not depend on the layout are ignored", () => {
  test("an existing method that fails shows that its interface exists", async () => {
    await using node = await ReferenceNode.start({ layout: "pr/trace" });
    await node.fail("Chain.shutdownRequested", "failed", "std::exception: no chainman");
    using client = await session(node);
    expect(client.layout).toBe("pr/trace");
  });

  test.each([
    ["pr/trace", "Chain.shutdownRequested"],
    ["ipc-2026-02", "Node.shutdownRequested"],
    ["pr-29409", "Chain.shutdownRequested"],
  ] as const)("an interface of a node of %s that lacks %s is that interface", async (layout, method) => {
    await using node = await ReferenceNode.start({ layout });
    await node.remove(method);
    using client = await session(node);
    expect(client.layout).toBe(layout);
  });

  test.each(["overloaded", "disconnected"] as const)("a call that is answered as %s", async (kind) => {
    await using node = await ReferenceNode.start({ layout: "v30" });
    await node.fail("Init.makeMining", kind, "not now");
    const error = await failure(session(node));
    expect(error).toBeInstanceOf(RpcError);
    expect(error).toMatchObject({ kind, message: expect.stringContaining("not now") });
    await node.clear();
    using client = await session(node);
    expect(client.layout).toBe("v30");
  });

  test("a call that is late", async () => {
    await using node = await ReferenceNode.start({ layout: "pr/trace" });
    await node.hang("Chain.shutdownRequested");
    expect(await failure(session(node, { deadlineMs: 50 }))).toBeInstanceOf(DeadlineError);
  });

  test("the end of the connection", async () => {
    await using node = await ReferenceNode.start({ layout: "pr/trace" });
    await node.hang("Init.makeChain");
    const failed = failure(session(node));
    await eventually("Init.makeChain is called", async () => (await node.stats()).calls["Init.makeChain"] === 1);
    await node.drop();
    expect(await failed).toMatchObject({ name: "RpcError", kind: "disconnected" });
  });
});

describe.each(["v31", "v32"] as const)("Mining of a node of layout %s that is starting", (layout) => {
  test("is waited for beyond the timeout of other calls, and the layout is known before", async () => {
    await using node = await ReferenceNode.start({ layout });
    await node.delay("Init.makeMining", 300);
    using client = await session(node, { deadlineMs: 200 });
    expect(client.layout).toBe(layout);
    const mining = await client.makeMining();
    expect((await client.threads.call(mining, CALLS.mining.getTip)).result.height).toBe(120);
  });

  test("does not delay a disconnect", async () => {
    await using node = await ReferenceNode.start({ layout });
    await node.hang("Init.makeMining");
    using client = await session(node);
    const making = failure(client.makeMining());
    await eventually("Init.makeMining is called", async () => (await node.stats()).calls["Init.makeMining"] === 1);
    await client.threads.quiet();
    client.connection.close();
    expect(await making).toMatchObject({ name: "RpcError", kind: "disconnected" });
    await node.clear();
  });
});

test("a layout that the node does not have is refused by it", async () => {
  await using node = await ReferenceNode.start({ layout: "v31" });
  expect(await failure(session(node, { layout: "v32" }))).toMatchObject({ name: "RpcError", kind: "unimplemented" });
  using client = await session(node);
  expect(client.layout).toBe("v31");
});

test.each(names)("whatever --layout names on a node of %s, makeWalletLoader is not called", async (name) => {
  await using node = await ReferenceNode.start({ layout: name });
  for (const said of names) {
    const outcome = await session(node, { layout: said }).catch((error: Error) => error);
    if (outcome instanceof Error) expect(["RpcError", "UnknownLayoutError"]).toContain(outcome.name);
    else outcome[Symbol.dispose]();
  }
  expect(await node.stats()).toMatchObject({ connections: names.length, walletLoaderCalls: 0, threadViolations: 0 });
});

test("a layout with more interfaces is refused when the node turns out to have another", async () => {
  await using node = await ReferenceNode.start({ layout: "ipc-2026-02" });
  const error = await failure(session(node, { layout: "pr/trace" }));
  expect(error).toBeInstanceOf(UnknownLayoutError);
  expect(error.message).toMatch(
    /^the node does not have the layout pr\/trace: Init@4 exists; .*Requested interface not implemented/,
  );
});

/** Every interface that the node returned answers as the interface that it should be. */
async function expectUsable(client: ReferenceClient): Promise<void> {
  const { layout, threads, chain, node, tracing, rpc } = client;
  const handedOut = Object.entries({ chain, node, tracing, rpc }).flatMap(([name, object]) => (object ? [name] : []));
  expect(["mining", ...handedOut].sort()).toEqual(Object.keys(LAYOUTS[layout]).sort());
  if (chain !== undefined) expect((await threads.call(chain, CALLS.chain.getHeight)).result).toBe(120);
  if (node !== undefined) expect((await threads.call(node, CALLS.node.getNodeCount)).result).toBe(0n);
  if (rpc !== undefined) expect((await threads.call(rpc, CALLS.rpc.executeRpc)).result).toContain("-32600");
  const mining = await client.makeMining();
  expect((await threads.call(mining, CALLS.mining.getTip)).result.height).toBe(120);
}

/** Init's methods → how often they were called. */
function initCalls({ calls }: Stats): Record<string, number> {
  const counts = Object.entries(calls).filter(([method]) => method.startsWith("Init."));
  return Object.fromEntries(counts.map(([method, count]) => [method.slice("Init.".length), count]));
}

async function failure(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("it did not fail");
}
