// Compares this exporter with one that it is to replace: `bun run parity --ours URL --theirs URL`. docs/migration.md has
// what the maps know, for people.

import { compare } from "./parity/compare.ts";
import { type ExporterMap, MapError } from "./parity/exporter-map.ts";
import { MAPS, mapFor, mapNamed } from "./parity/maps.ts";
import { type ParityOptions, readParityOptions, USAGE, UsageError } from "./parity/options.ts";
import { jsonReport, tableReport } from "./parity/report.ts";
import { type Round, ScrapeError, scrapeRounds } from "./parity/scrape.ts";

const EXIT_OK = 0;
const EXIT_MISMATCH = 1;
const EXIT_USAGE = 2;

process.exitCode = await run(process.argv.slice(2));

async function run(args: readonly string[]): Promise<number> {
  try {
    const options = readParityOptions(args);
    if (options === "help") {
      console.log(USAGE);
      return EXIT_OK;
    }
    // A map that is no good is not worth the wait for the scrapes.
    const named = options.map === undefined ? undefined : mapNamed(options.map);
    const rounds = await scrapeRounds(options.ours, options.theirs, options);
    const map = named ?? chosen(rounds, options);
    const comparison = compare(rounds, map, options.tolerancePct / 100);
    console.log((options.json ? jsonReport : tableReport)(comparison, map, options));
    return comparison.isGood ? EXIT_OK : EXIT_MISMATCH;
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof MapError || error instanceof ScrapeError)) throw error;
    console.error(`parity: ${error.message}${error instanceof UsageError ? `\n\n${USAGE}` : ""}`);
    return EXIT_USAGE;
  }
}

function chosen(rounds: readonly Round[], { theirs }: ParityOptions): ExporterMap {
  const map = mapFor(rounds.at(-1)!.theirs);
  if (map !== undefined) return map;
  const names = Object.keys(MAPS).join(", ");
  throw new MapError(
    `cannot tell which exporter serves ${theirs.join(" and ")}: give --map, one of ${names}, or a file`,
  );
}
