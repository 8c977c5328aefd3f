import { expect, test } from "bun:test";
import { ALL_EVENTS, answerRpc, clearAll, TIPS_ONLY } from "../../test/builders/polled-calls.ts";
import { samplesOf } from "../../test/builders/samples.ts";
import { Registry } from "../metrics/registry.ts";
import { chainCollector } from "./chain.ts";

function chainAfter(answer: string): Record<string, string> {
  const registry = new Registry();
  answerRpc(chainCollector(registry), "getblockchaininfo", answer);
  return Object.fromEntries(Object.entries(samplesOf(registry)).filter(([series]) => !series.endsWith("_total")));
}

test("every field goes to its own family", () => {
  expect(
    chainAfter(`{"chain": "main", "blocks": 1, "headers": 2, "initialblockdownload": true, "verificationprogress": 0.5,
      "difficulty": 127170500429035.17, "time": 3, "mediantime": 4, "size_on_disk": 5, "pruned": false, "pruneheight": 6}`),
  ).toEqual({
    bitcoin_chain_height: "1",
    bitcoin_header_height: "2",
    bitcoin_test_chain: "0",
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

test.each(["test", "testnet4", "signet", "regtest"])("%s is a test chain", (chain) => {
  expect(chainAfter(`{"chain": "${chain}"}`)).toEqual({ bitcoin_test_chain: "1" });
});

test("a node without a best header has no header height", () => {
  expect(chainAfter('{"blocks": 0, "headers": -1}')).toEqual({ bitcoin_chain_height: "0" });
});

test("a node without some fields has samples of the others", () => {
  // Before v23 there was no time.
  expect(chainAfter('{"blocks": 700000, "mediantime": 1631333672}')).toEqual({
    bitcoin_chain_height: "700000",
    bitcoin_tip_median_timestamp_seconds: "1631333672",
  });
});

test("initial block download is known from JSON-RPC, and unknown again in the next session", () => {
  const registry = new Registry();
  const chain = chainCollector(registry);
  answerRpc(chain, "getblockchaininfo", '{"initialblockdownload": true}');
  expect(chain.initialBlockDownload).toBe("active");
  clearAll(chain);
  expect(samplesOf(registry)).not.toHaveProperty("bitcoin_ibd");
  chain.startSession(ALL_EVENTS);
  expect(chain.initialBlockDownload).toBe("unknown");
});

test("a failed poll of initial block download does not change the state", () => {
  const chain = chainCollector(new Registry());
  answerRpc(chain, "getblockchaininfo", '{"initialblockdownload": false}');
  clearAll(chain);
  answerRpc(chain, "getblockchaininfo", "{}");
  expect(chain.initialBlockDownload).toBe("over");
});

test("event counters have a sample once a session can report the event, and keep it", () => {
  const registry = new Registry();
  const chain = chainCollector(registry);
  expect(samplesOf(registry)).toEqual({});
  chain.startSession(TIPS_ONLY);
  expect(samplesOf(registry)).toEqual({ bitcoin_tip_updates_total: "0" });
  chain.startCountingBlocks();
  chain.blocksCounted({ connected: 3, disconnected: 1 }, 12);
  const counted = {
    bitcoin_tip_updates_total: "0",
    bitcoin_blocks_connected_total: "3",
    bitcoin_blocks_disconnected_total: "1",
  };
  expect(samplesOf(registry)).toEqual({ ...counted, bitcoin_block_height: "12" });
  chain.endSession();
  chain.startSession(TIPS_ONLY);
  expect(samplesOf(registry)).toEqual(counted);
  chain.startSession(ALL_EVENTS);
  expect(samplesOf(registry)).toEqual({ ...counted, bitcoin_chain_state_flushes_total: "0" });
});

test("the last connected block stays when blocks are disconnected", () => {
  const registry = new Registry();
  const chain = chainCollector(registry);
  const height = () => samplesOf(registry)["bitcoin_block_height"];
  chain.blocksCounted({ connected: 1, disconnected: 0 }, 12);
  chain.blocksCounted({ connected: 0, disconnected: 5 }, 7);
  expect(height()).toBe("12");
  chain.blocksCounted({ connected: 1, disconnected: 0 }, 8);
  expect(height()).toBe("8");
});

test("where blocks cannot be counted, the last connected block is the last tip that is not lower than the one before", () => {
  const registry = new Registry();
  const chain = chainCollector(registry);
  const heightAfter = (tip: number, tipBefore: number) => {
    chain.tipSeen(tip, tipBefore);
    return samplesOf(registry)["bitcoin_block_height"];
  };
  expect(heightAfter(19, 20)).toBeUndefined();
  expect(heightAfter(21, 19)).toBe("21");
  expect(heightAfter(10, 21)).toBe("21");
  expect(heightAfter(13, 10)).toBe("13");
  // Another branch, as long.
  expect(heightAfter(12, 13)).toBe("13");
  expect(heightAfter(12, 12)).toBe("12");
});
