// The scrapes of the last seconds, with Prometheus's increase and rate of them.

import type { SeriesMap } from "../src/metrics/text-format-reader.ts";

/** The window of rates. */
const WINDOW_MS = 5000;

interface Scrape {
  readonly samples: SeriesMap;
  readonly timeMs: number;
}

export class ScrapeHistory {
  /** The oldest first. */
  readonly #scrapes: Scrape[] = [];

  add(samples: SeriesMap, timeMs: number): void {
    this.#scrapes.push({ samples, timeMs });
    while (timeMs - this.#scrapes[0]!.timeMs > WINDOW_MS) this.#scrapes.shift();
  }

  /** The last value of a series. */
  value(series: string): number | undefined {
    return this.#scrapes.at(-1)?.samples.get(series)?.value;
  }

  /** The value before the last. */
  previous(series: string): number | undefined {
    return this.#scrapes.at(-2)?.samples.get(series)?.value;
  }

  /** Growth of a counter since the previous scrape. */
  increase(series: string): number {
    return grown(this.previous(series), this.value(series));
  }

  /** Growth of a counter per second, over the window. */
  rate(series: string): number {
    const times = this.#scrapes.map(({ timeMs }) => timeMs);
    const seconds = (times.at(-1)! - times[0]!) / 1000;
    let sum = 0;
    this.#scrapes.forEach(({ samples }, index) => {
      sum += grown(this.#scrapes[index - 1]?.samples.get(series)?.value, samples.get(series)?.value);
    });
    return seconds > 0 ? sum / seconds : 0;
  }
}

/** A counter that fell has restarted at 0. An unknown value has not grown. */
function grown(before: number | undefined, after: number | undefined): number {
  if (before === undefined || after === undefined) return 0;
  return after >= before ? after - before : after;
}
