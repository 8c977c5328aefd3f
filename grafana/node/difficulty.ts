// Hash rate and difficulty, from what every node reports: the difficulty and the pace of blocks.

import { type Row, stat, timeseries } from "../dashboard.ts";
import { of, pace } from "./queries.ts";

/** Hashes that a block needs on average at difficulty 1. */
const HASHES = "2^32";
const BLOCK_INTERVAL_S = 600;
/** Blocks between two changes of the difficulty. */
const PERIOD = 2016;

const hashRate = `${of("bitcoin_difficulty")} * ${HASHES} / ${BLOCK_INTERVAL_S}`;

export const difficultyRow: Row = {
  title: "Hash rate and difficulty",
  panels: [
    timeseries({
      title: "Hash rate",
      description: "Estimated hash rate of all miners: by the difficulty, and by the blocks of the last day and week.",
      unit: "Hs",
      width: 8,
      min: 0,
      queries: [
        { expr: hashRate, legend: "difficulty" },
        { expr: `${hashRate} * ${pace("1d")}`, legend: "day" },
        { expr: `${hashRate} * ${pace("7d")}`, legend: "week" },
      ],
    }),
    timeseries({
      title: "Difficulty",
      description: "Difficulty of the tip. It changes every 2016 blocks.",
      unit: "short",
      width: 6,
      queries: [{ expr: of("bitcoin_difficulty"), legend: "difficulty" }],
    }),
    timeseries({
      title: "Pace",
      description:
        "Blocks of the last day and week, relative to one every ten minutes. Above 1 the difficulty rises at its next change. Too low while Prometheus has no data of the whole window.",
      unit: "percentunit",
      width: 6,
      min: 0,
      queries: [
        { expr: pace("1d"), legend: "day" },
        { expr: pace("7d"), legend: "week" },
      ],
    }),
    stat({
      title: "Blocks until it changes",
      description: `Blocks until the next change of the difficulty, which comes every ${PERIOD} blocks. Regtest never changes it.`,
      unit: "none",
      width: 4,
      height: 8,
      graph: true,
      steps: [{ color: "text" }],
      queries: [{ expr: `${PERIOD} - ${of("bitcoin_chain_height")} % ${PERIOD}` }],
    }),
  ],
};
