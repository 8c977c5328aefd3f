import type { ExporterMap } from "../map.ts";

export const usdtDash: ExporterMap = {
  exporter: "usdt-dash",
  source: "github.com/bitcoin-dev-tools/usdt-dash at 554156b, tracing/bitcoind_exporter.py and tracing/rpc_exporter.py",
  entries: [
    { theirs: "bitcoind_mempool_added_total", ours: "bitcoin_mempool_tx_added_total" },
    {
      theirs: "bitcoind_mempool_added_fees_satoshis_total",
      note: "the node's callback has the transaction without its fee",
    },
    {
      theirs: "bitcoind_mempool_added_vbytes_total",
      note: "transactions are counted, not taken apart",
    },
    {
      theirs: "bitcoind_mempool_removed_total{reason!='block'}",
      ours: "bitcoin_mempool_tx_removed_by_reason_total",
    },
    {
      theirs: "bitcoind_mempool_removed_total{reason='block'}",
      note: "over IPC the node does not report a transaction that leaves in a block",
    },
    {
      theirs: "bitcoind_mempool_replaced_total",
      ours: "bitcoin_mempool_tx_removed_by_reason_total{reason='replaced'}",
    },
    { theirs: "bitcoind_mempool_rejected_total", note: "the node reports no rejections over IPC" },
    {
      theirs: "bitcoind_p2p_messages_total",
      note: "there is no source over IPC for single P2P messages",
    },
    {
      theirs: "bitcoind_p2p_bytes_total",
      note: "there is no source over IPC for single P2P messages; all types together come near bitcoin_bytes_recv_total and bitcoin_bytes_sent_total, which have the headers too",
    },
    {
      theirs: "bitcoind_connections_inbound",
      differs: true,
      ours: "sum without (direction, network, connection_type, transport) (bitcoin_connections{direction='inbound'})",
      query: "sum without (direction, network, connection_type, transport) (bitcoin_connections{direction='inbound'})",
      note: "theirs is as of the inbound connection opened last, bitcoin_connections as of the last poll",
    },
    {
      theirs: "bitcoind_connections_outbound",
      differs: true,
      ours: "sum without (direction, network, connection_type, transport) (bitcoin_connections{direction='outbound'})",
      query: "sum without (direction, network, connection_type, transport) (bitcoin_connections{direction='outbound'})",
      note: "theirs is as of the outbound connection opened last, bitcoin_connections as of the last poll",
    },
    {
      theirs: "bitcoind_connections_opened_total",
      note: "there is no source over IPC for single connections",
    },
    {
      theirs: "bitcoind_connections_closed_total",
      note: "there is no source over IPC for single connections",
    },
    {
      theirs: "bitcoind_connections_evicted_total",
      note: "there is no source over IPC for single connections",
    },
    {
      theirs: "bitcoind_connections_misbehaving_total",
      note: "there is no source over IPC for single connections",
    },
    {
      theirs: "bitcoind_block_height",
      ours: "bitcoin_block_height",
      absent: 0,
      note: "0 there and no sample here before the first block",
    },
    {
      theirs: "bitcoind_block_connected_seconds",
      note: "the node does not tell how long a block took",
    },
    {
      theirs: "bitcoind_block_transactions",
      ours: "bitcoin_last_block_transactions",
      absent: 0,
      note: "0 there before the first block",
    },
    { theirs: "bitcoind_block_sigops", note: "the exporter does not ask for it" },
    {
      theirs: "bitcoind_block_inputs",
      differs: true,
      ours: "bitcoin_last_block_inputs",
      query: "bitcoin_last_block_inputs + 1",
      note: "theirs counts the coinbase's input too, bitcoin_last_block_inputs does not",
    },
    {
      theirs: "bitcoind_utxocache_flush_duration_seconds_count",
      ours: "bitcoin_chain_state_flushes_total",
    },
    {
      theirs: "bitcoind_utxocache_flush_duration_seconds_sum",
      note: "the node reports a flush when it is done, not how long it took",
    },
    {
      theirs: "bitcoind_utxocache_flush_coins",
      note: "the node reports the flush without its size",
    },
    {
      theirs: "bitcoind_utxocache_flush_memory_bytes",
      note: "the node reports the flush without its size",
    },
    {
      theirs: "bitcoind_utxocache_coins_added_total",
      ours: "bitcoin_utxo_cache_add_total",
      note: "while ours traces",
    },
    {
      theirs: "bitcoind_utxocache_coins_spent_total",
      ours: "bitcoin_utxo_cache_spend_total",
      note: "while ours traces",
    },
    {
      theirs: "bitcoind_utxocache_coins_uncached_total",
      ours: "bitcoin_utxo_cache_uncache_total",
      note: "while ours traces",
    },
    { theirs: "bitcoind_blockchain_blocks", ours: "bitcoin_chain_height" },
    { theirs: "bitcoind_blockchain_headers", ours: "bitcoin_header_height" },
    { theirs: "bitcoind_blockchain_verification_progress", ours: "bitcoin_verification_progress" },
    { theirs: "bitcoind_blockchain_difficulty", ours: "bitcoin_difficulty" },
    { theirs: "bitcoind_blockchain_size_bytes", ours: "bitcoin_size_on_disk_bytes" },
    { theirs: "bitcoind_mempool_size", ours: "bitcoin_mempool_size" },
    {
      theirs: "bitcoind_mempool_bytes",
      ours: "bitcoin_mempool_vsize_bytes",
      note: "virtual bytes",
    },
    { theirs: "bitcoind_mempool_usage_bytes", ours: "bitcoin_mempool_bytes", note: "memory" },
    { theirs: "bitcoind_mempool_max_bytes", ours: "bitcoin_mempool_max_bytes" },
    {
      theirs: "bitcoind_mempool_minfee_per_kb",
      ours: "bitcoin_mempool_min_fee_rate_satoshis_per_vbyte",
      factor: 1e-5,
      note: "theirs is in BTC per 1000 virtual bytes",
    },
    {
      theirs: "bitcoind_net_bytes_recv_total",
      ours: "bitcoin_bytes_recv_total",
      note: "a gauge there, in spite of its name",
    },
    {
      theirs: "bitcoind_net_bytes_sent_total",
      ours: "bitcoin_bytes_sent_total",
      note: "a gauge there, in spite of its name",
    },
    {
      theirs: "bitcoind_net_connections_in",
      ours: "sum without (direction, network, connection_type, transport) (bitcoin_connections{direction='inbound'})",
    },
    {
      theirs: "bitcoind_net_connections_out",
      ours: "sum without (direction, network, connection_type, transport) (bitcoin_connections{direction='outbound'})",
    },
    {
      theirs: "bitcoind_<counter>_created",
      note: "when their counter was made, which their client library adds to each",
    },
    { theirs: "python_<name>", note: "of the runtime that their exporter is written in" },
    {
      theirs: "process_<name>",
      differs: true,
      ours: "process_<name>",
      note: "each is of its own exporter's process",
    },
  ],
};
