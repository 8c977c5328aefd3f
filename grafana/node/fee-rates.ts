// The mempool by fee rate, from the node's diagram of it.

import { coloredSeries, type Override, type Row, timeseries } from "../dashboard.ts";
import { of, SATOSHIS } from "./queries.ts";

/** The label `band`, from cheap to dear, as the collector `feerates` has it. */
export const BANDS = [
  ...["0-0.1", "0.1-0.2", "0.2-0.5", "0.5-1", "1-2", "2-3", "3-5", "5-8", "8-12", "12-20", "20-30", "30-50", "50-80"],
  ...["80-120", "120-200", "200-300", "300-500", "500-1000", "1000+"],
];
/** Hues of the cheapest and the dearest band: blue, then green, yellow, red and purple. */
const HUES = { cheapest: 230, dearest: -60 };
const ON = "Needs v31 and `--collectors default,feerates`.";

const colors: readonly Override[] = BANDS.map((band, index) => {
  const hue = HUES.cheapest + ((HUES.dearest - HUES.cheapest) * index) / (BANDS.length - 1);
  return coloredSeries(band, Bun.color(`hsl(${hue}, 65%, 55%)`, "hex")!);
});

/** A query per band: Prometheus sorts the values of a label as text, which is not their order. */
const byBand = (family: string, unit = "") =>
  BANDS.map((band) => ({ expr: of(family, `band="${band}"`) + unit, legend: band }));

export const feeRatesRow: Row = {
  title: "Mempool by fee rate",
  panels: [
    timeseries({
      title: "Virtual size by fee rate",
      description: `Virtual size of the mempool's transactions by their fee rate in sat/vB. A block has room for almost 1 MvB; the highest fee rates are mined first. ${ON}`,
      unit: "si:vB",
      width: 16,
      height: 12,
      min: 0,
      stack: "filled",
      legendAt: "right",
      queries: byBand("bitcoin_mempool_fee_rate_band_vbytes"),
      overrides: colors,
    }),
    timeseries({
      title: "Next blocks' fee rate",
      description: `Fee rate at which the mempool fills the next 1, 2, 3 and 6 blocks. No line while it does not fill them. ${ON}`,
      unit: "suffix: sat/vB",
      width: 8,
      height: 12,
      logarithmic: true,
      queries: [
        {
          expr: of("bitcoin_mempool_next_blocks_fee_rate_satoshis_per_vbyte"),
          legend: "next {{blocks}}",
        },
      ],
    }),
    timeseries({
      title: "Fees by fee rate",
      description: `Fees of the mempool's transactions by their fee rate, in the colors of the panel above. ${ON}`,
      unit: "suffix: BTC",
      width: 16,
      min: 0,
      stack: "filled",
      legendAt: "none",
      queries: byBand("bitcoin_mempool_fee_rate_band_fees_satoshis", ` / ${SATOSHIS}`),
      overrides: colors,
    }),
    timeseries({
      title: "Next block's fees",
      description: `Fees of the transactions that fit into the next block. ${ON}`,
      unit: "suffix: BTC",
      width: 8,
      min: 0,
      queries: [{ expr: `${of("bitcoin_mempool_next_block_fees_satoshis")} / ${SATOSHIS}`, legend: "fees" }],
    }),
  ],
};
