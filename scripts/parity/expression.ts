// The part of PromQL that the maps use: a selector, or a sum of one. The tests compare the results with promtool's.

import { type Family, labelText, type Page, sorted } from "../text-format.ts";

export interface Expression {
  /** Name of samples, such as `a_seconds_count`. */
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly isEqual: boolean; readonly value: string }[];
  /** Labels to sum over. */
  readonly without: readonly string[];
}

/** Values by their labels as text. Labels that the expression pins with `=` are left out. */
export type Vector = ReadonlyMap<string, number>;

const SUM = /^sum without ?\(([\w, ]+)\) ?\((.+)\)$/;
// A metric may have a placeholder, such as `bitcoin_est_smart_fee_<target>`; map.ts fills it in.
const SELECTOR = /^([a-zA-Z_:<][\w:<>]*)(?:\{(.*)\})?$/;
const MATCHER = /\s*([a-zA-Z_]\w*)\s*(!?=)\s*(["'])([^"'\\]*)\3\s*(?:,|$)/y;

/** @throws Error when `text` has neither of the forms `a{b="c",d!="e"}` and `sum without (b, d) (a{…})` */
export function readExpression(text: string): Expression {
  const [, labels, selector = text] = SUM.exec(text) ?? [];
  const [, metric, inner = ""] = SELECTOR.exec(selector) ?? [];
  if (metric === undefined) throw new Error(`no selector: ${selector}`);
  const matchers: Expression["matchers"][number][] = [];
  MATCHER.lastIndex = 0;
  while (MATCHER.lastIndex < inner.length) {
    const [, label, operator, , value] = MATCHER.exec(inner) ?? [];
    if (label === undefined) throw new Error(`no label matcher: ${selector}`);
    matchers.push({ label, isEqual: operator === "=", value: value! });
  }
  return { metric, matchers, without: labels?.split(",").map((label) => label.trim()) ?? [] };
}

/** Undefined when no sample of `page` matches. */
export function evaluate({ metric, matchers, without }: Expression, page: Page): Vector | undefined {
  const dropped = [...without, ...matchers.filter(({ isEqual }) => isEqual).map(({ label }) => label)];
  const vector = new Map<string, number>();
  for (const { name, labels, value } of familyOf(metric, page)?.samples ?? []) {
    const isMatch = matchers.every((one) => ((labels.get(one.label) ?? "") === one.value) === one.isEqual);
    if (name !== metric || !isMatch) continue;
    const key = labelText(sorted(new Map([...labels].filter(([label]) => !dropped.includes(label)))));
    vector.set(key, (vector.get(key) ?? 0) + value);
  }
  return vector.size === 0 ? undefined : vector;
}

/** Whether the page declares that samples of this name only grow. */
export function isCounter(metric: string, page: Page): boolean {
  const { name, type } = familyOf(metric, page) ?? {};
  return type === "counter" || ((type === "summary" || type === "histogram") && name !== metric);
}

function familyOf(metric: string, page: Page): Family | undefined {
  return page.get(metric) ?? page.get(metric.replace(/_(bucket|sum|count)$/, ""));
}
