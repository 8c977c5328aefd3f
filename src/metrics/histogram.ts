// A histogram: how many observations were at most each bound, how many there were, and their sum. Cumulative buckets of the
// text format are computed at a scrape, so an observation changes one bucket and the sum.

import { type CellStore, EventCounter } from "./cells.ts";
import { familyHead, type Line, type Page, sampleLine, valueText } from "./exposition.ts";
import { validate } from "./family.ts";

export interface HistogramOptions {
  readonly name: string;
  readonly help: string;
  /** The upper bounds of the buckets, finite and ascending; the bucket `+Inf` is added. */
  readonly bounds: readonly number[];
}

export class Histogram {
  readonly #bounds: Float64Array;
  /** For each bound and for +Inf, the observations that no smaller bound includes. */
  readonly #buckets: readonly { readonly line: Line; readonly count: EventCounter }[];
  /** The store's, with the sum at `#sumAt`. */
  readonly #doubles: Float64Array;
  readonly #sumAt: number;
  readonly #head: Line;
  readonly #sumLine: Line;
  readonly #countLine: Line;

  /** Throws an Error if the name, help or bounds are not allowed, a RangeError if `store` is full. */
  constructor({ name, help, bounds }: HistogramOptions, store: CellStore) {
    validate(name, help, "histogram");
    if (bounds.length === 0 || !bounds.every((bound, i) => Number.isFinite(bound) && !(bounds[i - 1]! >= bound))) {
      throw new Error(`cannot register metric "${name}": bounds are not finite and ascending`);
    }
    this.#bounds = Float64Array.from(bounds);
    this.#buckets = [...bounds, Number.POSITIVE_INFINITY].map((bound) => ({
      line: sampleLine(`${name}_bucket`, `{le="${valueText(bound)}"}`),
      count: new EventCounter(store, store.reserve(1)),
    }));
    this.#doubles = store.doubles;
    this.#sumAt = store.reserve(1);
    this.#head = familyHead(name, help, "histogram");
    this.#sumLine = sampleLine(`${name}_sum`, "");
    this.#countLine = sampleLine(`${name}_count`, "");
  }

  /** Counts `value`. Returns false, and changes nothing, if it is not finite. */
  observe(value: number): boolean {
    if (!Number.isFinite(value)) return false;
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
    this.#buckets[bucket]!.count.inc();
    // Not a Gauge: its union of numbers costs 100 ns, and callbacks of the node run this.
    this.#doubles[this.#sumAt]! += value;
    return true;
  }

  /** From now on there are samples, 0 if nothing was observed. Earlier observations count. */
  start(): void {
    for (const { count } of this.#buckets) count.start();
  }

  /** Writes HELP and TYPE, and the samples if there are any. */
  writeTo(page: Page): void {
    page.write(this.#head);
    let total = 0; // a number: one by one, no count reaches 2^53
    for (const { line, count } of this.#buckets) {
      const value = count.read();
      if (value === undefined) return;
      total += Number(value);
      page.write(line, total);
    }
    page.write(this.#sumLine, this.#doubles[this.#sumAt]!);
    page.write(this.#countLine, total);
  }
}
