import { afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { raw } from "../../test/builders/json.ts";
import { eventually } from "../../test/eventually.ts";
import { buildReferenceNode, buildTimeoutMs } from "../../test/reference-node/build.ts";
import { type ReferenceClient, session } from "../../test/reference-node/client.ts";
import { type Layout, ReferenceNode } from "../../test/reference-node/reference-node.ts";
import { DeadlineError, ResultsTooLargeError, RpcError } from "../rpc/errors.ts";
import { CallTimeouts } from "./call-timeouts.ts";
import { type RpcMethod, whitelistFor } from "./calls.ts";
import { Decimal } from "./decimal.ts";
import type { JsonValue } from "./json.ts";
import {
  AnswerTooLargeError,
  batchRpc,
  callRpc,
  type Failure,
  failureOf,
  isPermanent,
  type JsonRpc,
  JsonRpcError,
  MAX_ANSWER_BYTES,
  RefusedError,
  type RpcOutcome,
  rpcOver,
  singleRpc,
} from "./json-rpc.ts";
import type { Threads } from "./server-threads.ts";

beforeAll(buildReferenceNode, buildTimeoutMs);

/** Long enough for what is answered, on a busy machine. */
const DEADLINE_MS = 2000;

let node: ReferenceNode;
let client: ReferenceClient;
let rpc: JsonRpc;

async function start(layout: Layout): Promise<void> {
  node = await ReferenceNode.start({ layout });
  client = await session(node, { deadlineMs: DEADLINE_MS });
  rpc = rpcOf(client, DEADLINE_MS);
}

function rpcOf({ threads, rpc, node }: ReferenceClient, timeoutMs: number): JsonRpc {
  const uncanceled = threads.uncanceled(timeoutMs);
  const timeouts = new CallTimeouts(timeoutMs);
  return rpc === undefined ? singleRpc(uncanceled, node!, timeouts) : batchRpc(uncanceled, rpc, timeouts);
}

afterEach(async () => {
  client[Symbol.dispose]();
  await node.stop();
});

const SOURCES: [source: string, layout: Layout, callsForThree: number][] = [
  ["Rpc.executeRpc", "v32", 1],
  ["Rpc.executeRpc", "pr-29409", 1],
  ["Node.executeRpc", "pr/trace", 3],
  ["Node.executeRpc", "ipc-2026-02", 3],
];

describe.each(SOURCES)("%s of a node of layout %s", (source, layout, callsForThree) => {
  beforeEach(() => start(layout));

  test("answers several methods in order", async () => {
    await node.rpc("uptime", 77);
    await node.rpc("getindexinfo", { txindex: { synced: true } });
    const before = await node.stats();
    const requests = [{ method: "uptime" }, { method: "getindexinfo" }, { method: "getpeerinfo" }] as const;
    const outcomes: readonly unknown[] = await rpc.callAll(requests);
    expect(outcomes).toEqual([{ result: 77 }, { result: { txindex: { synced: true } } }, { result: [] }]);
    // The first time each on its own, whatever the source.
    const first = await node.stats();
    expect(first.calls[source]! - (before.calls[source] ?? 0)).toBe(3);
    expect(first.rpcCalls).toEqual({ ...before.rpcCalls, uptime: 1, getindexinfo: 1, getpeerinfo: 1 });
    expect(await rpc.callAll(requests)).toEqual(outcomes as RpcOutcome[]);
    const { calls, rpcCalls, threadViolations } = await node.stats();
    expect(calls[source]! - first.calls[source]!).toBe(callsForThree);
    expect(rpcCalls).toEqual({ ...before.rpcCalls, uptime: 2, getindexinfo: 2, getpeerinfo: 2 });
    expect(threadViolations).toBe(0);
  });

  test("answers as the parameters have it", async () => {
    await node.rpc("getblockhash", "aa", [1]);
    await node.rpc("getblockhash", "bb", [2]);
    await node.rpc("getblockstats", { txs: 3 }, ["aa", ["txs", "ins"]]);
    expect(await callRpc(rpc, "getblockhash", [2])).toBe("bb");
    expect(await callRpc(rpc, "getblockhash", [1])).toBe("aa");
    expect(await callRpc(rpc, "getblockstats", ["aa", ["txs", "ins"]])).toEqual({ txs: 3 });
  });

  test("keeps every digit", async () => {
    const digits = [
      "0.00001000",
      "20999999.97690000",
      "1e-8",
      "18446744073709551615",
      "4.656542373906925e-10",
      "-0.10",
    ];
    await node.rpc("getmempoolinfo", { numbers: digits.map(raw), text: "0.10" });
    expect(await callRpc(rpc, "getmempoolinfo")).toEqual({
      numbers: digits.map((text) => new Decimal(text)),
      text: "0.10",
    });
  });

  test("takes any text", async () => {
    const text = 'ö "quoted" \\ \u0001 \u{1F642} %s \n';
    await node.rpc("getnetworkinfo", { warnings: [text] });
    expect(await callRpc(rpc, "getnetworkinfo")).toEqual({ warnings: [text] });
  });

  test("a method that answers null has a result", async () => {
    await node.rpc("getchaintips", null);
    expect(await rpc.callAll([{ method: "getchaintips" }])).toEqual([{ result: null }]);
  });

  test("a method that fails costs itself only", async () => {
    await node.rpcError("getblockstats", -1, "Block not available (pruned data)");
    await node.rpcError("getindexinfo", -32601, "Method not found");
    await node.fail("rpc:getpeerinfo", "failed", "std::bad_alloc");
    const requests = (["getblockstats", "uptime", "getindexinfo", "getpeerinfo", "listbanned"] as const).map(
      (method) => ({ method }),
    );
    const outcomes = await rpc.callAll(requests);
    expect(outcomes.map((outcome) => ("error" in outcome ? outcome.error.message : "fine"))).toEqual([
      "getblockstats: Block not available (pruned data)",
      "fine",
      "getindexinfo: Method not found",
      "getpeerinfo: std::bad_alloc",
      "fine",
    ]);
    const errors = outcomes.flatMap((outcome) => ("error" in outcome ? [outcome.error as JsonRpcError] : []));
    expect(errors.map((error) => [error.code, failureOf(error)])).toEqual([
      [-1, "no-data"],
      [-32601, "missing"],
      [-1, "passing"],
    ]);
    await expect(callRpc(rpc, "getblockstats", ["aa"])).rejects.toThrow(JsonRpcError);
  });

  test("a starting node answers every method with that", async () => {
    await node.warmup("Loading block index…");
    const outcomes = await rpc.callAll([{ method: "uptime" }, { method: "getblockchaininfo" }]);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ error: { name: "JsonRpcError", code: -28 } });
      expect(failureOf((outcome as { error: Error }).error)).toBe("starting");
    }
    await node.warmup("");
    expect(await callRpc(rpc, "uptime")).toEqual(12);
  });

  test("rejects once the node has disconnected, or does not answer", async () => {
    client[Symbol.dispose]();
    client = await session(node);
    rpc = rpcOf(client, 100);
    await node.hang(source);
    await expect(callRpc(rpc, "uptime")).rejects.toBeInstanceOf(DeadlineError);
    client.connection.close();
    await expect(callRpc(rpc, "getpeerinfo")).rejects.toMatchObject({ name: "RpcError", kind: "disconnected" });
    await node.clear();
  });
});

