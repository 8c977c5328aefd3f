// Blocks: their number, intervals and arrival, and the contents of the last one.

import { type Row, timeseries } from "../dashboard.ts";
import { increase, of, perDay, quantile, SATOSHIS } from "./queries.ts";

export const blocksRow: Row = {
  title: "Blocks",
  panels: [
    timeseries({
      title: "Blocks per hour",
      description: "Blocks connected within the last hour. The average is six.",
      unit: "none",
      width: 8,
      min: 0,
      queries: [{ expr: increase("bitcoin_blocks_connected_total", "1h"), legend: "connected" }],
    }),
    timeseries({
      title: "Blocks per day",
      description:
        "Blocks connected per day, averaged over the last day, week and month. The average is 144. Too low while Prometheus has no data of the whole window.",
      unit: "none",
      width: 8,
      min: 0,
      decimals: 1,
      queries: [
        { expr: perDay("1d"), legend: "day" },
        { expr: perDay("7d"), legend: "week" },
        { expr: perDay("30d"), legend: "month" },
      ],
    }),
    timeseries({
      title: "Interval",
      description:
        "Time between the headers of the last block and its predecessor. Negative if the block's timestamp is before its predecessor's.",
      unit: "s",
      width: 8,
      queries: [{ expr: of("bitcoin_last_block_interval_seconds"), legend: "interval" }],
    }),
    timeseries({
      title: "Arrival",
      description:
        "Time from the timestamp in a block's header to its arrival at the exporter: median and 90th percentile of the last day. It depends on the clocks of miners and of the exporter's host.",
      unit: "s",
      width: 8,
      min: 0,
      queries: [
        { expr: quantile(0.5, "bitcoin_block_arrival_seconds", "1d"), legend: "median" },
        { expr: quantile(0.9, "bitcoin_block_arrival_seconds", "1d"), legend: "90th percentile" },
      ],
    }),
    timeseries({
      title: "Fullness",
      description: "Weight of the last block's transactions, relative to the limit of four million.",
      unit: "percentunit",
      width: 8,
      min: 0,
      queries: [{ expr: `${of("bitcoin_last_block_weight")} / 4e6`, legend: "of the limit" }],
    }),
    timeseries({
      title: "Transactions",
      description: "Transactions in the last block, and their inputs and outputs.",
      unit: "short",
      width: 8,
      min: 0,
      queries: [
        { expr: of("bitcoin_last_block_transactions"), legend: "transactions" },
        { expr: of("bitcoin_last_block_inputs"), legend: "inputs" },
        { expr: of("bitcoin_last_block_outputs"), legend: "outputs" },
      ],
    }),
    timeseries({
      title: "Fee rates",
      description: "Fee rates at the 10th to the 90th percentile of the last block's weight.",
      unit: "suffix: sat/vB",
      width: 8,
      logarithmic: true,
      queries: [{ expr: of("bitcoin_last_block_fee_rate_satoshis_per_vbyte"), legend: "{{percentile}} %" }],
    }),
    timeseries({
      title: "Reward",
      description: "New coins and fees of the last block.",
      unit: "suffix: BTC",
      width: 8,
      min: 0,
      stack: true,
      queries: [
        { expr: `${of("bitcoin_last_block_subsidy_satoshis")} / ${SATOSHIS}`, legend: "subsidy" },
        { expr: `${of("bitcoin_last_block_total_fee_satoshis")} / ${SATOSHIS}`, legend: "fees" },
      ],
    }),
    timeseries({
      title: "Fee per transaction",
      description: "Average and median fee of the last block's transactions.",
      unit: "suffix: sat",
      width: 8,
      min: 0,
      queries: [
        { expr: of("bitcoin_last_block_average_fee_satoshis"), legend: "average" },
        { expr: of("bitcoin_last_block_median_fee_satoshis"), legend: "median" },
      ],
    }),
    timeseries({
      title: "With witnesses",
      description: "Share of the last block's transactions that have a witness, without the coinbase.",
      unit: "percentunit",
      width: 8,
      min: 0,
      max: 1,
      queries: [
        {
          expr: `${of("bitcoin_last_block_segwit_transactions")} / (${of("bitcoin_last_block_transactions")} - 1)`,
          legend: "share",
        },
      ],
    }),
    timeseries({
      title: "Value",
      description: "Value of the last block's outputs, without the coinbase's.",
      unit: "suffix: BTC",
      width: 8,
      min: 0,
      queries: [{ expr: `${of("bitcoin_last_block_total_out_satoshis")} / ${SATOSHIS}`, legend: "outputs" }],
    }),
    timeseries({
      title: "Unspent outputs",
      description: "Change of the number of unspent outputs by the last block.",
      unit: "short",
      width: 8,
      bars: true,
      queries: [{ expr: of("bitcoin_last_block_utxo_change"), legend: "change" }],
    }),
  ],
};
