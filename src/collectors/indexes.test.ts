import { beforeEach, expect, test } from "bun:test";
import { samplesOf } from "../../test/builders/samples.ts";
import { Registry } from "../metrics/registry.ts";
import { parseJson } from "../node/json.ts";
import type { RpcPoll } from "./collector.ts";
import { indexesCollector } from "./indexes.ts";

let registry: Registry;
let poll: RpcPoll;
beforeEach(() => {
  registry = new Registry();
  poll = indexesCollector(registry).rpcPolls![0]!;
});

test("an index that the node no longer has is gone", () => {
  poll.read(parseJson('{"a": {"synced": true, "best_block_height": 5}}'), true);
  poll.read(parseJson('{"b": {"synced": false, "best_block_height": 0}}'), true);
  expect(samplesOf(registry)).toEqual({
    'bitcoin_index_height{index="b"}': "0",
    'bitcoin_index_synced{index="b"}': "0",
  });
  poll.read(parseJson("{}"), true);
  expect(samplesOf(registry)).toEqual({});
});

test("one family's fault is not the other's", () => {
  const answer = parseJson('{"a": {"synced": "nearly", "best_block_height": 5}}');
  expect(() => poll.read(answer, true)).toThrow(new Error('getindexinfo: "synced" is not true or false: "nearly"'));
  expect(samplesOf(registry)).toEqual({ 'bitcoin_index_height{index="a"}': "5" });
});

test("an index that has not begun has no height", () => {
  poll.read(parseJson('{"a": {"synced": false, "best_block_height": -1}}'), true);
  expect(samplesOf(registry)).toEqual({ 'bitcoin_index_synced{index="a"}': "0" });
});

test("more indexes than a node can have do not grow the page", () => {
  const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`i${i}`, { synced: true }]));
  for (let round = 0; round < 3; round++) poll.read(parseJson(JSON.stringify(many)), true);
  expect(Object.keys(samplesOf(registry))).toHaveLength(17);
});
