import type { ExporterMap } from "../map.ts";

export const usdtDash: ExporterMap = {
  exporter: "usdt-dash",
  source: "github.com/bitcoin-dev-tools/usdt-dash at 554156b, tracing/bitcoind_exporter.py and tracing/rpc_exporter.py",
  entries: [
    { theirs: "bitcoind_mempool_added_total", ours: "bitcoin_mempool_tx_added_total" },
    {
      theirs: "bitcoind_mempool_added_fees_satoshis_total",
      note: "the node's callback does not contain the fee",
    },
    {
      theirs: "bitcoind_mempool_added_vbytes_total",
      note: "the exporter counts transactions without parsing them",
    },
    {
      theirs: "bitcoind_mempool_removed_total{reason!='block'}",
      ours: "bitcoin_mempool_tx_removed_by_reason_total",
    },
    {
      theirs: "bitcoind_mempool_removed_total{reason='block'}",
      note: "IPC does not report transactions removed by a block",
    },
    {
      theirs: "bitcoind_mempool_replaced_total",
      ours: "bitcoin_mempool_tx_removed_by_reason_total{reason='replaced'}",
    },
    { theirs: "bitcoind_mempool_rejected_total", note: "the node reports no rejections over IPC" },
    {
      theirs: "bitcoind_p2p_messages_total",
      note: "IPC does not report single P2P messages",
    },
    {
      theirs: "bitcoind_p2p_bytes_total",
      note: "IPC does not report single P2P messages; all types together are close to bitcoin_bytes_recv_total and bitcoin_bytes_sent_total, which include headers",
    },
    {
      theirs: "bitcoind_connections_inbound",
      differs: true,
      ours: "sum without (direction, network, connection_type, transport) (bitcoin_connections{direction='inbound'})",
      query: "sum without (direction, network, connection_type, transport) (bitcoin_connections{direction='inbound'})",
      note: "theirs changes with each new inbound connection, bitcoin_connections with each poll",
    },
    {
      theirs: "bitcoind_connections_outbound",
      differs: true,
      ours: "sum without (direction, network, connection_type, transport) (bitcoin_connections{direction='outbound'})",
      query: "sum without (direction, network, connection_type, transport) (bitcoin_connections{direction='outbound'})",
      note: "theirs changes with each new outbound connection, bitcoin_connections with each poll",
    },
    {
      theirs: "bitcoind_connections_opened_total",
      note: "IPC does not report single connections",
    },
    {
      theirs: "bitcoind_connections_closed_total",
      note: "IPC does not report single connections",
    },
    {
      theirs: "bitcoind_connections_evicted_total",
      note: "IPC does not report single connections",
    },
    {
      theirs: "bitcoind_connections_misbehaving_total",
      note: "IPC does not report single connections",
    },
    {
      theirs: "bitcoind_block_height",
      ours: "bitcoin_block_height",
      absent: 0,
      note: "0 there and no sample here before the first block",
    },
    {
      theirs: "bitcoind_block_connected_seconds",
      note: "IPC does not report the duration of a block",
    },
    {
      theirs: "bitcoind_block_transactions",
      ours: "bitcoin_last_block_transactions",
      absent: 0,
      note: "0 there before the first block",
    },
    { theirs: "bitcoind_block_sigops", note: "the exporter does not read it" },
    {
      theirs: "bitcoind_block_inputs",
      differs: true,
      ours: "bitcoin_last_block_inputs",
      query: "bitcoin_last_block_inputs + 1",
      note: "theirs includes the coinbase's input, bitcoin_last_block_inputs does not",
    },
    {
      theirs: "bitcoind_utxocache_flush_duration_seconds_count",
      ours: "bitcoin_chain_state_flushes_total",
    },
    {
      theirs: "bitcoind_utxocache_flush_duration_seconds_sum",
      note: "IPC reports a flush without its duration",
    },
    {
      theirs: "bitcoind_utxocache_flush_coins",
      note: "IPC reports a flush without its size",
    },
    {
      theirs: "bitcoind_utxocache_flush_memory_bytes",
      note: "IPC reports a flush without its size",
    },
    {
      theirs: "bitcoind_utxocache_coins_added_total",
      ours: "bitcoin_utxo_cache_add_total",
      note: "while the UTXO trace is active",
    },
    {
      theirs: "bitcoind_utxocache_coins_spent_total",
      ours: "bitcoin_utxo_cache_spend_total",
      note: "while the UTXO trace is active",
    },
    {
      theirs: "bitcoind_utxocache_coins_uncached_total",
      ours: "bitcoin_utxo_cache_uncache_total",
      note: "while the UTXO trace is active",
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
      note: "a gauge there, despite its name",
    },
    {
      theirs: "bitcoind_net_bytes_sent_total",
      ours: "bitcoin_bytes_sent_total",
      note: "a gauge there, despite its name",
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
      note: "their client library adds the creation time of each counter",
    },
    { theirs: "python_<name>", note: "describes the runtime of their exporter" },
    {
      theirs: "process_<name>",
      differs: true,
      ours: "process_<name>",
      note: "each describes the process of its own exporter",
    },
  ],
};
