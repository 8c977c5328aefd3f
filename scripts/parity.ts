// Compares this exporter with one that it replaces: `bun run parity --ours URL --theirs URL`. docs/migration.md shows what
// the maps say.

import { compare } from "./parity/compare.ts";
import { mapFor } from "./parity/maps.ts";
import { MAP_NAMES, readParityOptions, USAGE } from "./parity/options.ts";
import { jsonReport, tableReport } from "./parity/report.ts";
import { scrapeRounds } from "./parity/scrape.ts";

const EXIT_MISMATCH = 1;
const EXIT_UNUSABLE = 2;

try {
  const options = readParityOptions(process.argv.slice(2));
  if (options === "help") {
    console.log(USAGE);
  } else {
    const rounds = await scrapeRounds(options);
    const map = options.map ?? mapFor(rounds.at(-1)!.theirs);
    const urls = options.theirs.join(" and ");
    if (map === undefined)
      throw new Error(`cannot detect which exporter serves ${urls}; set --map to one of ${MAP_NAMES}`);
    const comparison = compare(rounds, map, options.tolerancePct / 100);
    console.log((options.json ? jsonReport : tableReport)(comparison, map, options));
    if (!comparison.isGood) process.exitCode = EXIT_MISMATCH;
  }
} catch (error) {
  console.error(`parity: ${(error as Error).message}`);
  process.exitCode = EXIT_UNUSABLE;
}