describe("a batch", () => {
  const two = [{ method: "uptime" }, { method: "getpeerinfo" }] as const;
  beforeEach(async () => {
    await start("v32");
    // Only methods that were answered before share a batch.
    await rpc.callAll(two);
  });

  test("is over when its slowest method is", async () => {
    await node.hang("rpc:getpeerinfo");
    let isOver = false;
    const batch = rpc.callAll(two).finally(() => {
      isOver = true;
    });
    await eventually("the node runs the batch", async () => (await node.stats()).rpcCalls["getpeerinfo"] === 2);
    expect(isOver).toBe(false);
    await node.clear("rpc:getpeerinfo");
    expect((await batch).map((outcome) => "result" in outcome)).toEqual([true, true]);
  });

  test("is late as a whole", async () => {
    await node.hang("rpc:getpeerinfo");
    const late = await rpc.callAll(two);
    for (const outcome of late) expect(outcome).toMatchObject({ error: { name: "DeadlineError" } });
    expect((await node.stats()).rpcCalls).toMatchObject({ uptime: 2, getpeerinfo: 2 });
    // The thread that it hangs on is left alone.
    expect(await callRpc(rpc, "uptime")).toEqual(12);
    expect((await node.stats()).threadViolations).toBe(0);
    // On the next call, only the hanging method fails.
    const outcomes = await rpc.callAll(two);
    expect(outcomes.map((outcome) => "result" in outcome)).toEqual([true, false]);
    expect(outcomes[1]).toMatchObject({ error: { name: "DeadlineError" } });
    await node.clear();
  });

  test("that throws fails as a whole", async () => {
    await node.fail("Rpc.executeRpc", "failed", "std::exception: no");
    for (const outcome of await rpc.callAll(two)) expect(outcome).toMatchObject({ error: { kind: "failed" } });
  });

  test("may be empty", async () => {
    expect(await rpc.callAll([])).toEqual([]);
  });

  test("may be answered in any order, and with unrequested replies", async () => {
    const replies = [
      { jsonrpc: "2.0", result: ["peer"], id: 1 },
      { jsonrpc: "2.0", result: "whose", id: 7 },
      { jsonrpc: "2.0", result: "whose", id: null },
      "what",
      { jsonrpc: "2.0", result: 5, id: 0 },
    ];
    await node.answer("Rpc.executeRpc", { result: JSON.stringify(replies) });
    const outcomes: readonly unknown[] = await rpc.callAll(two);
    expect(outcomes).toEqual([{ result: 5 }, { result: ["peer"] }]);
  });

  test("that leaves a method unanswered fails that method", async () => {
    await node.answer("Rpc.executeRpc", { result: '[{"result":5,"error":null,"id":0}]' });
    const [uptime, peers] = await rpc.callAll(two);
    expect(uptime).toEqual({ result: 5 });
    expect(peers).toEqual({ error: new RpcError("failed", "getpeerinfo was not answered") });
  });

  test("that is answered with an error of no known form fails that method", async () => {
    const replies = [
      { error: "sad", id: 0 },
      { error: { message: "no code" }, id: 1 },
    ];
    await node.answer("Rpc.executeRpc", { result: JSON.stringify(replies) });
    expect(await rpc.callAll(two)).toEqual([
      { error: new RpcError("failed", "uptime answered an error that is not a JSON object") },
      { error: new JsonRpcError(0, "no code", "getpeerinfo") },
    ]);
  });

  test.each([
    ["what", "a batch answered invalid JSON: what"],
    ["", "a batch answered invalid JSON: "],
    [
      '{"result":null,"error":{"code":-32600,"message":"Missing method"}}',
      'the answer to a batch is not an array: {"result":null,"error":{"code":-32600,"message":"Missing method"}}',
    ],
  ])("that is answered with %j fails as a whole", async (result, message) => {
    await node.answer("Rpc.executeRpc", { result });
    const error = new RpcError("failed", message);
    expect(await rpc.callAll(two)).toEqual([{ error }, { error }]);
  });
});

