import { expect, test } from "bun:test";
import { readSeries, type SeriesMap } from "../scripts/text-format.ts";
import { DEFAULT_COLLECTORS } from "../src/collectors/catalogue.ts";
import { SimulatedChain } from "./simulated-chain.ts";
import { SimulatedNode } from "./simulated-node.ts";
import { judge } from "./verdict.ts";

/** What an exporter serves that counted one block of its coinbase alone, and the coin that it adds. */
const PAGE = `
bitcoin_ipc_connects_total 1
bitcoin_block_height 110
bitcoin_blocks_connected_total 1
bitcoin_blocks_disconnected_total 0
bitcoin_tip_updates_total 1
bitcoin_chain_state_flushes_total 0
bitcoin_mempool_tx_added_total 0
bitcoin_mempool_tx_removed_total 0
${["expiry", "sizelimit", "reorg", "block", "conflict", "replaced"]
  .map((reason) => `bitcoin_mempool_tx_removed_by_reason_total{reason="${reason}"} 0`)
  .join("\n")}
bitcoin_utxo_cache_add_total 1
bitcoin_utxo_cache_add_value_total 5000000000
bitcoin_utxo_cache_spend_total 0
bitcoin_utxo_cache_spend_value_total 0
bitcoin_utxo_cache_uncache_total 0
bitcoin_utxo_cache_uncache_value_total 0
`;

/** What an exporter serves without a collector whose families are called so. */
function without(families: string): SeriesMap {
  const lines = PAGE.split("\n").filter((line) => !line.startsWith(families));
  return readSeries(lines.join("\n"));
}

function nodeThatTold(): SimulatedNode {
  const node = new SimulatedNode({ socketPath: "unused" });
  node.told.sessions = 1;
  for (const event of new SimulatedChain({ seed: 1, blocks: 110 }).mineBlock()) node.told.add(event);
  return node;
}

test("is good when every counter is what was told", () => {
  const { isGood, lines } = judge(nodeThatTold(), readSeries(PAGE));
  expect(lines).toEqual([
    "the node told 3 events (sessions: 1, blocks connected: 1, disconnected: 0, transactions: 0, coins: 1), " +
      "the exporter counted 3: all is equal",
  ]);
  expect(isGood).toBe(true);
});

test("names what differs, be it a satoshi or a sample that is not there", () => {
  const page = PAGE.replace("5000000000", "5000000001").replace("bitcoin_tip_updates_total 1", "");
  const { isGood, lines } = judge(nodeThatTold(), readSeries(page));
  expect(isGood).toBe(false);
  expect(lines[0]).toEndWith("the exporter counted 2: not all is well");
  expect(lines.slice(1)).toEqual([
    "bitcoin_tip_updates_total: the node told 1, the exporter counted undefined",
    "bitcoin_utxo_cache_add_value_total: the node told 5000000000, the exporter counted 5000000001",
  ]);
});

test("an exporter that never came is not good, though it counted nothing wrong", () => {
  const page = PAGE.replace("bitcoin_block_height 110", "").replace(/ (1|5000000000)$/gm, " 0");
  expect(judge(new SimulatedNode({ socketPath: "unused" }), readSeries(page))).toMatchObject({
    isGood: false,
    lines: [expect.any(String), "the exporter has not connected"],
  });
});

test("what a collector counts that is off is not asked for", () => {
  const others = DEFAULT_COLLECTORS.filter((name) => name !== "utxocache");
  expect(judge(nodeThatTold(), without("bitcoin_utxo_cache_"), { collectors: others })).toEqual({
    isGood: true,
    lines: [
      "the node told 3 events (sessions: 1, blocks connected: 1, disconnected: 0, transactions: 0, coins: 1), " +
        "1 of them for no collector, the exporter counted 2: all is equal",
    ],
  });
  const { isGood, lines } = judge(nodeThatTold(), without("bitcoin_mempool_"), { collectors: others });
  expect(isGood).toBe(false);
  expect(lines).toContain("bitcoin_mempool_tx_added_total: the node told 0, the exporter counted undefined");
});

test("the chain is counted whatever is chosen", () => {
  const page = PAGE.replace(/^bitcoin_(mempool|utxo_cache)_.*$/gm, "");
  expect(judge(nodeThatTold(), readSeries(page), { collectors: ["mempool"] }).isGood).toBe(false);
  expect(judge(nodeThatTold(), readSeries(page), { collectors: [] }).isGood).toBe(true);
  const wrong = page.replace("bitcoin_blocks_connected_total 1", "bitcoin_blocks_connected_total 2");
  expect(judge(nodeThatTold(), readSeries(wrong), { collectors: [] }).lines.slice(1)).toEqual([
    "bitcoin_blocks_connected_total: the node told 1, the exporter counted 2",
  ]);
});

test("an exporter that does not subscribe is told nothing, but has to come", () => {
  const node = new SimulatedNode({ socketPath: "unused" });
  expect(judge(node, readSeries(PAGE), { subscribe: false })).toEqual({
    isGood: true,
    lines: ["the exporter did not subscribe, so the node told it nothing: all is equal"],
  });
  const absent = readSeries(PAGE.replace("bitcoin_ipc_connects_total 1", "bitcoin_ipc_connects_total 0"));
  expect(judge(node, absent, { subscribe: false })).toMatchObject({
    isGood: false,
    lines: [expect.stringContaining("not all is well"), "the exporter has not connected"],
  });
});
