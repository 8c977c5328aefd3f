// Reads the exporter's page as Prometheus does: over HTTP, from its text.

/** How long Prometheus waits by default is 10 s. On one machine, this is long. */
const DEADLINE_MS = 2000;

/** The samples of one page, by name and labels as they stand there, such as `a_total{reason="replaced"}`. */
export class Samples {
  readonly #values: ReadonlyMap<string, string>;

  constructor(page: string) {
    const lines = page.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    this.#values = new Map(
      lines.map((line) => {
        const space = line.lastIndexOf(" ");
        return [line.slice(0, space), line.slice(space + 1)];
      }),
    );
  }

  /** Undefined when there is no such sample, which is how the exporter says that it does not know. */
  value(series: string): number | undefined {
    const text = this.#values.get(series);
    return text === undefined ? undefined : Number(text);
  }

  /** The value as it stands on the page: also beyond 2^53 it is exact. */
  text(series: string): string | undefined {
    return this.#values.get(series);
  }
}

/** Rejects when there is no page at `url`. */
export async function scrape(url: string): Promise<Samples> {
  const response = await fetch(url, { signal: AbortSignal.timeout(DEADLINE_MS) });
  if (!response.ok) throw new Error(`cannot scrape ${url}: HTTP status ${response.status}`);
  return new Samples(await response.text());
}
