// Coins: the changes of the UTXO cache, and the UTXO set.

import { type Row, timeseries } from "../dashboard.ts";
import { increase, of, rate, SATOSHIS } from "./queries.ts";

const ON = "Needs `--collectors default,utxoset` and a node with `-coinstatsindex`.";

export const coinsRow: Row = {
  title: "Coins",
  panels: [
    timeseries({
      title: "Coins in the cache",
      description:
        "Coins added to the cache, spent, and removed unspent. Transactions entering the mempool look up coins too. Reported by pr/trace nodes.",
      unit: "suffix: /s",
      width: 8,
      min: 0,
      queries: [
        { expr: rate("bitcoin_utxo_cache_add_total"), legend: "added" },
        { expr: rate("bitcoin_utxo_cache_spend_total"), legend: "spent" },
        { expr: rate("bitcoin_utxo_cache_uncache_total"), legend: "removed" },
      ],
    }),
    timeseries({
      title: "Value in the cache",
      description: "Value of these coins. Reported by pr/trace nodes.",
      unit: "suffix: BTC/s",
      width: 8,
      min: 0,
      queries: [
        { expr: `${rate("bitcoin_utxo_cache_add_value_total")} / ${SATOSHIS}`, legend: "added" },
        { expr: `${rate("bitcoin_utxo_cache_spend_value_total")} / ${SATOSHIS}`, legend: "spent" },
        { expr: `${rate("bitcoin_utxo_cache_uncache_value_total")} / ${SATOSHIS}`, legend: "removed" },
      ],
    }),
    timeseries({
      title: "Added minus spent",
      description: "Growth of the UTXO set within the last hour, as the cache shows it. Reported by pr/trace nodes.",
      unit: "short",
      width: 8,
      queries: [
        {
          expr: `${increase("bitcoin_utxo_cache_add_total", "1h")} - ${increase("bitcoin_utxo_cache_spend_total", "1h")}`,
          legend: "coins per hour",
        },
      ],
    }),
    timeseries({
      title: "UTXO set",
      description: `Unspent outputs at the last block. ${ON}`,
      unit: "short",
      width: 8,
      queries: [{ expr: of("bitcoin_utxo_set_coins"), legend: "coins" }],
    }),
    timeseries({
      title: "Supply",
      description: `Value of all unspent outputs. ${ON}`,
      unit: "suffix: BTC",
      width: 8,
      queries: [{ expr: `${of("bitcoin_utxo_set_amount_satoshis")} / ${SATOSHIS}`, legend: "value" }],
    }),
    timeseries({
      title: "Size of the UTXO set",
      description: `Size of the unspent outputs in Bitcoin Core's own measure. ${ON}`,
      unit: "short",
      width: 8,
      queries: [{ expr: of("bitcoin_utxo_set_bogosize"), legend: "size" }],
    }),
  ],
};
