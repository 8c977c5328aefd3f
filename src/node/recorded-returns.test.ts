// The recorded Returns of real nodes, read by a connection that makes the same calls: values, capabilities and
// exceptions are those of the manifests.

import { afterEach, describe, expect, test } from "bun:test";
import type { Client, Method, Struct } from "capnp-es";
import { type Box, METHOD } from "../../test/builders/box.ts";
import { expectEmptyTables, RawPeer } from "../../test/builders/connections.ts";
import { type RecordedFrame, recordedFrames } from "../../test/builders/recorded-frames.ts";
import { returnFrame } from "../../test/builders/rpc-messages.ts";
import { ImportedCapability } from "../rpc/capability.ts";
import { Chain$Client } from "../schema/chain.ts";
import { Handler$Client } from "../schema/handler.ts";
import { Init$Client } from "../schema/init.ts";
import { Mining$Client } from "../schema/mining.ts";
import { ThreadMap$Client } from "../schema/mp/proxy.ts";
import { Node$Client } from "../schema/node.ts";
import { Tracing$Client } from "../schema/tracing.ts";

afterEach(expectEmptyTables);

type AnyMethod = Method<Struct, Struct>;

const INTERFACES: Record<string, readonly unknown[]> = {
  Chain: Chain$Client.methods,
  Handler: Handler$Client.methods,
  Init: Init$Client.methods,
  Mining: Mining$Client.methods,
  Node: Node$Client.methods,
  ThreadMap: ThreadMap$Client.methods,
  Tracing: Tracing$Client.methods,
};

/** Methods that the schema does not have: any with results of the same shape. */
const OTHERS: Record<string, unknown> = { "Init.makeRpc": Init$Client.methods[4], "Rpc.executeRpc": METHOD };

/** The method that a recorded Return answers. Of a wrong guess, which has no results, it does not matter. */
function methodOf(recorded: RecordedFrame): AnyMethod {
  const [interfaceName = "", methodName] = recorded.answers!.split(".");
  const methods = (INTERFACES[interfaceName] ?? []) as readonly AnyMethod[];
  const method = methods.find((candidate) => candidate.methodName === methodName);
  return method ?? ((OTHERS[recorded.answers!] ?? METHOD) as AnyMethod);
}

interface Answered {
  readonly peer: RawPeer;
  readonly results: Promise<Struct>;
}

/** Asks what a recorded Return answers, by the same id, and hands the Return to the connection. */
async function answer(recorded: RecordedFrame): Promise<Answered> {
  const peer = new RawPeer();
  const object = await peer.bootstrap({ senderHosted: 1000 });
  const before = Array.from({ length: recorded.answerId! }, () => object.ask(METHOD));
  const question = object.ask(methodOf(recorded), undefined, { read: retaining });
  expect(question.id).toBe(recorded.answerId!);
  peer.take();
  peer.send(recorded.frame);
  await question.returned;
  expect(peer.take()).toEqual([{ finish: { questionId: question.id, releaseResultCaps: false } }]);
  for (const { id } of before) peer.send(returnFrame(id, (body) => body._initResults()));
  object.close();
  return { peer, results: question.results };
}

function returnsOf(capture: "pr-trace" | "master"): [string, RecordedFrame][] {
  const returns = recordedFrames(capture).filter(({ message }) => message === "return");
  return returns.map((recorded) => [recorded.file, recorded]);
}

function retaining(results: Struct): Struct {
  const capability = capabilityIn(results);
  if (capability instanceof ImportedCapability) capability.retain();
  return results;
}

/** The capability in results, whatever the field is called. */
function capabilityIn(results: Struct): Client | undefined {
  const holder: { client?: Client } | undefined = Reflect.get(results, "result") ?? Reflect.get(results, "threadMap");
  return holder?.client;
}

const isBootstrap = ([, { answers }]: [string, RecordedFrame]) => answers === "bootstrap";

