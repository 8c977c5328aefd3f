// A family: one metric name with its help, type and labels, and a series for each set of label values seen.
// Made by the registry; collectors hold what `with` returns and write to it.

import type { Cell, CellStore } from "./cells.ts";
import { familyHead, labelText, type Page, samplePrefix } from "./exposition.ts";

/** The label value of the series that stands for all those a family has no room for. */
export const OTHER = "other";

// The names Prometheus allows, less the colon, which is kept for recording rules, and the labels kept for itself.
const METRIC_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const LABEL_NAME = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/;
const RESERVED_LABELS = ["le", "quantile"];

export interface FamilyOptions<L extends readonly string[]> {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge";
  readonly labels: L;
  /** How many series there may be, not counting the one for `OTHER`. */
  readonly maxSeries: number;
}

/** One string for each label name. */
export type LabelValues<L extends readonly string[]> = { readonly [I in keyof L]: string };

export type CellClass<C extends Cell> = new (words: Int32Array, index: number) => C;

interface Series<C extends Cell> {
  readonly prefix: Uint8Array;
  readonly cell: C;
}

/** Iterates over the cells of its series, oldest first. */
export class Family<C extends Cell, L extends readonly string[]> implements Iterable<C> {
  readonly #options: FamilyOptions<L>;
  readonly #cellClass: CellClass<C>;
  readonly #words: Int32Array;
  readonly #firstCell: number;
  readonly #head: Uint8Array;
  /** By label text; grows in `with`, empties in `clear`. */
  readonly #series = new Map<string, Series<C>>();

  /** Throws if a name, the help or the labels break Prometheus's rules, or if `store` has no room for all the series. */
  constructor(options: FamilyOptions<L>, cellClass: CellClass<C>, store: CellStore) {
    validate(options);
    this.#options = options;
    this.#cellClass = cellClass;
    this.#words = store.words;
    this.#firstCell = store.reserve(options.maxSeries + 1);
    this.#head = familyHead(options.name, options.help, options.type);
  }

  /**
   * The cell of these label values, made when first asked for. Once `maxSeries` exist, new values share the series
   * whose labels all say "other": right for a counter, whereas a gauge there only tells that the bound was passed.
   * Never throws. Looks up by text: who writes more than now and then keeps the cell.
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
    const cell = new this.#cellClass(this.#words, this.#firstCell + this.#series.size);
    const series = { prefix: samplePrefix(this.#options.name, labels), cell };
    this.#series.set(labels, series);
    return series;
  }

  /**
   * Forgets all series: for a family whose labels are the node's words, and which the next node has others of. Cells that
   * `with` gave before are of no series any more, and must not be written to.
   */
  clear(): void {
    this.#series.clear();
  }

  /** Writes the family's lines. HELP and TYPE are there even without a sample, so that a reader learns what may come. */
  writeTo(page: Page): void {
    page.write(this.#head);
    for (const { prefix, cell } of this.#series.values()) {
      const value = cell.read();
      if (value !== undefined) page.writeSample(prefix, value);
    }
  }

  *[Symbol.iterator](): Iterator<C> {
    for (const { cell } of this.#series.values()) yield cell;
  }
}

function validate({ name, help, type, labels }: FamilyOptions<readonly string[]>): void {
  const fail = (why: string): never => {
    throw new Error(`cannot register metric "${name}": ${why}`);
  };
  if (!METRIC_NAME.test(name)) fail("not a metric name");
  if (name.endsWith("_total") !== (type === "counter")) fail("counters, and only they, end in _total");
  if (help.trim() === "") fail("help is empty");
  for (const label of labels) {
    if (!LABEL_NAME.test(label) || RESERVED_LABELS.includes(label)) fail(`"${label}" is not a label name`);
  }
  if (new Set(labels).size < labels.length) fail("a label is named twice");
}
