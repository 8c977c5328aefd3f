import { beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { eventLog } from "../../test/builders/event-log.ts";
import { buildReferenceNode, buildTimeoutMs } from "../../test/reference-node/build.ts";
import { ReferenceNode } from "../../test/reference-node/reference-node.ts";
import type { ImportedCapability } from "../rpc/capability.ts";
import { NotSentError } from "../rpc/errors.ts";
import { CALLS } from "./calls.ts";
import { NodeClient } from "./client.ts";
import type { JsonRpc, RpcRequest } from "./json-rpc.ts";
import { StoppingError } from "./layouts.ts";
import type { ThreadCallOptions, Threads } from "./server-threads.ts";
import { connectUnix } from "./socket.ts";
import { StopGuard } from "./stop-guard.ts";

beforeAll(buildReferenceNode, buildTimeoutMs);

const FEES: readonly RpcRequest[] = [2, 6].map((target) => ({ method: "estimatesmartfee", params: [target] }));
const UTXO_SET: RpcRequest = { method: "gettxoutsetinfo" };
const UPTIME: RpcRequest = { method: "uptime" };
const BANS: RpcRequest = { method: "listbanned" };

/** A node that runs until it was asked `runs` times about that, and what it was asked, in order. */
function nodeThatRuns(runs: number) {
  const calls: (readonly RpcRequest[] | "stopping?")[] = [];
  const rpc: JsonRpc = {
    async callAll(requests) {
      calls.push(requests);
      return requests.map(({ method, params }) => ({ result: `${method} ${params ?? ""}` }));
    },
  };
  let asked = 0;
  const isStopping = async () => {
    calls.push("stopping?");
    return ++asked > runs;
  };
  const guard = new StopGuard({ isKnown: () => true, isStopping });
  return { calls, guard, rpc: guard.rpc(rpc) };
}

test("methods that wait for the scheduler are called alone, each after a report that the node is not stopping", async () => {
  const { calls, rpc } = nodeThatRuns(Number.POSITIVE_INFINITY);
  const outcomes = await rpc.callAll([FEES[0]!, UPTIME, UTXO_SET, BANS, FEES[1]!, UPTIME]);
  expect(outcomes).toEqual([
    { result: "estimatesmartfee 2" },
    { result: "uptime " },
    { result: "gettxoutsetinfo " },
    { result: "listbanned " },
    { result: "estimatesmartfee 6" },
    { result: "uptime " },
  ]);
  const guarded = [FEES[0]!, UTXO_SET, FEES[1]!].flatMap((request) => ["stopping?" as const, [request]]);
  expect(calls).toEqual([[UPTIME, BANS, UPTIME], ...guarded]);
});

test("a node that stops meanwhile gets no more of them", async () => {
  const { calls, rpc } = nodeThatRuns(1);
  const outcomes = await rpc.callAll([UPTIME, ...FEES, UTXO_SET]);
  expect(outcomes.slice(0, 2)).toEqual([{ result: "uptime " }, { result: "estimatesmartfee 2" }]);
  for (const outcome of outcomes.slice(2)) expect("error" in outcome && outcome.error).toBeInstanceOf(NotSentError);
  expect(calls).toEqual([[UPTIME], "stopping?", [FEES[0]!], "stopping?"]);
});

test("without such methods nothing is asked", async () => {
  const { calls, rpc } = nodeThatRuns(0);
  expect(await rpc.callAll([UPTIME])).toEqual([{ result: "uptime " }]);
  expect(calls).toEqual([[UPTIME]]);
});

describe("threads", () => {
  let isKnown = true;
  let isStopping = false;
  let asked = 0;
  let calls = 0;
  const guard = () =>
    new StopGuard({
      isKnown: () => isKnown,
      async isStopping() {
        asked++;
        return isStopping;
      },
    }).threads({
      async call() {
        calls++;
        return undefined as never;
      },
    });
  const call = (threads: Threads, options?: ThreadCallOptions) =>
    threads.call({} as ImportedCapability, CALLS.mining.getTip, undefined, options);

  beforeEach(() => {
    isKnown = true;
    isStopping = false;
    asked = calls = 0;
  });

  test("call right after a report that the node is not stopping; one serves the calls of a moment", async () => {
    const threads = guard();
    for (let count = 0; count < 10; count++) await call(threads);
    expect([asked, calls]).toEqual([1, 10]);
    await Bun.sleep(30);
    await call(threads);
    expect([asked, calls]).toEqual([2, 11]);
  });

  test("make no call on a node that is stopping, but those that may wait until its end", async () => {
    isStopping = true;
    const threads = guard();
    expect(call(threads)).rejects.toBeInstanceOf(StoppingError);
    await call(threads, { endsWithConnection: true });
    // Not asked again: that call might be under way when the node ends.
    expect(call(threads)).rejects.toBeInstanceOf(StoppingError);
    expect([asked, calls]).toEqual([1, 1]);
  });

  test("call a node that cannot be asked yet", async () => {
    isKnown = false;
    isStopping = true;
    await call(guard());
    expect([asked, calls]).toEqual([0, 1]);
  });
});

test.each([
  ["v32", "Mining.waitTipChanged", "Mining.getTip", { hasResult: false }],
  ["pr/trace", "Node.shutdownRequested", "Node.shutdownRequested", { result: true }],
] as const)("a client of a %s node asks %s before", async (layout, method, answered, stopping) => {
  await using node = await ReferenceNode.start({ layout });
  const connection = await connectUnix(node.socketPath, { deadlineMs: 10_000, onEnd: () => {} });
  const { chain, utxoCache } = eventLog();
  const client = await NodeClient.open(connection, { chain, utxoCache }, { callTimeoutMs: 10_000 });
  expect(await client.warmupStatus()).toBeUndefined();
  const call = async () => (await client.jsonRpc!.callAll([FEES[0]!]))[0]!;
  const sent = async () => (await node.stats()).rpcCalls["estimatesmartfee"];

  expect(await call()).toHaveProperty("result");
  expect(await sent()).toBe(1);
  // The answer is too old to say that the node runs still.
  await node.delay(method, 100);
  expect(await call()).toMatchObject({
    error: { name: "RpcError", message: "estimatesmartfee: the node may be stopping" },
  });
  await node.clear(method);
  await node.answer(answered, stopping);
  expect(await call()).toMatchObject({ error: { kind: "overloaded" } });
  expect(await sent()).toBe(1);
  expect(await client.leave(5000)).toBe(true);
});
