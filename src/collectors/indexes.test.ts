import { beforeEach, expect, test } from "bun:test";
import { answerRpc } from "../../test/builders/polled-calls.ts";
import { samplesOf } from "../../test/builders/samples.ts";
import { Registry } from "../metrics/registry.ts";
import type { Collector } from "./collector.ts";
import { indexesCollector } from "./indexes.ts";

let registry: Registry;
let indexes: Collector;
beforeEach(() => {
  registry = new Registry();
  indexes = indexesCollector(registry);
});

test("an index that the node no longer has loses its samples", () => {
  answerRpc(indexes, "getindexinfo", '{"a": {"synced": true, "best_block_height": 5}}');
  answerRpc(indexes, "getindexinfo", '{"b": {"synced": false, "best_block_height": 0}}');
  expect(samplesOf(registry)).toEqual({
    'bitcoin_index_height{index="b"}': "0",
    'bitcoin_index_synced{index="b"}': "0",
  });
  answerRpc(indexes, "getindexinfo", "{}");
  expect(samplesOf(registry)).toEqual({});
});

test("a malformed field removes the samples of its family only", () => {
  const answer = '{"a": {"synced": "nearly", "best_block_height": 5}}';
  expect(() => answerRpc(indexes, "getindexinfo", answer)).toThrow(
    new Error('getindexinfo: "synced" is not true or false: "nearly"'),
  );
  expect(samplesOf(registry)).toEqual({ 'bitcoin_index_height{index="a"}': "5" });
});

test("an index that has not begun has no height", () => {
  answerRpc(indexes, "getindexinfo", '{"a": {"synced": false, "best_block_height": -1}}');
  expect(samplesOf(registry)).toEqual({ 'bitcoin_index_synced{index="a"}': "0" });
});

test("more indexes than a node can have do not grow the page", () => {
  const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`i${i}`, { synced: true }]));
  for (let round = 0; round < 3; round++) answerRpc(indexes, "getindexinfo", JSON.stringify(many));
  expect(Object.keys(samplesOf(registry))).toHaveLength(17);
});
