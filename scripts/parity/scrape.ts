// Reads the pages of both exporters, several times over.

import { setTimeout as pause } from "node:timers/promises";
import { FormatError, type Page, readPage } from "../text-format.ts";

/** Theirs between two of ours: a value of theirs that lies between two of ours has only been read at another moment. */
export interface Round {
  readonly before: Page;
  readonly theirs: Page;
  readonly after: Page;
}

/** There is no page that can be read. */
export class ScrapeError extends Error {
  override readonly name = "ScrapeError";
}

/** Some exporters ask the node only when they are scraped themselves. */
const DEADLINE_MS = 30_000;

/** @param theirs one exporter may serve several pages, which count as one */
export async function scrapeRounds(
  ours: string,
  theirs: readonly string[],
  { samples, intervalMs }: { readonly samples: number; readonly intervalMs: number },
): Promise<Round[]> {
  const rounds: Round[] = [];
  while (rounds.length < samples) {
    if (rounds.length > 0) await pause(intervalMs);
    const before = await scrape(ours);
    const pages: Page[] = [];
    for (const url of theirs) pages.push(await scrape(url));
    rounds.push({ before, theirs: merged(pages), after: await scrape(ours) });
  }
  return rounds;
}

/** Where two pages have a family of the same name, such as that of the process, the first counts. */
function merged(pages: readonly Page[]): Page {
  return new Map(pages.toReversed().flatMap((page) => [...page]));
}

async function scrape(url: string): Promise<Page> {
  try {
    const response = await fetch(url, {
      headers: { Accept: "text/plain;version=0.0.4" },
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    if (!response.ok) throw new ScrapeError(`HTTP status ${response.status}`);
    return readPage(new TextDecoder("utf-8", { fatal: true }).decode(await response.arrayBuffer()));
  } catch (error) {
    const why = error instanceof FormatError ? `the page is not in the text format: ${error.message}` : error;
    throw new ScrapeError(`cannot scrape ${url}: ${why instanceof Error ? why.message : why}`, { cause: error });
  }
}
