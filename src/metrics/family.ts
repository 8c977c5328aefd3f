// A family: one metric name with its help, type and labels, and a series for each set of label values.
// The registry makes it; collectors keep the cells that `with` returns and write to them.

import type { Cell, CellStore } from "./cells.ts";
import { familyHead, type Line, labelText, type Page, sampleLine } from "./exposition.ts";

/** The label value of the series that counts everything above a family's bound. */
export const OTHER = "other";

// The names that Prometheus allows, without the colon, which is for recording rules, and without reserved names.
const METRIC_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const LABEL_NAME = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/;
const RESERVED_LABELS = ["le", "quantile"];

export interface FamilyOptions<L extends readonly string[]> {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge";
  readonly labels: L;
  /** The maximum number of series, without the one for `OTHER`. */
  readonly maxSeries: number;
}

/** One string for each label name. */
export type LabelValues<L extends readonly string[]> = { readonly [I in keyof L]: string };

export type CellClass<C extends Cell> = new (store: CellStore, index: number) => C;

interface Series<C extends Cell> {
  readonly line: Line;
  readonly cell: C;
}

/** Iterates over the cells of its series, oldest first. */
export class Family<C extends Cell, L extends readonly string[]> implements Iterable<C> {
  readonly #options: FamilyOptions<L>;
  readonly #cellClass: CellClass<C>;
  readonly #store: CellStore;
  readonly #firstCell: number;
  readonly #head: Line;
  /** By label text; `with` adds, `clear` empties. */
  readonly #series = new Map<string, Series<C>>();

  /** Throws an Error if the options break Prometheus's rules, a RangeError if `store` has no room for all series. */
  constructor(options: FamilyOptions<L>, cellClass: CellClass<C>, store: CellStore) {
    validate(options.name, options.help, options.type, options.labels);
    this.#options = options;
    this.#cellClass = cellClass;
    this.#store = store;
    this.#firstCell = store.reserve(options.maxSeries + 1);
    this.#head = familyHead(options.name, options.help, options.type);
  }

  /**
   * The cell of these label values, made on first use. Once there are `maxSeries`, new values share the series whose
   * labels are all "other"; for a gauge, that series only shows that the bound was exceeded.
   * Never throws. The lookup builds the label text, so a hot path keeps the cell.
   */
  with(...values: LabelValues<L>): C {
    const labels = labelText(this.#options.labels, values);
    return (this.#series.get(labels) ?? this.#add(labels)).cell;
  }

  #add(labels: string): Series<C> {
    if (this.#series.size >= this.#options.maxSeries) {
      const others = this.#options.labels.map(() => OTHER);
      labels = labelText(this.#options.labels, others);
      const other = this.#series.get(labels);
      if (other) return other;
    }
    const cell = new this.#cellClass(this.#store, this.#firstCell + this.#series.size);
    const series = { line: sampleLine(this.#options.name, labels), cell };
    this.#series.set(labels, series);
    return series;
  }

  /**
   * Removes all series: for labels whose values change from node to node. Cells that `with` returned before belong to no
   * series and must not be written to.
   */
  clear(): void {
    this.#series.clear();
  }

  /** Writes HELP and TYPE, also for a family without samples, and the samples. */
  writeTo(page: Page): void {
    page.write(this.#head);
    for (const { line, cell } of this.#series.values()) {
      const value = cell.read();
      if (value !== undefined) page.write(line, value);
    }
  }

  *[Symbol.iterator](): Iterator<C> {
    for (const { cell } of this.#series.values()) yield cell;
  }
}

/** Throws an Error if a name, the help or a label breaks Prometheus's rules. */
export function validate(name: string, help: string, type: string, labels: readonly string[] = []): void {
  const fail = (why: string): never => {
    throw new Error(`cannot register metric "${name}": ${why}`);
  };
  if (!METRIC_NAME.test(name)) fail("not a metric name");
  if (name.endsWith("_total") !== (type === "counter")) fail("counters, and only they, end in _total");
  if (help.trim() === "") fail("help is empty");
  for (const label of labels) {
    if (!LABEL_NAME.test(label) || RESERVED_LABELS.includes(label)) fail(`"${label}" is not a label name`);
  }
  if (new Set(labels).size < labels.length) fail("two labels have one name");
}
