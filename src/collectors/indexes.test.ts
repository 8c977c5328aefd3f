import { expect, test } from "bun:test";
import { collected } from "../../test/builders/collected.ts";
import { indexesCollector } from "./indexes.ts";

const indexes = collected(indexesCollector);
const read = (answer: string | object) => indexes.read("getindexinfo", answer);

test("an index that the node no longer has loses its samples", () => {
  read('{"a": {"synced": true, "best_block_height": 5}}');
  expect(read('{"b": {"synced": false, "best_block_height": 0}}')).toEqual({
    'bitcoin_index_height{index="b"}': "0",
    'bitcoin_index_synced{index="b"}': "0",
  });
  expect(read({})).toEqual({});
});

test("a malformed field removes the samples of its family only", () => {
  const answer = '{"a": {"synced": "nearly", "best_block_height": 5}}';
  expect(() => read(answer)).toThrow(new Error('getindexinfo: "synced" is not true or false: "nearly"'));
  expect(indexes.samples()).toEqual({ 'bitcoin_index_height{index="a"}': "5" });
});

test("an index that has not begun has no height", () => {
  expect(read('{"a": {"synced": false, "best_block_height": -1}}')).toEqual({ 'bitcoin_index_synced{index="a"}': "0" });
});

test("more indexes than a node can have do not grow the page", () => {
  const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`i${i}`, { synced: true }]));
  for (let round = 0; round < 3; round++) read(many);
  expect(Object.keys(indexes.samples())).toHaveLength(17);
});
