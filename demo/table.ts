// What the demo shows of a page: values and rates of some families, as a table or in one line.

import type { ScrapeHistory } from "./scrape-history.ts";

const LABEL_WIDTH = 9;
const CELL_WIDTH = 18;
const SAT_PER_BTC = 1e8;
/** Shown for a series without a sample. */
const UNKNOWN = "–";

/** One row per line. */
export function table(history: ScrapeHistory): string[] {
  const value = (series: string) => number(history.value(series));
  const rate = (series: string) => `${history.rate(series).toFixed(1)}/s`;
  const coins = (flow: string) => [
    `${value(`bitcoin_utxo_cache_${flow}_total`)} coins`,
    rate(`bitcoin_utxo_cache_${flow}_total`),
    `${number(history.value(`bitcoin_utxo_cache_${flow}_value_total`), SAT_PER_BTC)} BTC`,
  ];
  return [
    row("node", state(history), `session ${value("bitcoin_ipc_connects_total")}`),
    row(
      "chain",
      `height ${value("bitcoin_chain_height")}`,
      `headers ${value("bitcoin_header_height")}`,
      `verified ${percent(history.value("bitcoin_verification_progress"))}`,
    ),
    row(
      "blocks",
      `${value("bitcoin_blocks_connected_total")} connected`,
      `${value("bitcoin_blocks_disconnected_total")} disconnected`,
      `${value("bitcoin_tip_updates_total")} tip updates`,
      `${value("bitcoin_chain_state_flushes_total")} flushes`,
    ),
    row(
      "mempool",
      `${value("bitcoin_mempool_size")} transactions`,
      `${number(history.value("bitcoin_mempool_bytes"), 1000)} kB`,
      `${rate("bitcoin_mempool_tx_added_total")} added`,
      `${value('bitcoin_mempool_tx_removed_by_reason_total{reason="replaced"}')} replaced`,
    ),
    row("UTXO", "added", ...coins("add")),
    row("", "spent", ...coins("spend")),
    row("", "uncached", ...coins("uncache")),
    row(
      "peers",
      `${value("bitcoin_peers")} connected`,
      `${(history.rate("bitcoin_bytes_recv_total") / 1000).toFixed(1)} kB/s in`,
      `${(history.rate("bitcoin_bytes_sent_total") / 1000).toFixed(1)} kB/s out`,
    ),
  ];
}

/** The most important values in one line. */
export function summary(history: ScrapeHistory): string {
  const value = (series: string) => number(history.value(series));
  return [
    state(history),
    `height ${value("bitcoin_chain_height")}`,
    `mempool ${value("bitcoin_mempool_size")} (${history.rate("bitcoin_mempool_tx_added_total").toFixed(1)}/s added)`,
    `blocks +${value("bitcoin_blocks_connected_total")} -${value("bitcoin_blocks_disconnected_total")}`,
    `coins +${value("bitcoin_utxo_cache_add_total")} -${value("bitcoin_utxo_cache_spend_total")}`,
  ].join(", ");
}

function state(history: ScrapeHistory): string {
  if (history.value("bitcoin_ipc_up") !== 1) return "not connected";
  return history.value("bitcoin_ibd") === 1 ? "catching up" : "connected";
}

function row(label: string, ...cells: string[]): string {
  const line = label.padEnd(LABEL_WIDTH) + cells.map((cell) => cell.padEnd(CELL_WIDTH)).join("");
  return line.trimEnd();
}

function number(value: number | undefined, unit = 1): string {
  if (value === undefined) return UNKNOWN;
  return (value / unit).toLocaleString("en-US", { maximumFractionDigits: unit === 1 ? 0 : 1 });
}

function percent(share: number | undefined): string {
  return share === undefined ? UNKNOWN : `${(share * 100).toFixed(1)} %`;
}
