// A strict reader of the Prometheus text format 0.0.4: what it takes, Prometheus takes too. The demo's reader asks for a
// series that it knows; this one has to find out what a stranger serves, with types and labels.
// https://prometheus.io/docs/instrumenting/exposition_formats/

const TYPES = ["counter", "gauge", "histogram", "summary", "untyped"] as const;
export type FamilyType = (typeof TYPES)[number];

/** By name, sorted: the same labels in another order are the same labels. */
export type Labels = ReadonlyMap<string, string>;

export interface Sample {
  /** The family's name, or in a histogram or summary that with a suffix. */
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly type: FamilyType;
  readonly samples: readonly Sample[];
}

export type Page = ReadonlyMap<string, Family>;

/** What is wrong with a page, and in which line. */
export class FormatError extends Error {
  override readonly name = "FormatError";
}

const METRIC_NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*(?=[ \t{]|$)/y;
const LABEL_NAME = /[a-zA-Z_][a-zA-Z0-9_]*/y;
const LABEL_VALUE = /"((?:[^"\\]|\\["\\n])*)"/y;
const BLANKS = /[ \t]*/y;
const TOKEN = /[^ \t]+/y;
const REST = /.*/y;
const HELP_TEXT = /^(?:[^\\]|\\[\\n])*$/;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const INFINITE = /^([+-]?)Inf(?:inity)?$/i;

/** What samples of some types are called after their family. */
const SUFFIXED = /^(.+)(_bucket|_sum|_count)$/;

/** @throws FormatError */
export function readPage(text: string): Page {
  const reader = new PageReader();
  if (text === "") return reader.families;
  if (!text.endsWith("\n")) throw new FormatError("the last line does not end");
  text
    .slice(0, -1)
    .split("\n")
    .forEach((line, index) => {
      reader.read(new Line(line, index + 1));
    });
  return reader.families;
}

/** Labels as they stand on a page; empty when there are none. */
export function labelText(labels: Labels): string {
  if (labels.size === 0) return "";
  const pairs = [...labels].map(([name, value]) => `${name}="${value.replaceAll(/["\\\n]/g, escaped)}"`);
  return `{${pairs.join(",")}}`;
}

function escaped(character: string): string {
  return character === "\n" ? "\\n" : `\\${character}`;
}

interface FamilyBeingRead extends Family {
  type: FamilyType;
  readonly samples: Sample[];
}

class PageReader {
  readonly families = new Map<string, FamilyBeingRead>();
  /** The family that the last line was about. Its lines stand together. */
  #current: string | undefined;
  readonly #helped = new Set<string>();
  readonly #typed = new Set<string>();
  readonly #series = new Set<string>();

  read(line: Line): void {
    if (line.isEnd()) return;
    if (line.skip("#")) this.#comment(line);
    else this.#sample(line);
  }

  #comment(line: Line): void {
    const keyword = line.isEnd() ? "" : line.take(TOKEN, "a word");
    if (keyword === "HELP") {
      const name = line.take(METRIC_NAME, "a metric name");
      if (this.#helped.has(name)) throw line.error(`a second HELP for ${name}`);
      this.#family(name, line);
      this.#helped.add(name);
      if (!HELP_TEXT.test(line.take(REST, "a text"))) throw line.error("a bad escape in HELP");
    } else if (keyword === "TYPE") {
      const name = line.take(METRIC_NAME, "a metric name");
      const type = TYPES.find((known) => line.skip(known));
      if (type === undefined || !line.isEnd()) throw line.error("an unknown type");
      if (this.#typed.has(name)) throw line.error(`a second TYPE for ${name}`);
      const family = this.#family(name, line);
      if (family.samples.length > 0) throw line.error(`TYPE after a sample of ${name}`);
      family.type = type;
      this.#typed.add(name);
    }
  }

  #sample(line: Line): void {
    const name = line.take(METRIC_NAME, "a metric name");
    const labels = line.skip("{") ? readLabels(line) : new Map<string, string>();
    const value = readNumber(line.take(TOKEN, "a value"));
    if (value === undefined) throw line.error("a value that is no number");
    if (!line.isEnd() && !/^-?\d+$/.test(line.take(TOKEN, "a timestamp"))) throw line.error("a bad timestamp");
    if (!line.isEnd()) throw line.error("more after the sample");
    const series = name + labelText(labels);
    if (this.#series.has(series)) throw line.error(`${series} a second time`);
    this.#series.add(series);
    this.#family(this.#familyOf(name), line).samples.push({ name, labels, value });
  }

  /** A suffix counts only in a family that has declared itself to have it. */
  #familyOf(sample: string): string {
    const [, name = "", suffix] = SUFFIXED.exec(sample) ?? [];
    const type = this.families.get(name)?.type;
    return type === "histogram" || (type === "summary" && suffix !== "_bucket") ? name : sample;
  }

  #family(name: string, line: Line): FamilyBeingRead {
    let family = this.families.get(name);
    if (family !== undefined && this.#current !== name) throw line.error(`${name} again, after other families`);
    if (family === undefined) {
      family = { name, type: "untyped", samples: [] };
      this.families.set(name, family);
    }
    this.#current = name;
    return family;
  }
}

function readLabels(line: Line): Labels {
  const labels = new Map<string, string>();
  while (!line.skip("}")) {
    const name = line.take(LABEL_NAME, "a label name");
    if (!line.skip("=")) throw line.error("no = after a label name");
    const value = line.take(LABEL_VALUE, "a label value");
    if (labels.has(name)) throw line.error(`the label ${name} a second time`);
    labels.set(name, unescaped(value.slice(1, -1)));
    if (!line.skip(",") && !line.isAt("}")) throw line.error("no , or } after a label");
  }
  return sorted(labels);
}

export function sorted(labels: Labels): Labels {
  return new Map([...labels].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/g, (_, character: string) => (character === "n" ? "\n" : character));
}

function readNumber(text: string): number | undefined {
  if (NUMBER.test(text) && Number.isFinite(Number(text))) return Number(text);
  const infinite = INFINITE.exec(text);
  if (infinite !== null) return infinite[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return text.toLowerCase() === "nan" ? Number.NaN : undefined;
}

/** Reads one line from left to right, over the blanks between tokens. */
class Line {
  readonly #text: string;
  readonly #number: number;
  #at = 0;

  constructor(text: string, number: number) {
    this.#text = text;
    this.#number = number;
    this.#skipBlanks();
  }

  isEnd(): boolean {
    return this.#at === this.#text.length;
  }

  isAt(token: string): boolean {
    return this.#text.startsWith(token, this.#at);
  }

  /** Passes `token` if it is next. */
  skip(token: string): boolean {
    if (!this.isAt(token)) return false;
    this.#at += token.length;
    this.#skipBlanks();
    return true;
  }

  /** Returns what `pattern`, a sticky one, matches here; throws when it does not. */
  take(pattern: RegExp, what: string): string {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text)?.[0];
    if (match === undefined) throw this.error(`no ${what.replace(/^an? /, "")} where one should be`);
    this.#at += match.length;
    this.#skipBlanks();
    return match;
  }

  error(what: string): FormatError {
    return new FormatError(`line ${this.#number}: ${what}: ${this.#text.slice(0, 80)}`);
  }

  #skipBlanks(): void {
    BLANKS.lastIndex = this.#at;
    this.#at += BLANKS.exec(this.#text)![0].length;
  }
}
