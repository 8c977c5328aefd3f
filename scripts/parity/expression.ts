// The part of PromQL that the maps use: a selector, or a sum of one. The tests compare the results with promtool's.

import { type Family, labelText, type Page, sorted } from "../../src/metrics/text-format-reader.ts";

/** A part of a metric, such as `bitcoin_est_smart_fee_<target>`. It stands for letters, digits and `_`. */
export const PLACEHOLDER = /<\w+>/g;

const SUM = /^sum without ?\(([\w, ]+)\) ?\((.+)\)$/;
const SELECTOR = /^([a-zA-Z_:<][\w:<>]*)(?:\{((?:\s*\w+\s*!?=\s*(["'])[^"'\\]*\3\s*(?:,|(?=\})))*)\})?$/;
const MATCHER = /(\w+)\s*(!?=)\s*["']([^"']*)/g;

/** @throws Error when `text` has neither of the forms `a{b="c",d!="e"}` and `sum without (b, d) (a{…})` */
export function parse(text: string) {
  const [, without = "", selector = text] = SUM.exec(text) ?? [];
  const [, metric, inner = ""] = SELECTOR.exec(selector) ?? [];
  if (metric === undefined) throw new Error(`no selector: ${selector}`);
  const matchers = [...inner.matchAll(MATCHER)].map(([, label = "", operator, value = ""]) => {
    return { label, isEqual: operator === "=", value };
  });
  const pinned = matchers.filter(({ isEqual }) => isEqual).map(({ label }) => label);
  return {
    /** The name of the samples that the expression selects, such as `a_seconds_count`. */
    metric,
    /** Matches the names that the metric stands for. The group is what the placeholder stands for. */
    pattern: new RegExp(`^${metric.replace(PLACEHOLDER, "(\\w+)")}$`),
    matchers,
    dropped: [...without.split(",").map((label) => label.trim()), ...pinned],
  };
}

/** Whether an expression selects samples of a family, or would if there were some; false without an expression. */
export function isAbout(text: string | undefined, { name, samples }: Family): boolean {
  if (text === undefined) return false;
  const { pattern } = parse(text);
  return pattern.test(name) || samples.some((sample) => pattern.test(sample.name));
}

/** Values, multiplied by `factor`, by their labels as text. Labels that the expression pins with `=` are left out. */
export function evaluate(text: string, page: Page, factor = 1): ReadonlyMap<string, number> {
  const { metric, matchers, dropped } = parse(text);
  const vector = new Map<string, number>();
  for (const { name, labels, value } of [...page.values()].flatMap(({ samples }) => samples)) {
    const isMatch = matchers.every((one) => ((labels.get(one.label) ?? "") === one.value) === one.isEqual);
    if (name !== metric || !isMatch) continue;
    const key = labelText(sorted(new Map([...labels].filter(([label]) => !dropped.includes(label)))));
    vector.set(key, (vector.get(key) ?? 0) + value * factor);
  }
  return vector;
}

/** Whether the samples only grow: those of a counter, and the sums and counts of a summary or histogram. */
export function isCounter(text: string, page: Page): boolean {
  const { metric } = parse(text);
  return [...page.values()].some((one) => isAbout(text, one) && (one.type === "counter" || one.name !== metric));
}
