import { expect, test } from "bun:test";
import { samplesOf } from "../../test/builders/samples.ts";
import { Registry } from "../metrics/registry.ts";
import { parseJson } from "../node/json.ts";
import { chainCollector } from "./chain.ts";

function chainAfter(answer: string): Record<string, string> {
  const registry = new Registry();
  chainCollector(registry).rpcPolls![0]!.read(parseJson(answer), true);
  return Object.fromEntries(Object.entries(samplesOf(registry)).filter(([series]) => !series.endsWith("_total")));
}

test("every field goes to its own family", () => {
  expect(
    chainAfter(`{"blocks": 1, "headers": 2, "initialblockdownload": true, "verificationprogress": 0.5,
      "difficulty": 127170500429035.17, "time": 3, "mediantime": 4, "size_on_disk": 5, "pruned": false, "pruneheight": 6}`),
  ).toEqual({
    bitcoin_chain_height: "1",
    bitcoin_header_height: "2",
    bitcoin_ibd: "1",
    bitcoin_verification_progress: "0.5",
    bitcoin_difficulty: "127170500429035.17",
    bitcoin_tip_timestamp_seconds: "3",
    bitcoin_tip_median_timestamp_seconds: "4",
    bitcoin_size_on_disk_bytes: "5",
    bitcoin_pruned: "0",
    bitcoin_prune_height: "6",
  });
});

test("a node without a best header has no header height", () => {
  expect(chainAfter('{"blocks": 0, "headers": -1}')).toEqual({ bitcoin_chain_height: "0" });
});

test("an older node, without some fields, gives the others", () => {
  // Before v23 there was no time.
  expect(chainAfter('{"blocks": 700000, "mediantime": 1631333672}')).toEqual({
    bitcoin_chain_height: "700000",
    bitcoin_tip_median_timestamp_seconds: "1631333672",
  });
});

test("initial block download is known from JSON-RPC too, and unknown once that fails", () => {
  const chain = chainCollector(new Registry());
  chain.rpcPolls![0]!.read(parseJson('{"initialblockdownload": true}'), true);
  expect(chain.initialBlockDownload).toBe(true);
  chain.rpcPolls![0]!.clear(true);
  expect(chain.initialBlockDownload).toBeUndefined();
});