describe("one call a method", () => {
  beforeEach(() => start("pr/trace"));
  const three = [{ method: "uptime" }, { method: "getpeerinfo" }, { method: "listbanned" }] as const;

  test("a late call fails alone, and its thread is not reused", async () => {
    client[Symbol.dispose]();
    client = await session(node);
    rpc = rpcOf(client, 200);
    await node.hang("rpc:getpeerinfo");
    const [uptime, peers, banned] = await rpc.callAll(three);
    expect([uptime, banned].map((outcome) => "result" in outcome!)).toEqual([true, true]);
    expect((peers as { error: Error }).error).toBeInstanceOf(DeadlineError);
    expect((await node.stats()).threadViolations).toBe(0);
    await node.clear();
  });

  test("an exception is each method's own", async () => {
    await node.fail("Node.executeRpc", "failed", "std::exception: no");
    const outcomes = await rpc.callAll(three);
    expect(outcomes).toHaveLength(3);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ error: { name: "RpcError", kind: "failed" } });
  });

  test.each<[string, Record<string, string>, Error]>([
    [
      "an error that is no JSON-RPC error",
      { error: "std::exception" },
      new RpcError("failed", "uptime: std::exception"),
    ],
    ["an error that is no JSON", { rpcError: "what" }, new RpcError("failed", "uptime answered invalid JSON: what")],
    [
      "an error that is no object",
      { rpcError: "[1]" },
      new RpcError("failed", "uptime answered an error that is not a JSON object"),
    ],
    ["an error without a code", { rpcError: '{"message":"sad"}' }, new JsonRpcError(0, "sad", "uptime")],
    ["a result that is no JSON", { result: "{" }, new RpcError("failed", "uptime answered invalid JSON: {")],
    ["nothing at all", {}, new RpcError("failed", "uptime answered invalid JSON: ")],
  ])("%s is an error", async (_, results, error) => {
    await node.answer("Node.executeRpc", { error: "", rpcError: "", result: "", ...results });
    const [outcome] = await rpc.callAll([{ method: "uptime" }]);
    expect(outcome).toEqual({ error });
    await expect(callRpc(rpc, "uptime")).rejects.toEqual(error);
  });
});

