// Takes PromQL apart as far as the tests need: which series an expression reads. No parser: strings, label lists and
// function names are told from metric names by their surroundings, which selectors.test.ts shows.

/** In this order: what is no metric is taken first, and only the last has groups. */
const TOKEN = new RegExp(
  [
    /"(?:[^"\\]|\\.)*"/,
    /\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/,
    /\[[^\]]*\]/,
    /\b\d[\w.]*/,
    // Functions and aggregations.
    /[a-zA-Z_]\w*(?=\s*\(|\s+(?:by|without)\s*\()/,
    /([a-zA-Z_:][\w:]*)(\s*\{[^}]*\})?/,
  ]
    .map(({ source }) => source)
    .join("|"),
  "g",
);
const KEYWORDS = new Set(["and", "or", "unless", "bool", "offset"]);

export interface Selector {
  readonly metric: string;
  /** With its matchers, to ask Prometheus for. */
  readonly text: string;
}

/** Each selector once. */
export function selectorsOf(expression: string): Selector[] {
  const found = new Map<string, Selector>();
  for (const [, metric, matchers = ""] of expression.matchAll(TOKEN)) {
    if (metric === undefined || KEYWORDS.has(metric)) continue;
    const text = metric + matchers.trim();
    found.set(text, { metric, text });
  }
  return [...found.values()];
}
