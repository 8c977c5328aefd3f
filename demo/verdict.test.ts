import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DEFAULT_COLLECTORS } from "../src/collectors/catalogue.ts";
import { readSeries, type SeriesMap } from "../src/metrics/text-format-reader.ts";
import { SimulatedChain } from "./node/chain.ts";
import { SimulatedNode } from "./simulated-node.ts";
import { judge } from "./verdict.ts";

/** The page of an exporter that counted one block with a coinbase only, and the coin that it adds. */
const PAGE = `
bitcoin_ipc_connects_total 1
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

/** The page of an exporter without the families of this prefix. */
function without(families: string): SeriesMap {
  const lines = PAGE.split("\n").filter((line) => !line.startsWith(families));
  return readSeries(lines.join("\n"));
}

/** The counters of METRICS.md whose first source is a callback. */
const COUNTERS = [
  ...readFileSync(join(import.meta.dirname, "../METRICS.md"), "utf8").matchAll(
    /^\| `(\w+_total)` \| counter \| [^|]+ \| `(?:ChainNotifications|UtxoCacheTrace)\./gm,
  ),
].map(([, name]) => name!);

test.each(COUNTERS)("%s is compared", (name) => {
  expect(judge(reportingNode(), without(name)).isGood).toBe(false);
});

function reportingNode(): SimulatedNode {
  const node = new SimulatedNode({ socketPath: "unused" });
  node.reported.sessions = 1;
  for (const event of new SimulatedChain({ seed: 1, blocks: 110 }).mineBlock()) node.reported.add(event);
  return node;
}

test("is good when every counter equals what the node reported", () => {
  const { isGood, lines } = judge(reportingNode(), readSeries(PAGE));
  expect(lines).toEqual([
    "the node reported 3 events (sessions: 1, blocks connected: 1, disconnected: 0, transactions: 0, coins: 1), " +
      "the exporter counted 3: equal",
  ]);
  expect(isGood).toBe(true);
});

test("names each series that differs, by a satoshi or a missing sample", () => {
  const page = PAGE.replace("5000000000", "5000000001").replace("bitcoin_tip_updates_total 1", "");
  const { isGood, lines } = judge(reportingNode(), readSeries(page));
  expect(isGood).toBe(false);
  expect(lines[0]).toEndWith("the exporter counted 2: not correct");
  expect(lines.slice(1)).toEqual([
    "bitcoin_tip_updates_total: the node reported 1, the exporter counted undefined",
    "bitcoin_utxo_cache_add_value_total: the node reported 5000000000, the exporter counted 5000000001",
  ]);
});

test("names a height that remains after the exporter has disconnected", () => {
  const { isGood, lines } = judge(reportingNode(), readSeries(`${PAGE}bitcoin_block_height 110\n`));
  expect(isGood).toBe(false);
  expect(lines.slice(1)).toEqual(["bitcoin_block_height: the node reported undefined, the exporter counted 110"]);
});

test("an exporter that never connected is not good, though its counters are right", () => {
  const page = PAGE.replace(/ (1|5000000000)$/gm, " 0");
  expect(judge(new SimulatedNode({ socketPath: "unused" }), readSeries(page))).toMatchObject({
    isGood: false,
    lines: [expect.any(String), "the exporter has not connected"],
  });
});

test("the families of a collector that is off are not compared", () => {
  const others = DEFAULT_COLLECTORS.filter((name) => name !== "utxocache");
  expect(judge(reportingNode(), without("bitcoin_utxo_cache_"), { collectors: others })).toEqual({
    isGood: true,
    lines: [
      "the node reported 3 events (sessions: 1, blocks connected: 1, disconnected: 0, transactions: 0, coins: 1), " +
        "1 of them not collected, the exporter counted 2: equal",
    ],
  });
  const { isGood, lines } = judge(reportingNode(), without("bitcoin_mempool_"), { collectors: others });
  expect(isGood).toBe(false);
  expect(lines).toContain("bitcoin_mempool_tx_added_total: the node reported 0, the exporter counted undefined");
});

test("the chain is compared whatever collectors are on", () => {
  const page = PAGE.replace(/^bitcoin_(mempool|utxo_cache)_.*$/gm, "");
  expect(judge(reportingNode(), readSeries(page), { collectors: ["mempool"] }).isGood).toBe(false);
  expect(judge(reportingNode(), readSeries(page), { collectors: [] }).isGood).toBe(true);
  const wrong = page.replace("bitcoin_blocks_connected_total 1", "bitcoin_blocks_connected_total 2");
  expect(judge(reportingNode(), readSeries(wrong), { collectors: [] }).lines.slice(1)).toEqual([
    "bitcoin_blocks_connected_total: the node reported 1, the exporter counted 2",
  ]);
});

test("an exporter that does not subscribe counts nothing, but has to connect", () => {
  const node = new SimulatedNode({ socketPath: "unused" });
  expect(judge(node, readSeries(PAGE), { subscribe: false })).toEqual({
    isGood: true,
    lines: ["the exporter did not subscribe, so the node reported nothing: equal"],
  });
  const absent = readSeries(PAGE.replace("bitcoin_ipc_connects_total 1", "bitcoin_ipc_connects_total 0"));
  expect(judge(node, absent, { subscribe: false })).toMatchObject({
    isGood: false,
    lines: [expect.stringContaining("not correct"), "the exporter has not connected"],
  });
});