/** A node's JSON-RPC by batches, with a whitelist unless it allows all; what it was sent, and what it answers. */
function whitelisting(allowed: readonly string[] | "all", answers: Record<string, unknown> = {}) {
  const sent: string[] = [];
  const warned: string[] = [];
  const rpc = rpcOver(async (request) => {
    const requests = [JSON.parse(request)].flat() as { id: number; method: string }[];
    sent.push(requests.map(({ method }) => method).join("+"));
    const refused = requests.find(({ method }) => allowed !== "all" && !allowed.includes(method));
    if (refused !== undefined) warned.push(refused.method);
    const replies = requests.map(({ id, method }) => ({ jsonrpc: "2.0", result: answers[method] ?? "fine", id }));
    const reply = request.startsWith("[") ? replies : replies[0];
    return new TextEncoder().encode(JSON.stringify(refused === undefined ? reply : null));
  }, new CallTimeouts(10_000));
  const ask = async (...methods: RpcMethod[]) => {
    const outcomes = await rpc.callAll(methods.map((method) => ({ method })));
    return outcomes.map((outcome) => ("error" in outcome ? failureOf(outcome.error) : outcome.result));
  };
  return { sent, warned, ask, rpc };
}

describe("a whitelist", () => {
  test("costs the methods that it refuses, each called once", async () => {
    const { sent, warned, ask } = whitelisting(["uptime", "getnettotals", "getblockchaininfo"]);
    const methods = ["uptime", "getpeerinfo", "getnettotals", "listbanned", "getblockchaininfo"] as const;
    const outcomes = ["fine", "refused", "fine", "refused", "fine"];
    for (let poll = 0; poll < 3; poll++) expect(await ask(...methods)).toEqual(outcomes);
    const batch = "uptime+getnettotals+getblockchaininfo";
    expect(sent).toEqual([...methods, batch, batch]);
    expect(warned).toEqual(["getpeerinfo", "listbanned"]);
  });

  test("may allow nothing", async () => {
    const { sent, ask } = whitelisting([]);
    for (let poll = 0; poll < 2; poll++) expect(await ask("uptime", "getpeerinfo")).toEqual(["refused", "refused"]);
    expect(sent).toEqual(["uptime", "getpeerinfo"]);
  });

  test("is named in the error, with the line that allows every method to the user without a name", async () => {
    const { rpc } = whitelisting([]);
    await expect(callRpc(rpc, "uptime")).rejects.toMatchObject({
      name: "RefusedError",
      message: "uptime: refused by the node's RPC whitelist",
      remedy: `to allow every method, write one line for this user in bitcoin.conf: ${whitelistFor("")}`,
    });
  });
});

