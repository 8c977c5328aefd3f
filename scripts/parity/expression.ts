// The little of PromQL that the maps need: a selector, or a sum over some of its labels. Reads an expression, and gives its
// value on one page as Prometheus would on that scrape; the tests let promtool say whether it does.

import { type Family, type Labels, labelText, type Page, type Sample, sorted } from "../text-format.ts";

export interface Matcher {
  readonly label: string;
  readonly operator: "=" | "!=";
  readonly value: string;
}

export interface Expression {
  /** Of the samples, such as `a_seconds_count`. */
  readonly metric: string;
  readonly matchers: readonly Matcher[];
  /** Labels to sum over; undefined where nothing is summed. */
  readonly without?: readonly string[];
}

/** Values by the text of their labels; labels that the expression itself pins with `=` are left out. */
export type Vector = ReadonlyMap<string, number>;

// A metric may have placeholders, such as `bitcoin_est_smart_fee_<blocks>`; exporter-map.ts fills them in.
const SELECTOR = /^([a-zA-Z_:<][\w:<>]*)(?:\{(.*)\})?$/;
const SUM = /^sum without ?\(([\w, ]+)\) ?\((.+)\)$/;
const MATCHER = /\s*([a-zA-Z_]\w*)\s*(=|!=)\s*(["'])([^"'\\]*)\3\s*(?:,|$)/y;

/** @throws Error when `text` is not one of the forms `a{b="c",d!="e"}` and `sum without (b, d) (a{…})`. */
export function readExpression(text: string): Expression {
  const sum = SUM.exec(text);
  if (sum === null) return readSelector(text);
  return { ...readSelector(sum[2]!), without: sum[1]!.split(",").map((label) => label.trim()) };
}

export function readSelector(text: string): Expression {
  const match = SELECTOR.exec(text);
  if (match === null) throw new Error(`no selector: ${text}`);
  const matchers: Matcher[] = [];
  const inner = match[2] ?? "";
  MATCHER.lastIndex = 0;
  while (MATCHER.lastIndex < inner.length) {
    const part = MATCHER.exec(inner);
    if (part === null) throw new Error(`no label matcher: ${text}`);
    matchers.push({ label: part[1]!, operator: part[2] as Matcher["operator"], value: part[4]! });
  }
  return { metric: match[1]!, matchers };
}

/**
 * @param rename labels that get another name, by the name that they have on the page
 * @returns undefined when nothing on the page matches
 */
export function evaluate(
  { metric, matchers, without = [] }: Expression,
  page: Page,
  rename: Readonly<Record<string, string>> = {},
): Vector | undefined {
  const vector = new Map<string, number>();
  const dropped = new Set([
    ...without,
    ...matchers.filter(({ operator }) => operator === "=").map(({ label }) => label),
  ]);
  for (const sample of samplesOf(metric, page)) {
    if (!matchers.every((matcher) => isMatch(sample.labels, matcher))) continue;
    const labels = new Map<string, string>();
    for (const [label, value] of sample.labels) if (!dropped.has(label)) labels.set(rename[label] ?? label, value);
    const key = labelText(sorted(labels));
    vector.set(key, (vector.get(key) ?? 0) + sample.value);
  }
  return vector.size === 0 ? undefined : vector;
}

/** Whether the page says that what it has under this name only goes up. */
export function isCounter(metric: string, page: Page): boolean {
  const family = familyOf(metric, page);
  if (family === undefined || family.type === "untyped") return false;
  return family.type === "counter" || (family.type !== "gauge" && family.name !== metric);
}

function samplesOf(metric: string, page: Page): readonly Sample[] {
  return familyOf(metric, page)?.samples.filter(({ name }) => name === metric) ?? [];
}

function familyOf(metric: string, page: Page): Family | undefined {
  return page.get(metric) ?? page.get(metric.replace(/_(bucket|sum|count)$/, ""));
}

function isMatch(labels: Labels, { label, operator, value }: Matcher): boolean {
  return ((labels.get(label) ?? "") === value) === (operator === "=");
}
