import type { ExporterMap } from "../maps.ts";
import { BITCOIN_NAMES, hashRate, inBtc, inBtcPerKvb, PYTHON } from "./shared.ts";

export const jvstein: ExporterMap = {
  exporter: "jvstein/bitcoin-prometheus-exporter",
  source: "github.com/jvstein/bitcoin-prometheus-exporter, commit a3e1e02, bitcoind-monitor.py",
  entries: [
    ...BITCOIN_NAMES,
    {
      theirs: "bitcoin_num_chaintips",
      ours: "sum without (status) (bitcoin_chain_tips)",
      note: "read at every 10th poll",
    },
    hashRate("bitcoin_hashps"),
    {
      theirs: "bitcoin_warnings_total",
      differs: true,
      ours: "bitcoin_warnings",
      note: "theirs counts the scrapes with a warning, bitcoin_warnings the current warnings",
    },
    { theirs: "bitcoin_mempool_usage", ours: "bitcoin_mempool_bytes", note: "memory" },
    inBtcPerKvb("bitcoin_mempool_minfee", "bitcoin_mempool_min_fee_rate_satoshis_per_vbyte"),
    { theirs: "bitcoin_mempool_unbroadcast", ours: "bitcoin_mempool_unbroadcast_transactions" },
    { theirs: "bitcoin_latest_block_size", ours: "bitcoin_last_block_size_bytes" },
    inBtc("bitcoin_latest_block_value", "bitcoin_last_block_total_out_satoshis"),
    inBtc("bitcoin_latest_block_fee", "bitcoin_last_block_total_fee_satoshis"),
    { theirs: "bitcoin_rpc_active", ours: "bitcoin_rpc_active_commands" },
    {
      theirs: "bitcoin_exporter_errors_total",
      differs: true,
      ours: "bitcoin_ipc_call_errors_total",
      note: "by kind of error there; bitcoin_ipc_call_errors_total is by method",
    },
    {
      theirs: "bitcoin_exporter_process_time_total",
      differs: true,
      ours: "bitcoin_ipc_poll_duration_seconds",
      note: "all refreshes together there; bitcoin_ipc_poll_duration_seconds is the last poll",
    },
    { theirs: "bitcoin_<counter>_created", note: "their client library adds the creation time of each counter" },
    PYTHON,
  ],
};
