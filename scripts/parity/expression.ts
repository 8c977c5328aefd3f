// The part of PromQL that the maps use: a selector, or a sum of one. The tests compare the results with promtool's.

import { type Family, labelText, type Page, sorted } from "../../src/metrics/text-format-reader.ts";

/** Values by their labels as text. Labels that the expression pins with `=` are left out. */
export type Vector = ReadonlyMap<string, number>;

const SUM = /^sum without ?\(([\w, ]+)\) ?\((.+)\)$/;
// A metric may have a placeholder, such as `bitcoin_est_smart_fee_<target>`; map.ts fills it in.
const SELECTOR = /^([a-zA-Z_:<][\w:<>]*)(?:\{((?:\s*\w+\s*!?=\s*(["'])[^"'\\]*\3\s*(?:,|(?=\})))*)\})?$/;
const MATCHER = /(\w+)\s*(!?=)\s*["']([^"']*)/g;

/** @throws Error when `text` has neither of the forms `a{b="c",d!="e"}` and `sum without (b, d) (a{…})` */
function parse(text: string) {
  const [, without = "", selector = text] = SUM.exec(text) ?? [];
  const [, metric, inner = ""] = SELECTOR.exec(selector) ?? [];
  if (metric === undefined) throw new Error(`no selector: ${selector}`);
  const matchers = [...inner.matchAll(MATCHER)].map(([, label = "", operator, value = ""]) => {
    return { label, isEqual: operator === "=", value };
  });
  const pinned = matchers.filter(({ isEqual }) => isEqual).map(({ label }) => label);
  return { metric, matchers, dropped: [...without.split(",").map((label) => label.trim()), ...pinned] };
}

/** The name of the samples that an expression is about, such as `a_seconds_count`. */
export function metricOf(text: string): string {
  return parse(text).metric;
}

/** Empty when no sample of `page` matches. */
export function evaluate(text: string, page: Page): Vector {
  const { metric, matchers, dropped } = parse(text);
  const vector = new Map<string, number>();
  for (const { name, labels, value } of familyOf(metric, page)?.samples ?? []) {
    const isMatch = matchers.every((one) => ((labels.get(one.label) ?? "") === one.value) === one.isEqual);
    if (name !== metric || !isMatch) continue;
    const key = labelText(sorted(new Map([...labels].filter(([label]) => !dropped.includes(label)))));
    vector.set(key, (vector.get(key) ?? 0) + value);
  }
  return vector;
}

/** Whether the page declares that samples of this name only grow. */
export function isCounter(metric: string, page: Page): boolean {
  const { name, type } = familyOf(metric, page) ?? {};
  return type === "counter" || ((type === "summary" || type === "histogram") && name !== metric);
}

function familyOf(metric: string, page: Page): Family | undefined {
  return page.get(metric) ?? page.get(metric.replace(/_(bucket|sum|count)$/, ""));
}
