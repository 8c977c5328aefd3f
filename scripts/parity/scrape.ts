// Scrapes both exporters, several times.

import { setTimeout as pause } from "node:timers/promises";
import { FormatError, type Page, readPage } from "../../src/metrics/text-format-reader.ts";
import type { ParityOptions } from "./options.ts";

/** The other exporter's page between two of ours: agreement.ts says why. */
export interface Round {
  readonly before: Page;
  readonly theirs: Page;
  readonly after: Page;
}

/** Some exporters call the node only when they are scraped. */
const DEADLINE_MS = 30_000;

/** Of a family on two of their pages the first counts. @throws Error when a page is not usable */
export async function scrapeRounds({ ours, theirs, samples, intervalMs }: ParityOptions): Promise<Round[]> {
  const rounds: Round[] = [];
  while (rounds.length < samples) {
    if (rounds.length > 0) await pause(intervalMs);
    const before = await scrape(ours);
    const pages: Page[] = [];
    for (const url of theirs) pages.unshift(await scrape(url));
    rounds.push({ before, theirs: new Map(pages.flatMap((page) => [...page])), after: await scrape(ours) });
  }
  return rounds;
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
