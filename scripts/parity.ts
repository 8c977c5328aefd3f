// Compares this exporter with one that it replaces: `bun run parity --ours URL --theirs URL`. docs/migration.md shows what
// the maps say.

import { compare } from "./parity/compare.ts";
import { MAPS, mapFor } from "./parity/maps.ts";
import { readParityOptions, USAGE } from "./parity/options.ts";
import { ParityError } from "./parity/parity-error.ts";
import { jsonReport, tableReport } from "./parity/report.ts";
import { scrapeRounds } from "./parity/scrape.ts";

const EXIT_OK = 0;
const EXIT_MISMATCH = 1;
const EXIT_UNUSABLE = 2;

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof ParityError)) throw error;
  console.error(`parity: ${error.message}`);
  process.exitCode = EXIT_UNUSABLE;
}

async function run(args: readonly string[]): Promise<number> {
  const options = readParityOptions(args);
  if (options === "help") {
    console.log(USAGE);
    return EXIT_OK;
  }
  const rounds = await scrapeRounds(options.ours, options.theirs, options);
  const map = options.map ?? mapFor(rounds.at(-1)!.theirs);
  if (map === undefined) {
    const urls = options.theirs.join(" and ");
    const names = Object.keys(MAPS).join(", ");
    throw new ParityError(`cannot detect which exporter serves ${urls}: give --map, one of ${names}`);
  }
  const comparison = compare(rounds, map, options.tolerancePct / 100);
  console.log((options.json ? jsonReport : tableReport)(comparison, map, options));
  return comparison.isGood ? EXIT_OK : EXIT_MISMATCH;
}
