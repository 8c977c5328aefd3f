// What the families of another exporter are called here.

export interface ExporterMap {
  readonly exporter: string;
  /** Where its families were looked up. */
  readonly source: string;
  readonly entries: readonly Entry[];
}

export interface Entry {
  /** An expression; its metric may have a `<placeholder>`, which stands for letters, digits and `_`. */
  readonly theirs: string;
  /** An expression, which may use the placeholder; undefined when this exporter has no such family. */
  readonly ours?: string;
  /** The two look alike but mean different things, so their values are not compared. */
  readonly differs?: true;
  /** Converts a value of ours to their unit. */
  readonly factor?: number;
  /** What the placeholder of an entry that is compared stands for in their default configuration. */
  readonly values?: readonly string[];
  /** A value of theirs that means "unknown". */
  readonly absent?: number;
  /** Counters are compared by growth, or by value when the node does the counting. */
  readonly compare?: "value";
  /** PromQL that shows what theirs shows, or comes close, where `ours` does not: for docs/migration.md. */
  readonly query?: string;
  /** Required unless the two are the same. */
  readonly note?: string;
}

/** Whether the values of the two should agree. */
export function isCompared({ ours, differs }: Entry): boolean {
  return ours !== undefined && !differs;
}

/** The entry with `value` in place of its placeholder. */
export function filledIn(entry: Entry, value: string): Entry {
  const fill = (text: string) => text.replaceAll(/<\w+>/g, value);
  return { ...entry, theirs: fill(entry.theirs), ...(entry.ours !== undefined && { ours: fill(entry.ours) }) };
}

/** Matches the names that a metric with a placeholder stands for. */
export function metricPattern(metric: string): RegExp {
  return new RegExp(`^${metric.replace(/<\w+>/, "(\\w+)")}$`);
}
