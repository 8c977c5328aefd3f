// Reads the exporter's page as Prometheus does, over HTTP.

import { readSeries, type SeriesMap } from "../src/metrics/text-format-reader.ts";

/** Prometheus waits 10 s by default; on one machine 2 s are long. */
const DEADLINE_MS = 2000;

/** Rejects when `url` does not serve a page in time. */
export async function scrape(url: string): Promise<SeriesMap> {
  const response = await fetch(url, { signal: AbortSignal.timeout(DEADLINE_MS) });
  if (!response.ok) throw new Error(`cannot scrape ${url}: HTTP status ${response.status}`);
  return readSeries(await response.text());
}
