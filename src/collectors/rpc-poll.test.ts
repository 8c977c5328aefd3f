import { beforeEach, expect, test } from "bun:test";
import { samplesOf } from "../../test/builders/samples.ts";
import { Registry } from "../metrics/registry.ts";
import { parseJson } from "../node/json.ts";
import type { RpcPoll } from "./collector.ts";
import * as result from "./result.ts";
import { mergeRpcPolls, rpcPoll, seed, value } from "./rpc-poll.ts";

let registry: Registry;
beforeEach(() => {
  registry = new Registry();
});
const samples = () => samplesOf(registry);

/** A poll of getnettotals with a seed and two more families. */
function totalsPoll(): RpcPoll {
  return rpcPoll("getnettotals", [
    seed(registry.gauge("seed", "Help."), (totals) => result.count(totals, "seed")),
    value(registry.gauge("a", "Help."), (totals) => result.count(totals, "a")),
    value(registry.gauge("b", "Help."), (totals) => result.flag(totals, "b")),
  ]);
}

test("each family takes its own from the result, true as 1 and false as 0", () => {
  const poll = totalsPoll();
  poll.read(parseJson('{"seed": 1, "a": 2, "b": true}'), true);
  expect(samples()).toEqual({ seed: "1", a: "2", b: "1" });
  poll.read(parseJson('{"seed": 1, "a": 2, "b": false}'), true);
  expect(samples()).toEqual({ seed: "1", a: "2", b: "0" });
});

test("a field that is missing takes its own sample away and is no error", () => {
  const poll = totalsPoll();
  poll.read(parseJson('{"seed": 1, "a": 2, "b": true}'), true);
  poll.read(parseJson('{"seed": 1, "b": true}'), true);
  expect(samples()).toEqual({ seed: "1", b: "1" });
});

test("a field of another type takes its own sample away, and the error names the method", () => {
  const poll = totalsPoll();
  poll.read(parseJson('{"seed": 1, "a": 2, "b": true}'), true);
  const renamed = parseJson('{"seed": 3, "a": "much", "b": false}');
  expect(() => poll.read(renamed, true)).toThrow(new Error('getnettotals: "a" is not a count: "much"'));
  expect(samples()).toEqual({ seed: "3", b: "0" });
});

test("all that is wrong is in one error, each fault once", () => {
  const poll = totalsPoll();
  poll.read(parseJson('{"seed": 1, "a": 2, "b": true}'), true);
  expect(() => poll.read(parseJson('{"a": [], "b": 1}'), true)).toThrow(
    new Error('getnettotals: "a" is not a count: []; "b" is not true or false: 1'),
  );
  expect(() => poll.read(parseJson("7"), true)).toThrow(new Error("getnettotals: the result is not an object: 7"));
  expect(samples()).toEqual({});
});

test("seeds are left alone where Chain and Node were asked", () => {
  const gauge = registry.gauge("own", "Help.");
  const poll = rpcPoll("uptime", [seed(gauge, result.asCount)]);
  gauge.set(5);
  poll.read(parseJson("7"), false);
  poll.read(parseJson('"wrong"'), false);
  poll.clear(false);
  expect(samples()).toEqual({ own: "5" });
  poll.clear(true);
  expect(samples()).toEqual({});
  expect(poll.isSeedsOnly).toBe(true);
  expect(totalsPoll().isSeedsOnly).toBe(false);
});

test("polls of the same request become one, with the faults of all", () => {
  const [first, second] = ["first", "second"].map((name) =>
    rpcPoll("getnettotals", [value(registry.gauge(name, "Help."), (totals) => result.count(totals, name))]),
  );
  const merged = mergeRpcPolls([first!, second!]);
  expect(merged).toHaveLength(1);
  expect(merged[0]!.method).toBe("getnettotals");
  merged[0]!.read(parseJson('{"first": 1, "second": 2}'), true);
  expect(samples()).toEqual({ first: "1", second: "2" });
  expect(() => merged[0]!.read(parseJson('{"first": "x", "second": 3}'), true)).toThrow(
    new Error('getnettotals: "first" is not a count: "x"'),
  );
  expect(samples()).toEqual({ second: "3" });
  merged[0]!.clear(true);
  expect(samples()).toEqual({});
});

test("a merged poll is of seeds only if all are", () => {
  const seeds = rpcPoll("uptime", [seed(registry.gauge("a", "Help."), result.asCount)]);
  const more = rpcPoll("uptime", [value(registry.gauge("b", "Help."), result.asCount)]);
  expect(mergeRpcPolls([seeds, seeds])[0]!.isSeedsOnly).toBe(true);
  expect(mergeRpcPolls([seeds, more])[0]!.isSeedsOnly).toBe(false);
});

test("other parameters or another pace are another request", () => {
  const polls = [
    rpcPoll("estimatesmartfee", [], { params: [2] }),
    rpcPoll("estimatesmartfee", [], { params: [6] }),
    rpcPoll("estimatesmartfee", [], { params: [6], every: 10 }),
    rpcPoll("uptime", []),
  ];
  expect(mergeRpcPolls(polls)).toEqual(polls);
});
