// All families of one exporter, in the order of the page. Collectors register them at start, when a mistake may throw; the
// HTTP server's payload renders them at each scrape.

import { type Cell, CellStore, Counter, EventCounter, Gauge } from "./cells.ts";
import { Page } from "./exposition.ts";
import { type CellClass, Family, type FamilyOptions } from "./family.ts";
import { Histogram } from "./histogram.ts";

const DEFAULT_CAPACITY = 4096;
const DEFAULT_MAX_SERIES = 64;

/** Registration throws if a name is taken or breaks Prometheus's rules, or if the registry is full. */
export class Registry {
  readonly #store: CellStore;
  readonly #families: { writeTo(page: Page): void }[] = [];
  /** The names of samples and of families. */
  readonly #names = new Set<string>();
  readonly #hooks: (() => void)[] = [];
  readonly #page = new Page();

  /** @param capacity the maximum number of series of all families, 8 bytes each */
  constructor(capacity = DEFAULT_CAPACITY) {
    this.#store = new CellStore(capacity);
  }

  /** A counter of what the exporter itself does or always learns; 0 from the start, so that rate() sees the first increment. */
  counter(name: string, help: string): Counter {
    return this.counterVec(name, help, [], 1).with();
  }

  /** Counters by label. Each has a sample once `with` made it: call it at start for known label values. */
  counterVec<const L extends readonly string[]>(
    name: string,
    help: string,
    labels: L,
    maxSeries = DEFAULT_MAX_SERIES,
  ): Family<Counter, L> {
    return this.#register({ name, help, type: "counter", labels, maxSeries }, Counter);
  }

  /** A counter of events that not every node reports: no sample until its `start`. */
  eventCounter(name: string, help: string): EventCounter {
    return this.eventCounterVec(name, help, [], 1).with();
  }

  /** Event counters by label, each without a sample until its own `start`. */
  eventCounterVec<const L extends readonly string[]>(
    name: string,
    help: string,
    labels: L,
    maxSeries = DEFAULT_MAX_SERIES,
  ): Family<EventCounter, L> {
    return this.#register({ name, help, type: "counter", labels, maxSeries }, EventCounter);
  }

  /** A counter that the node keeps, set to the node's total: no sample until then, and lower after the node restarts. */
  polledCounter(name: string, help: string): Gauge {
    return this.#register({ name, help, type: "counter", labels: [], maxSeries: 1 }, Gauge).with();
  }

  /** A gauge without a sample until it is set. */
  gauge(name: string, help: string): Gauge {
    return this.gaugeVec(name, help, [], 1).with();
  }

  /** Gauges by label, each without a sample until it is set. */
  gaugeVec<const L extends readonly string[]>(
    name: string,
    help: string,
    labels: L,
    maxSeries = DEFAULT_MAX_SERIES,
  ): Family<Gauge, L> {
    return this.#register({ name, help, type: "gauge", labels, maxSeries }, Gauge);
  }

  /** A gauge that is always 1, with its facts as labels. */
  info(name: string, help: string, labels: Readonly<Record<string, string>>): void {
    this.gaugeVec(name, help, Object.keys(labels), 1)
      .with(...Object.values(labels))
      .set(1);
  }

  /** A histogram with these upper bounds, finite and ascending, and +Inf. All its samples are there from the start, at 0. */
  histogram(name: string, help: string, bounds: readonly number[]): Histogram {
    const histogram = this.eventHistogram(name, help, bounds);
    histogram.start();
    return histogram;
  }

  /** A histogram of events that not every node reports: no sample until its `start`. */
  eventHistogram(name: string, help: string, bounds: readonly number[]): Histogram {
    const names = ["", "_bucket", "_sum", "_count"].map((suffix) => name + suffix);
    return this.#add(names, () => new Histogram({ name, help, bounds }, this.#store));
  }

  /**
   * Calls `hook` before each render, to set values that are read at scrape time. It must be fast. What it throws, `render`
   * throws: a hook that can fail catches, and clears the gauges that it could not read.
   */
  onRender(hook: () => void): void {
    this.#hooks.push(hook);
  }

  /**
   * The page in the text format, UTF-8. Its bytes never change and must not be written to. While nothing changes, it is the
   * same object.
   */
  render(): Uint8Array {
    for (const hook of this.#hooks) hook();
    for (const family of this.#families) family.writeTo(this.#page);
    return this.#page.finish();
  }

  #register<C extends Cell, L extends readonly string[]>(
    options: FamilyOptions<L>,
    cellClass: CellClass<C>,
  ): Family<C, L> {
    return this.#add([options.name], () => new Family(options, cellClass, this.#store));
  }

  #add<F extends { writeTo(page: Page): void }>(names: readonly string[], make: () => F): F {
    const taken = names.find((name) => this.#names.has(name));
    if (taken !== undefined) throw new Error(`cannot register metric "${names[0]}": the name ${taken} is taken`);
    const family = make();
    for (const name of names) this.#names.add(name);
    this.#families.push(family);
    return family;
  }
}
