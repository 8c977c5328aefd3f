import { expect, test } from "bun:test";
import { Samples } from "./scrape.ts";
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

function nodeThatTold(): SimulatedNode {
  const node = new SimulatedNode({ socketPath: "unused" });
  node.told.sessions = 1;
  for (const event of new SimulatedChain({ seed: 1, blocks: 110 }).mineBlock()) node.told.add(event);
  return node;
}

test("is good when every counter is what was told", () => {
  const { isGood, lines } = judge(nodeThatTold(), new Samples(PAGE));
  expect(lines).toEqual([
    "the node told 3 events (sessions: 1, blocks connected: 1, disconnected: 0, transactions: 0, coins: 1), " +
      "the exporter counted 3: all is equal",
  ]);
  expect(isGood).toBe(true);
});

test("names what differs, be it a satoshi or a sample that is not there", () => {
  const page = PAGE.replace("5000000000", "5000000001").replace("bitcoin_tip_updates_total 1", "");
  const { isGood, lines } = judge(nodeThatTold(), new Samples(page));
  expect(isGood).toBe(false);
  expect(lines[0]).toEndWith("the exporter counted 2: not all is well");
  expect(lines.slice(1)).toEqual([
    "bitcoin_tip_updates_total: the node told 1, the exporter counted undefined",
    "bitcoin_utxo_cache_add_value_total: the node told 5000000000, the exporter counted 5000000001",
  ]);
});

test("an exporter that never came is not good, though it counted nothing wrong", () => {
  const page = PAGE.replace("bitcoin_block_height 110", "").replace(/ (1|5000000000)$/gm, " 0");
  expect(judge(new SimulatedNode({ socketPath: "unused" }), new Samples(page))).toMatchObject({
    isGood: false,
    lines: [expect.any(String), "the exporter has not connected"],
  });
});
