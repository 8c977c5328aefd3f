// Compares this exporter with one that it replaces: `bun run parity --ours URL --theirs URL` (docs/migration.md).

import { FormatError, type Page, readPage } from "../src/metrics/text-format-reader.ts";
import { isMismatch } from "./parity/agreement.ts";
import { compare, type Scrapes } from "./parity/compare.ts";
import { mapFor } from "./parity/maps.ts";
import { MAP_NAMES, type ParityOptions, readParityOptions, USAGE } from "./parity/options.ts";
import { jsonReport, tableReport } from "./parity/report.ts";

const EXIT_MISMATCH = 1;
const EXIT_UNUSABLE = 2;

/** Some exporters call the node only when they are scraped. */
const DEADLINE_MS = 30_000;

try {
  const options = readParityOptions(process.argv.slice(2));
  if (options === "help") {
    console.log(USAGE);
  } else {
    const scrapes = await scrapeBoth(options);
    const map = options.map ?? mapFor(scrapes.theirs.at(-1)!);
    const urls = options.theirs.join(" and ");
    if (map === undefined)
      throw new Error(`cannot detect which exporter serves ${urls}; set --map to one of ${MAP_NAMES}`);
    const rows = compare(scrapes, map, options.tolerancePct / 100);
    console.log((options.json ? jsonReport : tableReport)(rows, map, options));
    if (rows.some(isMismatch)) process.exitCode = EXIT_MISMATCH;
  }
} catch (error) {
  console.error(`parity: ${(error as Error).message}`);
  process.exitCode = EXIT_UNUSABLE;
}

/** Of a family on two of their pages the first counts. @throws Error when a page is not usable */
async function scrapeBoth({ ours, theirs, samples, intervalS }: ParityOptions): Promise<Scrapes> {
  const scrapes = { theirs: [] as Page[], ours: [] as Page[] };
  while (scrapes.theirs.length < samples) {
    if (scrapes.theirs.length > 0) await Bun.sleep(intervalS * 1000);
    scrapes.ours.push(await scrape(ours));
    const pages: Page[] = [];
    for (const url of theirs) pages.unshift(await scrape(url));
    scrapes.theirs.push(new Map(pages.flatMap((page) => [...page])));
    scrapes.ours.push(await scrape(ours));
  }
  return scrapes;
}

async function scrape(url: string): Promise<Page> {
  try {
    const headers = { Accept: "text/plain;version=0.0.4" };
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(DEADLINE_MS) });
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    return readPage(new TextDecoder("utf-8", { fatal: true }).decode(await response.arrayBuffer()));
  } catch (error) {
    const why = `${error instanceof FormatError ? "not the text format: " : ""}${(error as Error).message}`;
    throw new Error(`cannot scrape ${url}: ${why}`, { cause: error });
  }
}