describe("a list read item by item", () => {
  const answers = { listbanned: [{ address: "a" }, { address: "b" }] };

  test("has its own call, and its items are counted or passed on", async () => {
    const { rpc, sent } = whitelisting("all", answers);
    const items: JsonValue[] = [];
    const requests = [
      { method: "uptime" },
      { method: "listbanned", items: "count" },
      { method: "uptime" },
      { method: "listbanned", items: (item: JsonValue) => items.push(item) },
    ] as const;
    for (let poll = 0; poll < 2; poll++) {
      const [, counted, , handedOn] = await rpc.callAll(requests);
      expect([counted, handedOn]).toEqual([{ result: 2 }, { result: 2 }]);
    }
    expect(items).toEqual([...answers.listbanned, ...answers.listbanned]);
    expect(sent.slice(-3)).toEqual(["listbanned", "listbanned", "uptime+uptime"]);
  });

  test("an error of the method is no list", async () => {
    const rpc = rpcOver(
      async () => Buffer.from('{"jsonrpc":"2.0","error":{"code":-28,"message":"Loading"},"id":0}'),
      new CallTimeouts(10_000),
    );
    const [outcome] = await rpc.callAll([{ method: "listbanned", items: "count" }]);
    expect(outcome).toEqual({ error: new JsonRpcError(-28, "Loading", "listbanned") });
  });
});

test("an answer over the limit is an error with the method and the size", async () => {
  const rpc = rpcOver(async () => new Uint8Array(MAX_ANSWER_BYTES + 1024 * 1024).fill(0x20), new CallTimeouts(10_000));
  await expect(callRpc(rpc, "listbanned")).rejects.toEqual(
    new RpcError("failed", "listbanned answered 33.0 MiB, more than the limit of 32.0 MiB"),
  );
});

test("an answer beyond a limit of JSON is an error with the method", async () => {
  const rpc = rpcOver(async () => Buffer.from("[".repeat(1000)), new CallTimeouts(10_000));
  await expect(callRpc(rpc, "getindexinfo")).rejects.toEqual(
    new RpcError("failed", "getindexinfo answered more than 64 levels at byte 64"),
  );
});

// The texts are those of Bitcoin Core's rpc/ of v30, v31 and v32.
const FAILURES: readonly [Failure, Error][] = [
  ["missing", new JsonRpcError(-32601, "Method not found")],
  [
    "disabled",
    new JsonRpcError(
      -32601,
      "Private broadcast is not enabled. Ensure you're running Bitcoin Core with -privatebroadcast=1.",
    ),
  ],
  ["missing", new RpcError("unimplemented", "Method not implemented.")],
  ["refused", new RefusedError("uptime: refused", "")],
  ["disabled", new JsonRpcError(-32603, "Fee estimation disabled")],
  ["disabled", new JsonRpcError(-33, "Mempool disabled or instance not found")],
  ["disabled", new JsonRpcError(-31, "Error: Peer-to-peer functionality missing or disabled")],
  ["no-data", new JsonRpcError(-1, "Block not available (pruned data)", "getblockstats")],
  ["no-data", new JsonRpcError(-1, "Block not available (not fully downloaded)")],
  ["no-data", new JsonRpcError(-1, "Undo data not available (pruned data)")],
  ["no-data", new JsonRpcError(-1, "Undo data not available")],
  ["starting", new JsonRpcError(-28, "Verifying blocks…")],
  ["passing", new JsonRpcError(-1, "Block not found on disk")],
  ["passing", new JsonRpcError(-32603, "Unable to read UTXO set")],
  ["passing", new JsonRpcError(-9, "Shutting down")],
  ["passing", new RpcError("failed", "std::bad_alloc")],
  ["passing", new RpcError("overloaded", "all 4 threads of the node are stuck in earlier calls")],
  ["passing", new DeadlineError("late")],
];

test("whether a failed call is repeated", () => {
  for (const [failure, error] of FAILURES) {
    expect(failureOf(error), error.message).toBe(failure);
    expect(isPermanent(error), error.message).toBe(["missing", "refused", "disabled"].includes(failure));
  }
});

test("results that the connection dropped for their size are an error with the method and the size", async () => {
  await start("v32");
  const dropped = new ResultsTooLargeError("Rpc.executeRpc: results of 57.2 MiB are over the limit", 60_000_000);
  const threads: Threads = { call: () => Promise.reject(dropped) };
  const error = await callRpc(batchRpc(threads, client.rpc!, new CallTimeouts(DEADLINE_MS)), "listbanned").catch(
    (e) => e,
  );
  expect(error).toBeInstanceOf(AnswerTooLargeError);
  expect(error.message).toBe("listbanned answered 57.2 MiB, more than the limit of 32.0 MiB");
});
