// All families of one exporter, in the order of the page. Collectors register them at start, when a mistake may throw; the
// HTTP server's payload renders them at each scrape.

import { type Cell, CellStore, Counter, EventCounter, Gauge } from "./cells.ts";
import { Page } from "./exposition.ts";
import { type CellClass, Family, type FamilyOptions } from "./family.ts";
import { Histogram } from "./histogram.ts";

/** Limit of a page. The page of a node with 125 peers is some 50 KiB. */
export const MAX_PAGE_BYTES = 8 * 1024 * 1024;

const DEFAULT_CAPACITY = 4096;
const DEFAULT_MAX_SERIES = 64;

export interface RegistryOptions {
  /** The maximum number of series of all families, 8 bytes each. */
  readonly capacity?: number;
  readonly maxPageBytes?: number;
  /** Called once for each family that does not fit into the page: it is left out whole until it fits. */
  readonly onLeftOut?: (name: string) => void;
}

/** Registration throws if a name is taken or breaks Prometheus's rules, or if the registry is full. */
export class Registry {
  readonly #store: CellStore;
  readonly #families = new Map<string, { writeTo(page: Page): void }>();
  /** The names of samples and of families. */
  readonly #names = new Set<string>();
  readonly #maxPageBytes: number;
  readonly #onLeftOut: (name: string) => void;
  /** The families that `onLeftOut` was called for. */
  readonly #leftOut = new Set<string>();
  readonly #hooks: (() => void)[] = [];
  readonly #page = new Page();

  constructor({
    capacity = DEFAULT_CAPACITY,
    maxPageBytes = MAX_PAGE_BYTES,
    onLeftOut = () => {},
  }: RegistryOptions = {}) {
    this.#store = new CellStore(capacity);
    this.#maxPageBytes = maxPageBytes;
    this.#onLeftOut = onLeftOut;
  }

  /** A counter of the exporter's own events; 0 from the start, so that rate() includes the first increment. */
  counter(name: string, help: string): Counter {
    return this.counterVec(name, help, [], 1).with();
  }

  /** Counters by label. Each has a sample once `with` made it: call it at start for known label values. */
  readonly counterVec = this.#familiesOf("counter", Counter);

  /** A counter of events that not every node reports: no sample until its `start`. */
  eventCounter(name: string, help: string): EventCounter {
    return this.eventCounterVec(name, help, [], 1).with();
  }

  /** Event counters by label, each without a sample until its own `start`. */
  readonly eventCounterVec = this.#familiesOf("counter", EventCounter);

  /** A counter that is set to a total, such as the node's, which is lower after it restarts: no sample until then. */
  polledCounter(name: string, help: string): Gauge {
    return this.polledCounterVec(name, help, [], 1).with();
  }

  /** Such counters by label. */
  readonly polledCounterVec = this.#familiesOf("counter", Gauge);

  /** A gauge without a sample until it is set. */
  gauge(name: string, help: string): Gauge {
    return this.gaugeVec(name, help, [], 1).with();
  }

  /** Gauges by label, each without a sample until it is set. */
  readonly gaugeVec = this.#familiesOf("gauge", Gauge);

  /** A gauge that is always 1, with its facts as labels. */
  info(name: string, help: string, labels: Readonly<Record<string, string>>): void {
    this.gaugeVec(name, help, Object.keys(labels), 1)
      .with(...Object.values(labels))
      .set(1);
  }

  /** A histogram of events with these upper bounds, finite and ascending, and +Inf: no sample until its `start`. */
  eventHistogram(name: string, help: string, bounds: readonly number[]): Histogram {
    const names = [name, `${name}_bucket`, `${name}_sum`, `${name}_count`];
    return this.#add(name, names, () => new Histogram({ name, help, bounds }, this.#store));
  }

  /** The names of all families, in the order of the page. */
  get familyNames(): readonly string[] {
    return [...this.#families.keys()];
  }

  /**
   * Calls `hook` before each render, to set values that are read at scrape time. It must be fast. `render` throws the errors
   * of hooks, so a hook that can fail catches them and clears the gauges that it could not read.
   */
  onRender(hook: () => void): void {
    this.#hooks.push(hook);
  }

  /**
   * The page in the text format, UTF-8: a view, valid until the next call. While nothing changes, it is the same object.
   */
  render(): Uint8Array {
    for (const hook of this.#hooks) hook();
    for (const [name, family] of this.#families) {
      const { length } = this.#page;
      family.writeTo(this.#page);
      if (this.#page.length > this.#maxPageBytes) this.#leaveOut(name, length);
    }
    return this.#page.finish();
  }

  /** Ends the page again where the family began. */
  #leaveOut(name: string, length: number): void {
    this.#page.truncate(length);
    if (this.#leftOut.has(name)) return;
    this.#leftOut.add(name);
    this.#onLeftOut(name);
  }

  /** Makes a method that registers families of this type and these cells. */
  #familiesOf<C extends Cell>(type: FamilyOptions<readonly string[]>["type"], cellClass: CellClass<C>) {
    return <const L extends readonly string[]>(
      name: string,
      help: string,
      labels: L,
      maxSeries = DEFAULT_MAX_SERIES,
    ): Family<C, L> =>
      this.#add(name, [name], () => new Family({ name, help, type, labels, maxSeries }, cellClass, this.#store));
  }

  #add<F extends { writeTo(page: Page): void }>(name: string, names: readonly string[], make: () => F): F {
    const taken = names.find((one) => this.#names.has(one));
    if (taken !== undefined) throw new Error(`cannot register metric "${name}": the name ${taken} is taken`);
    const family = make();
    for (const one of names) this.#names.add(one);
    this.#families.set(name, family);
    return family;
  }
}
