// The node's fee estimates, and the minimum fee rates that it accepts.

import { bargauge, type Row, timeseries } from "../dashboard.ts";
import { of } from "./queries.ts";

export const feesRow: Row = {
  title: "Fee estimates",
  panels: [
    timeseries({
      title: "Estimates",
      description: "Estimated fee rate for confirmation within the given number of blocks. Empty with `-blocksonly`.",
      unit: "suffix: sat/vB",
      width: 8,
      logarithmic: true,
      legendAt: "right",
      queries: [{ expr: of("bitcoin_fee_estimate_satoshis_per_vbyte"), legend: "{{target}} blocks" }],
    }),
    timeseries({
      title: "By estimator",
      description:
        "Estimates for two blocks by estimator: block_policy uses past blocks, mempool_policy the mempool (v32 and later).",
      unit: "suffix: sat/vB",
      width: 6,
      logarithmic: true,
      queries: [
        {
          expr: of("bitcoin_fee_estimate_by_estimator_satoshis_per_vbyte", 'target="2"'),
          legend: "{{estimator}}",
        },
      ],
    }),
    bargauge({
      title: "Estimates now",
      description: "The current estimates by target.",
      unit: "suffix: sat/vB",
      width: 5,
      min: 0,
      steps: [{ color: "blue" }],
      queries: [
        {
          expr: `sort_desc(${of("bitcoin_fee_estimate_satoshis_per_vbyte")})`,
          legend: "{{target}} blocks",
          instant: true,
        },
      ],
    }),
    timeseries({
      title: "Minimum fee rates",
      description:
        "Minimum fee rate to enter the mempool and to be relayed, and what a replacement has to add. The first rises when the mempool is full.",
      unit: "suffix: sat/vB",
      width: 5,
      min: 0,
      queries: [
        { expr: of("bitcoin_mempool_min_fee_rate_satoshis_per_vbyte"), legend: "mempool" },
        { expr: of("bitcoin_min_relay_fee_rate_satoshis_per_vbyte"), legend: "relay" },
        { expr: of("bitcoin_incremental_relay_fee_rate_satoshis_per_vbyte"), legend: "replacement" },
      ],
    }),
  ],
};
