import { afterEach, beforeAll, beforeEach, describe, expect, jest, spyOn, test } from "bun:test";
import { eventLog } from "../../test/builders/event-log.ts";
import { settled } from "../../test/builders/fake-time.ts";
import { buildReferenceNode, buildTimeoutMs } from "../../test/reference-node/build.ts";
import { ReferenceNode } from "../../test/reference-node/reference-node.ts";
import type { ImportedCapability } from "../rpc/capability.ts";
import { NotSentError, RpcError } from "../rpc/errors.ts";
import { CALLS } from "./calls.ts";
import { NodeClient } from "./client.ts";
import type { RpcRequest } from "./json-rpc.ts";
import { StoppingError } from "./layouts.ts";
import type { ThreadCallOptions } from "./server-threads.ts";
import { connectUnix } from "./socket.ts";
import { StopGuard } from "./stop-guard.ts";

beforeAll(buildReferenceNode, buildTimeoutMs);
beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** A report serves calls for 25 ms. */
const FRESH_MS = 30;

const FEES: readonly RpcRequest[] = [2, 6].map((target) => ({ method: "estimatesmartfee", params: [target] }));
const UTXO_SET: RpcRequest = { method: "gettxoutsetinfo" };
const UPTIME: RpcRequest = { method: "uptime" };
const BANS: RpcRequest = { method: "listbanned" };

/** A node that reports as `report` says, and what was called, in order. */
function node(report: () => boolean | Promise<boolean>, { isKnown = true, isLockFree = true } = {}) {
  const calls: string[] = [];
  let stops = 0;
  const guard = new StopGuard({
    isKnown: () => isKnown,
    isLockFree: () => isLockFree,
    async isStopping() {
      calls.push("stopping?");
      return report();
    },
    onStopping: () => void stops++,
  });
  const threads = guard.threads({
    async call(_capability, _method, _fill, options) {
      calls.push(String(options?.rpcMethods ?? "call"));
      return undefined as never;
    },
  });
  const call = (options?: ThreadCallOptions) =>
    threads.call({} as ImportedCapability, CALLS.mining.getTip, undefined, options);
  const rpc = guard.rpc({
    async callAll(requests) {
      const rpcMethods = requests.map(({ method }) => method);
      const error = await call({ rpcMethods }).then(
        () => undefined,
        (error: Error) => error,
      );
      return requests.map(({ method, params }) => (error ? { error } : { result: `${method} ${params ?? ""}` }));
    },
  });
  return { calls, guard, call, rpc, stops: () => stops };
}

const RUNS = () => false;
const STOPS = () => true;

describe("JSON-RPC", () => {
  test("methods that wait for the scheduler are called alone, the others together", async () => {
    const { calls, rpc } = node(RUNS);
    const outcomes = await rpc.callAll([FEES[0]!, UPTIME, UTXO_SET, BANS, FEES[1]!, UPTIME]);
    expect(outcomes).toEqual([
      { result: "estimatesmartfee 2" },
      { result: "uptime " },
      { result: "gettxoutsetinfo " },
      { result: "listbanned " },
      { result: "estimatesmartfee 6" },
      { result: "uptime " },
    ]);
    expect(calls.filter((name) => name !== "stopping?")).toEqual([
      "uptime,listbanned,uptime",
      "estimatesmartfee",
      "gettxoutsetinfo",
      "estimatesmartfee",
    ]);
  });

  test("a node that stops meanwhile gets no more calls, and that is reported once", async () => {
    let reports = 0;
    const { calls, rpc, stops } = node(() => ++reports > 1);
    await rpc.callAll([UPTIME]);
    jest.advanceTimersByTime(FRESH_MS);
    const outcomes = await rpc.callAll([BANS, ...FEES, UTXO_SET]);
    for (const outcome of outcomes) expect("error" in outcome && outcome.error).toBeInstanceOf(StoppingError);
    expect(calls).toEqual(["stopping?", "uptime", "stopping?"]);
    expect(stops()).toBe(1);
  });

  test("one method that is held back holds back the rest", async () => {
    const slow = async () => {
      await Bun.sleep(60);
      return false;
    };
    const { calls, rpc } = node(slow);
    const outcomes = await settled(rpc.callAll([...FEES, UTXO_SET]));
    for (const outcome of outcomes) expect("error" in outcome && outcome.error).toBeInstanceOf(NotSentError);
    expect(calls).toEqual(["stopping?", "stopping?", "stopping?"]);
  });
});

