// What each family of another exporter is called here: the form of such a map, as it stands in scripts/parity/maps.

import { readExpression, readSelector } from "./expression.ts";

const KINDS = ["same", "unit", "other-meaning", "none"] as const;
/**
 * same: the two agree · unit: they agree once ours is multiplied by `factor` · other-meaning: they look alike and are not ·
 * none: there is nothing of the kind here.
 */
export type Kind = (typeof KINDS)[number];

/** As it stands in the JSON. */
export interface Entry {
  /** A selector; the metric may have a `<placeholder>`, which stands for letters, digits and `_`. */
  readonly theirs: string;
  readonly kind: Kind;
  /** An expression, for every kind but none; may use the placeholder. */
  readonly ours?: string;
  /** What a value of ours is multiplied with to be one of theirs. */
  readonly factor?: number;
  /** What theirs calls a label, by what ours calls it. */
  readonly labels?: Readonly<Record<string, string>>;
  /** What their placeholder stands for unless somebody configured it. */
  readonly values?: readonly string[];
  /** Their value that means that they have none. */
  readonly absent?: number;
  /** Two counters are compared by how much they grow; by value if the node does the counting. */
  readonly compare?: "value";
  /** PromQL that shows what theirs shows, or comes near, where `ours` does not. It is for the guide, and not compared. */
  readonly query?: string;
  readonly note?: string;
}

export interface ExporterMap {
  readonly exporter: string;
  /** Where its families were looked up. */
  readonly source: string;
  readonly entries: readonly Entry[];
}

/** What is wrong with a map. */
export class MapError extends Error {
  override readonly name = "MapError";
}

const FIELDS: Readonly<Record<keyof Entry, (value: unknown) => boolean>> = {
  theirs: isText,
  kind: (value) => KINDS.includes(value as Kind),
  ours: isText,
  factor: (value) => typeof value === "number" && value > 0 && Number.isFinite(value),
  labels: (value) => isObject(value) && Object.values(value).every(isText),
  values: (value) => Array.isArray(value) && value.every(isText),
  absent: (value) => typeof value === "number",
  compare: (value) => value === "value",
  query: isText,
  note: isText,
};
/** Once in their metric, and in our expression. */
const PLACEHOLDER = /<(\w+)>/;

/** @throws MapError */
export function readMap(json: unknown): ExporterMap {
  if (!isObject(json) || !isText(json["exporter"]) || !isText(json["source"]) || !Array.isArray(json["entries"])) {
    throw new MapError("a map has the fields exporter, source and entries");
  }
  const entries = json["entries"].map(readEntry);
  const rows = entries.map(({ theirs, ours }) => `${theirs} → ${ours ?? "nothing"}`);
  const twice = rows.find((row, index) => rows.indexOf(row) < index);
  if (twice !== undefined) throw new MapError(`entry ${twice}: there twice`);
  return { exporter: json["exporter"], source: json["source"], entries };
}

function readEntry(json: unknown, index: number): Entry {
  const name = isObject(json) && isText(json["theirs"]) ? json["theirs"] : String(index + 1);
  const fail = (why: string): never => {
    throw new MapError(`entry ${name}: ${why}`);
  };
  if (!isObject(json)) return fail("is no object");
  for (const [field, value] of Object.entries(json)) {
    if (!Object.hasOwn(FIELDS, field)) fail(`unknown field ${field}`);
    if (!FIELDS[field as keyof Entry](value)) fail(`bad value of ${field}`);
  }
  const entry = json as unknown as Entry;
  if (entry.theirs === undefined || entry.kind === undefined) fail("has no theirs or no kind");
  if ((entry.kind === "none") !== (entry.ours === undefined)) fail("has ours if and only if there is a counterpart");
  if ((entry.kind === "unit") !== (entry.factor !== undefined)) fail("has a factor if and only if the unit differs");
  if (entry.kind !== "same" && entry.note === undefined) fail("has no note that says why");
  if (isCompared(entry) && entry.query !== undefined) fail("has a query although ours is one");
  try {
    readSelector(entry.theirs);
    if (entry.ours !== undefined) readExpression(entry.ours);
  } catch (error) {
    fail((error as Error).message);
  }
  if ((entry.values !== undefined) !== (isCompared(entry) && hasPlaceholder(entry))) {
    fail("has values if and only if it has a placeholder and a counterpart");
  }
  const placeholder = PLACEHOLDER.exec(entry.ours ?? "")?.[0];
  if (placeholder !== undefined && !entry.theirs.includes(placeholder)) fail(`${placeholder} is not in theirs`);
  return entry;
}

/** Whether the values of the two should agree. */
export function isCompared({ kind }: Entry): boolean {
  return kind === "same" || kind === "unit";
}

/** The entry with `value` in place of its placeholder. */
export function filledIn(entry: Entry, value: string): Entry {
  const fill = (text: string) => text.replaceAll(new RegExp(PLACEHOLDER, "g"), value);
  return { ...entry, theirs: fill(entry.theirs), ...(entry.ours !== undefined && { ours: fill(entry.ours) }) };
}

export function hasPlaceholder({ theirs }: Entry): boolean {
  return PLACEHOLDER.test(readSelector(theirs).metric);
}

/** Matches the names that a metric with a placeholder stands for, and no others. */
export function metricPattern(metric: string): RegExp {
  return new RegExp(`^${metric.replace(PLACEHOLDER, "(\\w+)")}$`);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
