import type { ExporterMap } from "../map.ts";

export const original: ExporterMap = {
  exporter: "ipc-exporter-rust",
  source: "github.com/bitcoin-dev-tools/ipc-exporter-rust, commit bc04149, src/metrics.rs",
  entries: [
    { theirs: "bitcoin_blocks_connected_total", ours: "bitcoin_blocks_connected_total" },
    { theirs: "bitcoin_blocks_disconnected_total", ours: "bitcoin_blocks_disconnected_total" },
    { theirs: "bitcoin_mempool_tx_added_total", ours: "bitcoin_mempool_tx_added_total" },
    { theirs: "bitcoin_mempool_tx_removed_total", ours: "bitcoin_mempool_tx_removed_total" },
    { theirs: "bitcoin_tip_updates_total", ours: "bitcoin_tip_updates_total" },
    { theirs: "bitcoin_chain_state_flushes_total", ours: "bitcoin_chain_state_flushes_total" },
    {
      theirs: "bitcoin_block_height",
      ours: "bitcoin_block_height",
      absent: -1,
      note: "-1 there and no sample here before the first block",
    },
    {
      theirs: "bitcoin_header_height",
      ours: "bitcoin_header_height",
      absent: -1,
      note: "-1 there and no sample here before the first poll; polled once a minute there",
    },
    {
      theirs: "bitcoin_chain_height",
      ours: "bitcoin_chain_height",
      note: "removed from its newest versions, but still in its METRICS.md",
    },
    {
      theirs: "bitcoin_ibd",
      ours: "bitcoin_ibd",
      note: "0 there and no sample here before the first poll; polled once a minute there",
    },
    {
      theirs: "bitcoin_verification_progress",
      ours: "bitcoin_verification_progress",
      note: "polled once a minute there",
    },
    { theirs: "bitcoin_mempool_size", ours: "bitcoin_mempool_size", note: "polled once a minute there" },
    {
      theirs: "bitcoin_mempool_bytes",
      ours: "bitcoin_mempool_bytes",
      note: "memory in both; polled once a minute there",
    },
    { theirs: "bitcoin_mempool_max_bytes", ours: "bitcoin_mempool_max_bytes", note: "polled once a minute there" },
    { theirs: "bitcoin_peers", ours: "bitcoin_peers", note: "polled once a minute there" },
    {
      theirs: "bitcoin_bytes_recv_total",
      ours: "bitcoin_bytes_recv_total",
      compare: "value",
      note: "polled once a minute there",
    },
    {
      theirs: "bitcoin_bytes_sent_total",
      ours: "bitcoin_bytes_sent_total",
      compare: "value",
      note: "polled once a minute there",
    },
    { theirs: "bitcoin_utxo_cache_add_total", ours: "bitcoin_utxo_cache_add_total" },
    { theirs: "bitcoin_utxo_cache_add_value_total", ours: "bitcoin_utxo_cache_add_value_total" },
    { theirs: "bitcoin_utxo_cache_spend_total", ours: "bitcoin_utxo_cache_spend_total" },
    { theirs: "bitcoin_utxo_cache_spend_value_total", ours: "bitcoin_utxo_cache_spend_value_total" },
    { theirs: "bitcoin_utxo_cache_uncache_total", ours: "bitcoin_utxo_cache_uncache_total" },
    { theirs: "bitcoin_utxo_cache_uncache_value_total", ours: "bitcoin_utxo_cache_uncache_value_total" },
  ],
};
