// Finds the series that a PromQL expression reads. This is not a parser: it distinguishes metric names from strings, label lists and
// functions by what surrounds them.

/** Metrics come last, and only they have groups: everything else is matched first. */
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
  /** The metric with its matchers. */
  readonly text: string;
}

/** The selectors of an expression, without duplicates. */
export function selectorsOf(expression: string): Selector[] {
  const found = new Map<string, Selector>();
  for (const [, metric, matchers = ""] of expression.matchAll(TOKEN)) {
    if (metric === undefined || KEYWORDS.has(metric)) continue;
    const text = metric + matchers.trim();
    found.set(text, { metric, text });
  }
  return [...found.values()];
}
