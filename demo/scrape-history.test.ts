import { expect, test } from "bun:test";
import { readSeries } from "../src/metrics/text-format-reader.ts";
import { changes } from "./changes.ts";
import { ScrapeHistory } from "./scrape-history.ts";
import { summary, table } from "./table.ts";

/** A history of scrapes half a second apart, each given by its page. */
function historyOf(...pages: string[]): ScrapeHistory {
  const history = new ScrapeHistory();
  pages.forEach((page, index) => {
    history.add(readSeries(`${page}\n`), index * 500);
  });
  return history;
}

test("a rate covers the last five seconds", () => {
  expect(historyOf("a_total 0").rate("a_total")).toBe(0);
  expect(historyOf("a_total 5", "a_total 10", "a_total 11").rate("a_total")).toBe(6);
  const pages = Array.from({ length: 30 }, (_, index) => `a_total ${index < 15 ? 100 * index : 1400 + index}`);
  expect(historyOf(...pages).rate("a_total")).toBe(2);
});

test("a counter that restarts has grown by its new value", () => {
  expect(historyOf("a_total 100", "a_total 3").increase("a_total")).toBe(3);
  expect(historyOf("a_total 100", "", "a_total 3").increase("a_total")).toBe(0);
  expect(historyOf("a_total 100", "a_total 104", "a_total 2").rate("a_total")).toBe(6);
});

test("describes what changed between two scrapes", () => {
  const blocks = (connected: number, disconnected: number, height: number) =>
    `bitcoin_blocks_connected_total ${connected}\nbitcoin_blocks_disconnected_total ${disconnected}\n` +
    `bitcoin_block_height ${height}`;
  const replaced = (count: number) => `bitcoin_mempool_tx_removed_by_reason_total{reason="replaced"} ${count}`;
  expect(changes(historyOf(blocks(5, 0, 7)))).toEqual([]);
  expect(changes(historyOf(blocks(5, 0, 7), blocks(5, 0, 7)))).toEqual([]);
  expect(changes(historyOf(blocks(5, 0, 7), blocks(6, 0, 8)))).toEqual(["1 block connected, now at 8"]);
  expect(changes(historyOf(blocks(5, 0, 7), blocks(8, 2, 8)))).toEqual([
    "reorganization: 2 blocks disconnected, 3 connected, now at 8",
  ]);
  expect(changes(historyOf(replaced(0), replaced(1)))).toEqual(["a transaction was replaced"]);
  expect(changes(historyOf(replaced(1), replaced(3)))).toEqual(["2 transactions were replaced"]);
  expect(changes(historyOf("bitcoin_chain_state_flushes_total 1", "bitcoin_chain_state_flushes_total 2"))).toEqual([
    "the chain state was flushed",
  ]);
  expect(changes(historyOf("bitcoin_ibd 1", "bitcoin_ibd 0"))).toEqual(["the initial block download is complete"]);
  expect(changes(historyOf("bitcoin_utxo_cache_add_total 0", "bitcoin_utxo_cache_add_total 4"))).toEqual([
    "the UTXO cache is traced",
  ]);
});

test("the table has a row for each subject, and a dash for a series without a sample", () => {
  const up = historyOf(
    "bitcoin_ipc_up 1\nbitcoin_ipc_connects_total 2\nbitcoin_chain_height 123456\nbitcoin_verification_progress 0.5",
  );
  const [node, chain] = table(up);
  expect(node).toBe("node     connected         session 2");
  expect(chain).toBe("chain    height 123,456    headers –         verified 50.0 %");
  expect(table(historyOf("bitcoin_ipc_up 0"))[0]).toStartWith("node     not connected");
  expect(summary(up)).toStartWith("connected, height 123,456, mempool –");
});
