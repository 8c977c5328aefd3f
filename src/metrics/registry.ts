// All the families of one exporter, in the order they were registered, which is the order of the page.
// Filled at start, when a mistake may throw; rendered at every scrape.

import { type Cell, CellStore, Counter, Gauge } from "./cells.ts";
import { Page } from "./exposition.ts";
import { type CellClass, Family, type FamilyOptions } from "./family.ts";

const DEFAULT_CAPACITY = 4096;
const DEFAULT_MAX_SERIES = 64;

/** Its registering methods throw if the name is taken, breaks Prometheus's rules, or the registry is full. */
export class Registry {
  readonly #store: CellStore;
  readonly #families = new Map<string, Family<Cell, readonly string[]>>();
  readonly #hooks: (() => void)[] = [];
  readonly #page = new Page();

  /** @param capacity how many series all families may have together, reserved at 16 bytes each */
  constructor(capacity = DEFAULT_CAPACITY) {
    this.#store = new CellStore(capacity);
  }

  /** A counter that we add to. Shown from the start, at 0, so that rate() sees the first increment. */
  counter(name: string, help: string): Counter {
    return this.counterVec(name, help, [], 1).with();
  }

  /** Counters by label; each is shown once it was asked for by `with`, so ask at start for those that are known. */
  counterVec<const L extends readonly string[]>(
    name: string,
    help: string,
    labels: L,
    maxSeries = DEFAULT_MAX_SERIES,
  ): Family<Counter, L> {
    return this.#register({ name, help, type: "counter", labels, maxSeries }, Counter);
  }

  /** A counter that the node keeps: set to its total, absent until then, lower again after the node's restart. */
  polledCounter(name: string, help: string): Gauge {
    return this.#register({ name, help, type: "counter", labels: [], maxSeries: 1 }, Gauge).with();
  }

  /** A gauge, absent until it is set. */
  gauge(name: string, help: string): Gauge {
    return this.gaugeVec(name, help, [], 1).with();
  }

  /** Gauges by label, each absent until it is set. */
  gaugeVec<const L extends readonly string[]>(
    name: string,
    help: string,
    labels: L,
    maxSeries = DEFAULT_MAX_SERIES,
  ): Family<Gauge, L> {
    return this.#register({ name, help, type: "gauge", labels, maxSeries }, Gauge);
  }

  /** A gauge that is always 1 and says what it has to say in its labels. */
  info(name: string, help: string, labels: Readonly<Record<string, string>>): void {
    this.gaugeVec(name, help, Object.keys(labels), 1)
      .with(...Object.values(labels))
      .set(1);
  }

  /**
   * Calls `hook` at the beginning of every render, to set values that are read at scrape time. It must be quick, and
   * what it throws render throws: a hook that can fail catches, and clears the gauges it could not read.
   */
  onRender(hook: () => void): void {
    this.#hooks.push(hook);
  }

  /**
   * The page of this moment in the text format, UTF-8. The bytes stay as they are for good and must not be written to;
   * the same object as the time before if nothing changed.
   */
  render(): Uint8Array {
    for (const hook of this.#hooks) hook();
    for (const family of this.#families.values()) family.writeTo(this.#page);
    return this.#page.finish();
  }

  #register<C extends Cell, L extends readonly string[]>(
    options: FamilyOptions<L>,
    cellClass: CellClass<C>,
  ): Family<C, L> {
    if (this.#families.has(options.name)) {
      throw new Error(`cannot register metric "${options.name}": the name is taken`);
    }
    const family = new Family(options, cellClass, this.#store);
    this.#families.set(options.name, family);
    return family;
  }
}
