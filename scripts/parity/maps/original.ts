import type { ExporterMap } from "../maps.ts";
import { same } from "./shared.ts";

export const original: ExporterMap = {
  exporter: "ipc-exporter-rust",
  source: "github.com/bitcoin-dev-tools/ipc-exporter-rust, commit bc04149, src/metrics.rs",
  entries: [
    same("bitcoin_blocks_connected_total"),
    same("bitcoin_blocks_disconnected_total"),
    same("bitcoin_mempool_tx_added_total"),
    same("bitcoin_mempool_tx_removed_total"),
    same("bitcoin_tip_updates_total"),
    same("bitcoin_chain_state_flushes_total"),
    same("bitcoin_block_height", { absent: -1, note: "-1 there and no sample here before the first block" }),
    same("bitcoin_header_height", {
      absent: -1,
      note: "-1 there and no sample here before the first poll; polled once a minute there",
    }),
    same("bitcoin_chain_height", { note: "removed from its newest versions, but still in its METRICS.md" }),
    same("bitcoin_ibd", { note: "0 there and no sample here before the first poll; polled once a minute there" }),
    same("bitcoin_verification_progress", { note: "polled once a minute there" }),
    same("bitcoin_mempool_size", { note: "polled once a minute there" }),
    same("bitcoin_mempool_bytes", { note: "memory in both; polled once a minute there" }),
    same("bitcoin_mempool_max_bytes", { note: "polled once a minute there" }),
    same("bitcoin_peers", { note: "polled once a minute there" }),
    same("bitcoin_bytes_recv_total", { compare: "value", note: "polled once a minute there" }),
    same("bitcoin_bytes_sent_total", { compare: "value", note: "polled once a minute there" }),
    same("bitcoin_utxo_cache_add_total"),
    same("bitcoin_utxo_cache_add_value_total"),
    same("bitcoin_utxo_cache_spend_total"),
    same("bitcoin_utxo_cache_spend_value_total"),
    same("bitcoin_utxo_cache_uncache_total"),
    same("bitcoin_utxo_cache_uncache_value_total"),
  ],
};
