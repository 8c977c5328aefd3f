import { expect, test } from "bun:test";
import { answerRpc, callsOf } from "../../test/builders/polled-calls.ts";
import { samplesOf } from "../../test/builders/samples.ts";
import { Registry } from "../metrics/registry.ts";
import { tipsCollector } from "./tips.ts";

test("tips count by status, those of the future as other, and none is 0", () => {
  const registry = new Registry();
  const collector = tipsCollector(registry);
  expect(samplesOf(registry)).toEqual({});
  const tips = ["active", "headers-only", "headers-only", "unknown", "half-valid"].map((status) => ({ status }));
  answerRpc(collector, "getchaintips", JSON.stringify([...tips, {}]));
  const count = (status: string) => samplesOf(registry)[`bitcoin_chain_tips{status="${status}"}`];
  expect(["active", "valid-fork", "valid-headers", "headers-only", "invalid", "other"].map(count)).toEqual([
    "1",
    "0",
    "0",
    "2",
    "0",
    "3",
  ]);
  expect(() => answerRpc(collector, "getchaintips", '{"status": "active"}')).toThrow(
    /^getchaintips: the result is not a list/,
  );
  expect(samplesOf(registry)).toEqual({});
});

test("is called at every 10th poll", () => {
  expect(callsOf(tipsCollector(new Registry())).jsonRpc[0]!.source.every).toBe(10);
});