describe.each(["pr-trace", "master"] as const)("%s", (capture) => {
  const returns = returnsOf(capture);

  test.each(returns.filter(isBootstrap))("%s has the bootstrap capability", async (_, { frame }) => {
    const peer = new RawPeer();
    const bootstrap = peer.connection.bootstrap();
    peer.send(frame);
    const object = await bootstrap;
    expect(object).toBeInstanceOf(ImportedCapability);
    expect(peer.connection.sizes).toEqual({ questions: 0, answers: 0, imports: 1, exports: 0 });
    object.close();
  });

  const withCapability = returns.filter(([, { answers, exception }]) => {
    return exception === undefined && /\.(construct|make\w+|handleNotifications|traceUtxoCache)$/.test(answers!);
  });
  test.each(withCapability)("%s has a capability", async (_, recorded) => {
    const { peer, results } = await answer(recorded);
    const capability = capabilityIn(await results);
    expect(capability).toBeInstanceOf(ImportedCapability);
    expect(peer.connection.sizes.imports).toBe(1);
    capability!.close();
  });

  const withException = returns.filter(([, { exception }]) => exception !== undefined);
  test.each(withException)("%s is the exception that the node had", async (_, recorded) => {
    const kinds = ["failed", "overloaded", "disconnected", "unimplemented"];
    const { results } = await answer(recorded);
    await expect(results).rejects.toMatchObject({
      name: "RpcError",
      kind: kinds[recorded.exceptionType!],
      message: recorded.exception!,
    });
  });

  const withValues = returns.filter(([, { results }]) => results !== undefined);
  test.each(withValues)("%s has the values that the node had", async (_, recorded) => {
    const results = await (await answer(recorded)).results;
    const seen = Object.keys(recorded.results!).map((name) => {
      const value: unknown = Reflect.get(results, name);
      return [name, typeof value === "bigint" ? `${value}` : value];
    });
    expect(Object.fromEntries(seen)).toEqual(recorded.results!);
  });

  test("has Returns of every kind that its manifest names", () => {
    const counts = [returns, withCapability, withException, withValues].map(({ length }) => length);
    expect(counts).toEqual(capture === "pr-trace" ? [19, 7, 0, 9] : [19, 4, 6, 0]);
  });
});

describe("what the manifests do not spell out", () => {
  const find = (capture: "pr-trace" | "master", file: string) => {
    return returnsOf(capture).find(([name]) => name.startsWith(file))![1];
  };

  test.each(["053", "056"])("%s: Handler.disconnect has no result", async (file) => {
    const { peer, results } = await answer(find("pr-trace", file));
    await results;
    expect(peer.connection.sizes.imports).toBe(0);
  });

  test.each<[string, object]>([
    ["005", { jsonrpc: "2.0", result: { chain: "regtest", blocks: 3, headers: 3 } }],
    ["006", { jsonrpc: "2.0", error: { code: -32601, message: "Method not found" } }],
    ["007", { result: null, error: { code: -32600, message: "Missing method" } }],
  ])("%s: Rpc.executeRpc gives JSON", async (file, expected) => {
    const results = (await (await answer(find("master", file))).results) as Box;
    expect(JSON.parse(results.text)).toMatchObject(expected);
  });

  test("Mining has the tip, its change, and whether the chain is a test chain", async () => {
    const read = async (file: string) => (await answer(find("master", file))).results as Promise<never>;
    type Tip = { result: { hash: { toUint8Array(): Uint8Array }; height: number }; hasResult: boolean };
    const tips: Tip[] = [await read("011"), await read("013")];
    const { result: changed }: Tip = await read("014");
    expect(tips.map(({ hasResult }) => hasResult)).toEqual([true, true]);
    expect(changed.hash.toUint8Array()).toHaveLength(32);
    expect([...tips.map(({ result }) => result.height), changed.height]).toEqual([3, 3, 3]);
    const { result: isInitialBlockDownload }: { result: boolean } = await read("012");
    const { result: isTestChain }: { result: boolean } = await read("015");
    expect({ isInitialBlockDownload, isTestChain }).toEqual({ isInitialBlockDownload: false, isTestChain: true });
  });
});