describe("a call", () => {
  test("follows a report that the node is not stopping; one serves the calls of a moment", async () => {
    const { calls, call } = node(RUNS);
    for (let count = 0; count < 3; count++) await call();
    expect(calls).toEqual(["stopping?", "call", "call", "call"]);
    jest.advanceTimersByTime(FRESH_MS);
    await call();
    expect(calls.slice(4)).toEqual(["stopping?", "call"]);
  });

  test("is not made on a node that is stopping, unless it may wait until the node's end", async () => {
    const { calls, call } = node(STOPS);
    await expect(call()).rejects.toBeInstanceOf(StoppingError);
    await call({ endsWithConnection: true });
    // The node is not asked again: that call might be under way when it ends.
    await expect(call()).rejects.toBeInstanceOf(StoppingError);
    expect(calls).toEqual(["stopping?", "call"]);
  });

  test("is made on a node that cannot be asked yet, or does not support that, but for the scheduler's methods", async () => {
    for (const { call } of [
      node(STOPS, { isKnown: false }),
      node(() => Promise.reject(new RpcError("unimplemented", "no such method"))),
    ]) {
      await call();
      await expect(call({ rpcMethods: ["estimatesmartfee"] })).rejects.toBeInstanceOf(NotSentError);
    }
  });

  test("waits for the report of a stalled node, which gets one request", async () => {
    const report = Promise.withResolvers<boolean>();
    const { calls, call } = node(() => report.promise);
    const made = [call(), call(), call({ rpcMethods: ["estimatesmartfee"] })];
    for (const call of made) call.catch(() => {});
    await settled(Bun.sleep(5));
    expect(calls).toEqual(["stopping?"]);
    report.resolve(true);
    for (const refused of made) await expect(refused).rejects.toBeInstanceOf(StoppingError);
  });

  test("does not wait longer than a second for a report that needs a lock, but for the scheduler's methods", async () => {
    const { calls, call } = node(() => new Promise<boolean>(() => {}), { isLockFree: false });
    await settled(call());
    expect(calls).toEqual(["stopping?", "call"]);
    await expect(settled(call({ rpcMethods: ["gettxoutsetinfo"] }))).rejects.toBeInstanceOf(NotSentError);
    expect(calls).toEqual(["stopping?", "call"]);
  });

  test("no failure of the report counts as a report", async () => {
    for (const error of [new NotSentError("an earlier call"), new RpcError("overloaded", "not now")]) {
      const { call } = node(() => Promise.reject(error));
      await expect(call({ rpcMethods: ["estimatesmartfee"] })).rejects.toBeInstanceOf(NotSentError);
    }
  });
});

test("a late report of a stop is used", async () => {
  const report = Promise.withResolvers<boolean>();
  const { guard, stops } = node(() => report.promise);
  expect(await settled(guard.isStopping())).toBe(false);
  report.resolve(true);
  await settled(Bun.sleep(0));
  expect(stops()).toBe(1);
  expect(await guard.isStopping()).toBe(true);
});

test.each([
  ["v32", "Mining.waitTipChanged", "Mining.getTip", { hasResult: false }],
  ["pr/trace", "Node.shutdownRequested", "Node.shutdownRequested", { result: true }],
] as const)("a client of a %s node asks %s before", async (layout, method, answered, stopping) => {
  jest.useRealTimers();
  await using node = await ReferenceNode.start({ layout });
  const connection = await connectUnix(node.socketPath, { deadlineMs: 10_000, onEnd: () => {} });
  const { chain, utxoCache } = eventLog();
  const client = await NodeClient.open(connection, { chain, utxoCache }, { callTimeoutMs: 10_000 });
  expect(await client.warmupStatus()).toBeUndefined();
  if (layout === "v32") await client.mining();
  const call = async () => (await client.jsonRpc!.callAll([FEES[0]!]))[0]!;
  const sent = async () => (await node.stats()).rpcCalls["estimatesmartfee"];

  // However busy the machine is, this answer is not too old.
  const clock = spyOn(performance, "now").mockReturnValue(performance.now());
  const first = await call();
  clock.mockRestore();
  expect(first).toHaveProperty("result");
  expect(await sent()).toBe(1);
  // The answer is too old to say that the node runs still.
  await node.delay(method, 100);
  await Bun.sleep(FRESH_MS);
  expect(await call()).toMatchObject({
    error: { name: "RpcError", message: "the node may be stopping" },
  });
  await node.clear(method);
  await node.answer(answered, stopping);
  expect(await call()).toMatchObject({ error: { name: "StoppingError" } });
  expect(await sent()).toBe(1);
  expect(await client.leave(5000)).toBe(true);
});
