// Reads the Prometheus text format 0.0.4, strictly: every page that it accepts, Prometheus accepts too. Used by --check, parity,
// the demo, the tests and the benches. https://prometheus.io/docs/instrumenting/exposition_formats/

export type FamilyType = "counter" | "gauge" | "histogram" | "summary" | "untyped";
export type Labels = ReadonlyMap<string, string>;

export interface Sample {
  /** The family's name; in a histogram or summary with a suffix. */
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
  /** The value as written: a double does not hold every integer above 2^53. */
  readonly text: string;
}

export interface Family {
  readonly name: string;
  readonly type: FamilyType;
  readonly samples: readonly Sample[];
}

/** Families by name. */
export type Page = ReadonlyMap<string, Family>;

/** Samples by series: name and labels in the page's order, such as `a_total{reason="replaced"}`. */
export type SeriesMap = ReadonlyMap<string, Sample>;

/** What is wrong with a page, and in which line. */
export class FormatError extends Error {
  override readonly name = "FormatError";
}

const NAME = "([a-zA-Z_:][a-zA-Z0-9_:]*)";
const BLANK_LINE = /^[ \t]*$/;
const COMMENT = /^[ \t]*#[ \t]*(?:(HELP|TYPE)(?=[ \t]|$)[ \t]*(.*))?/;
const HELP = new RegExp(`^${NAME}(?:[ \\t](?:[^\\\\]|\\\\[\\\\n])*)?$`);
const TYPE = new RegExp(`^${NAME}[ \\t]+(counter|gauge|histogram|summary|untyped)[ \\t]*$`);
const SAMPLE = new RegExp(
  `^[ \\t]*${NAME}(?:[ \\t]*\\{[ \\t]*((?:[^"{}]|"(?:[^"\\\\]|\\\\.)*")*)\\}[ \\t]*|[ \\t]+)(\\S+)(?:[ \\t]+-?\\d+)?[ \\t]*$`,
);
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\["\\n])*)"[ \t]*(?:,[ \t]*|$)/y;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const INFINITE = /^([+-]?)Inf(?:inity)?$/i;
const SUFFIXED = /^(.+)(_bucket|_sum|_count)$/;

/** @throws FormatError */
export function readPage(text: string): Page {
  const page = new Map<string, Family & { type: FamilyType; samples: Sample[] }>();
  /** Series, and comments such as `TYPE a`: each may come once. */
  const seen = new Set<string>();
  /** The lines of a family stand together. */
  let current: string | undefined;
  const lines = text.split("\n");
  if (lines.pop() !== "") throw new FormatError("the last line has no end");
  for (const [index, line] of lines.entries()) {
    const fail = (why: string): never => {
      throw new FormatError(`line ${index + 1}: ${why}: ${line.slice(0, 80)}`);
    };
    const familyOf = (name: string) => {
      const family = page.get(name) ?? { name, type: "untyped", samples: [] };
      if (page.has(name) && current !== name) fail(`${name} again, after other families`);
      page.set(name, family);
      current = name;
      return family;
    };
    const once = (what: string) => (seen.has(what) ? fail(`a second ${what}`) : seen.add(what));

    const [comment, keyword, rest = ""] = COMMENT.exec(line) ?? [];
    if (keyword !== undefined) {
      const [, name = "", type] = (keyword === "HELP" ? HELP : TYPE).exec(rest) ?? fail(`not a ${keyword} line`);
      once(`${keyword} ${name}`);
      const family = familyOf(name);
      if (type === undefined) continue;
      if (family.samples.length > 0) fail(`TYPE after a sample of ${name}`);
      family.type = type as FamilyType;
    } else if (comment === undefined && !BLANK_LINE.test(line)) {
      const [, name = "", pairs = "", text = ""] = SAMPLE.exec(line) ?? fail("not a sample");
      const labels = readLabels(pairs, fail);
      const value = readNumber(text) ?? fail("the value is not a number");
      once(name + labelText(sorted(labels)));
      // A suffix belongs to a family only if its type has such samples.
      const [, base = "", suffix] = SUFFIXED.exec(name) ?? [];
      const type = page.get(base)?.type;
      const isSuffixed = type === "histogram" || (type === "summary" && suffix !== "_bucket");
      familyOf(isSuffixed ? base : name).samples.push({ name, labels, value, text });
    }
  }
  return page;
}

/** @throws FormatError */
export function readSeries(text: string): SeriesMap {
  const samples = [...readPage(text).values()].flatMap((family) => family.samples);
  return new Map(samples.map((sample) => [sample.name + labelText(sample.labels), sample]));
}

/** Labels as they stand on a page; empty when there are none. */
export function labelText(labels: Labels): string {
  if (labels.size === 0) return "";
  const escaped = (value: string) => value.replaceAll(/["\\]/g, "\\$&").replaceAll("\n", "\\n");
  return `{${[...labels].map(([name, value]) => `${name}="${escaped(value)}"`).join(",")}}`;
}

/** The same labels by name: a series is the same in any order. */
export function sorted(labels: Labels): Labels {
  return new Map([...labels].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function readLabels(text: string, fail: (why: string) => never): Labels {
  const labels = new Map<string, string>();
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const [, name = "", value = ""] = LABEL.exec(text) ?? fail("not a label");
    if (labels.has(name)) fail(`a second label ${name}`);
    labels.set(
      name,
      value.replaceAll(/\\(.)/g, (_, character) => (character === "n" ? "\n" : character)),
    );
  }
  return labels;
}

function readNumber(text: string): number | undefined {
  if (NUMBER.test(text) && Number.isFinite(Number(text))) return Number(text);
  const infinite = INFINITE.exec(text);
  if (infinite !== null) return infinite[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return text.toLowerCase() === "nan" ? Number.NaN : undefined;
}
