import { expect, test } from "bun:test";
import { parseJson } from "../../test/builders/json.ts";
import { NO_QUERIES } from "../../test/builders/no-queries.ts";
import { fromBlock, fromNode, fromRpc, type PolledFamily, polledInto } from "../collectors/collector.ts";
import * as result from "../collectors/result.ts";
import type { JsonValue } from "../node/json.ts";
import { choosePolledCalls, type SourceKind } from "./polled-calls.ts";

const netTotals = fromRpc("getnettotals");

/** A family that shows its value in `shown`. */
function family(shown: Record<string, unknown>, name: string, ...sources: PolledFamily["sources"]): PolledFamily {
  const show = (value: unknown) => {
    if (value === undefined) delete shown[name];
    else shown[name] = value;
  };
  return polledInto({ set: show, clear: () => show(undefined) }, ...sources);
}

/** Two families of getnettotals, the first of which Node has, too. */
function totals() {
  const shown = {};
  const own = fromNode("Node", "getTotalBytesSent");
  const families = [
    family(shown, "a", own, netTotals(result.count, "a")),
    family(shown, "b", netTotals(result.flag, "b")),
  ];
  const choose = (...kinds: SourceKind[]) => choosePolledCalls(families, new Set(kinds));
  return { shown, choose };
}

test("a family is served by the first of its sources that the node supports", async () => {
  const { shown, choose } = totals();
  const { node, jsonRpc } = choose("jsonRpc", "node");
  expect(node.map(({ source }) => source.method)).toEqual(["Node.getTotalBytesSent"]);
  jsonRpc[0]!.show((source) => source.read(parseJson('{"a": 1, "b": true}')));
  expect(shown).toEqual({ b: true });
  const seven = await node[0]!.source.read({ ...NO_QUERIES, getTotalBytesSent: async () => 7n });
  node[0]!.show(() => seven);
  expect(shown).toEqual({ a: 7n, b: true });
  jsonRpc[0]!.clear();
  expect(shown).toEqual({ a: 7n });
});

test("families with the same request share a call, and each takes its own from the answer", () => {
  const { shown, choose } = totals();
  const { node, jsonRpc } = choose("jsonRpc");
  expect([node.length, jsonRpc.length]).toEqual([0, 1]);
  jsonRpc[0]!.show((source) => source.read(parseJson('{"a": 1, "b": true}')));
  expect(shown).toEqual({ a: 1n, b: true });
  jsonRpc[0]!.show((source) => source.read(parseJson('{"a": 2, "b": false}')));
  expect(shown).toEqual({ a: 2n, b: false });
});

test("a family that no source of the node serves has no call", () => {
  const { choose } = totals();
  expect(choose("mining", "block")).toEqual({ node: [], mining: [], jsonRpc: [], block: [] });
});

test("a missing field removes its own sample and is no error", () => {
  const { shown, choose } = totals();
  const [call] = choose("jsonRpc").jsonRpc;
  call!.show((source) => source.read(parseJson('{"a": 1, "b": true}')));
  call!.show((source) => source.read(parseJson('{"b": true}')));
  expect(shown).toEqual({ b: true });
});

test("a field of another type removes its own sample, and the error names the method and each fault once", () => {
  const { shown, choose } = totals();
  const [call] = choose("jsonRpc").jsonRpc;
  const show = (text: string) => () => call!.show((source) => source.read(parseJson(text)));
  show('{"a": 1, "b": true}')();
  expect(show('{"a": "much", "b": false}')).toThrow(new Error('getnettotals: "a" is not a count: "much"'));
  expect(shown).toEqual({ b: false });
  expect(show('{"a": [], "b": 1}')).toThrow(
    new Error('getnettotals: "a" is not a count: []; "b" is not true or false: 1'),
  );
  expect(show("7")).toThrow(new Error("getnettotals: the result is not an object: 7"));
  expect(shown).toEqual({});
});

test("other parameters or another interval are another call", () => {
  const requests = [
    fromRpc("estimatesmartfee", { params: [2] }),
    fromRpc("estimatesmartfee", { params: [6] }),
    fromRpc("estimatesmartfee", { params: [6], every: 10 }),
    fromRpc("uptime"),
    fromRpc("uptime"),
  ];
  const families = requests.map((request) => family({}, "a", request(result.asCount)));
  expect(choosePolledCalls(families, new Set(["jsonRpc"] as const)).jsonRpc).toHaveLength(4);
});

test("families of a block share its calls", () => {
  const stats = fromBlock("getblockstats", async () => parseJson('{"txs": 1}'));
  const header = fromBlock("getblockheader", async () => 5);
  const families = [
    family({}, "a", stats(result.count, "txs")),
    family({}, "b", stats(result.count, "ins")),
    family(
      {},
      "c",
      header((seconds) => seconds),
    ),
  ];
  const { block } = choosePolledCalls(families, new Set(["block"] as const));
  expect(block.map(({ source }) => source.method)).toEqual(["getblockstats", "getblockheader"]);
});

test("a long answer is shown in slices, until it is cleared or another one is shown", async () => {
  const shown: Record<string, unknown> = {};
  const uptime = fromRpc("uptime");
  const slow = (answer: JsonValue) => {
    Bun.sleepSync(1);
    return result.asCount(answer);
  };
  const names = Array.from({ length: 10 }, (_, index) => `family ${index}`);
  const families = names.map((name) => family(shown, name, uptime(slow)));
  const [call] = choosePolledCalls(families, new Set(["jsonRpc"] as const)).jsonRpc;
  const show = (answer: string) => call!.showInSlices((source) => source.read(parseJson(answer)));
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  await show("1");
  clearInterval(timer);
  expect(turns).toBeGreaterThan(2);
  expect(shown).toEqual(Object.fromEntries(names.map((name) => [name, 1n])));

  const replaced = show("2");
  await show("3");
  await replaced;
  expect(shown).toEqual(Object.fromEntries(names.map((name) => [name, 3n])));

  const cleared = show("4");
  call!.clear();
  await cleared;
  expect(shown).toEqual({});
});
