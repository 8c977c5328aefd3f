// Describes the changes between the last two scrapes.

import type { ScrapeHistory } from "./scrape-history.ts";

const COINS_ADDED = "bitcoin_utxo_cache_add_total";

export function changes(history: ScrapeHistory): string[] {
  const lines: string[] = [];
  const connected = history.increase("bitcoin_blocks_connected_total");
  const disconnected = history.increase("bitcoin_blocks_disconnected_total");
  const height = history.value("bitcoin_block_height");
  if (disconnected > 0) {
    lines.push(`reorganization: ${blocks(disconnected)} disconnected, ${connected} connected, now at ${height}`);
  } else if (connected > 0) {
    lines.push(`${blocks(connected)} connected, now at ${height}`);
  }
  const replaced = history.increase('bitcoin_mempool_tx_removed_by_reason_total{reason="replaced"}');
  if (replaced > 0)
    lines.push(replaced === 1 ? "a transaction was replaced" : `${replaced} transactions were replaced`);
  if (history.increase("bitcoin_chain_state_flushes_total") > 0) lines.push("the chain state was flushed");
  if (history.previous("bitcoin_ibd") === 1 && history.value("bitcoin_ibd") === 0) {
    lines.push("the initial block download is complete");
  }
  if (history.previous(COINS_ADDED) === 0 && history.increase(COINS_ADDED) > 0) lines.push("the UTXO cache is traced");
  return lines;
}

function blocks(count: number): string {
  return count === 1 ? "1 block" : `${count} blocks`;
}
