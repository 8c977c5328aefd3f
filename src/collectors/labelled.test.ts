import { expect, test } from "bun:test";
import { samplesOf as pageOf } from "../../test/builders/samples.ts";
import { Registry } from "../metrics/registry.ts";
import { countBy, samplesOf } from "./labelled.ts";

test("shows the samples of the last value only", () => {
  const registry = new Registry();
  const target = samplesOf(registry.gaugeVec("a", "Help.", ["x", "y"]));
  target.set([
    [["1", "2"], 3],
    [["1", "3"], undefined],
    [["2", "3"], true],
  ]);
  expect(pageOf(registry)).toEqual({ 'a{x="1",y="2"}': "3", 'a{x="2",y="3"}': "1" });
  target.set([[["2", "3"], 9_007_199_254_740_993n]]);
  expect(pageOf(registry)).toEqual({ 'a{x="2",y="3"}': "9007199254740993" });
  target.set(undefined);
  expect(pageOf(registry)).toEqual({});
  target.set([[["2", "3"], 1]]);
  target.clear();
  expect(pageOf(registry)).toEqual({});
});

test("counts what is listed, and the rest as other", () => {
  const count = countBy(["a", "b"], (item) => (typeof item === "string" ? item : undefined));
  expect(count(["b", "c", null, "b", "other"])).toEqual([
    [["a"], 0],
    [["b"], 2],
    [["other"], 3],
  ]);
});
