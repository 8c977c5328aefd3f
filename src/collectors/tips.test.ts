import { expect, test } from "bun:test";
import { samplesOf } from "../../test/builders/samples.ts";
import { Registry } from "../metrics/registry.ts";
import { parseJson } from "../node/json.ts";
import { tipsCollector } from "./tips.ts";

test("tips count by status, those of the future as other, and none is 0", () => {
  const registry = new Registry();
  const [poll] = tipsCollector(registry).rpcPolls!;
  expect(samplesOf(registry)).toEqual({});
  const tips = ["active", "headers-only", "headers-only", "unknown", "half-valid"].map((status) => ({ status }));
  poll!.read(parseJson(JSON.stringify([...tips, {}])), true);
  const count = (status: string) => samplesOf(registry)[`bitcoin_chain_tips{status="${status}"}`];
  expect(["active", "valid-fork", "valid-headers", "headers-only", "invalid", "other"].map(count)).toEqual([
    "1",
    "0",
    "0",
    "2",
    "0",
    "3",
  ]);
  expect(() => poll!.read(parseJson('{"status": "active"}'), true)).toThrow(/^getchaintips: the result is not a list/);
  expect(samplesOf(registry)).toEqual({});
});

test("is asked at few polls only", () => {
  expect(tipsCollector(new Registry()).rpcPolls![0]!.every).toBe(10);
});
