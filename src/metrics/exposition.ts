// The Prometheus text format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/
// The text of a family and its series is made once; a scrape copies it and prints the values.

/** Limit of a label value in bytes of UTF-8, before it is escaped. A longer one is cut and ends in `…`. */
export const MAX_LABEL_VALUE_BYTES = 256;

const CUT_MARK = "…";
const encoder = new TextEncoder();
/** As long as the kept part of a cut label value. */
const cutValue = new Uint8Array(MAX_LABEL_VALUE_BYTES - Buffer.byteLength(CUT_MARK));

/** The HELP and TYPE lines of a family. */
export function familyHead(name: string, help: string, type: string): Line {
  const escaped = help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return new Line(encoder.encode(`# HELP ${name} ${escaped}\n# TYPE ${name} ${type}\n`));
}

/** The labels of a series with their braces, or nothing if it has none. One label text is one series. */
export function labelText(names: readonly string[], values: readonly string[]): string {
  if (names.length === 0) return "";
  return `{${names.map((name, i) => `${name}="${escapeLabelValue(values[i]!)}"`).join(",")}}`;
}

// Lone surrogates have no UTF-8: replaced here, so that two of them do not become the same series twice.
function escapeLabelValue(value: string): string {
  return limited(value).toWellFormed().replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}

function limited(value: string): string {
  if (Buffer.byteLength(value) <= MAX_LABEL_VALUE_BYTES) return value;
  // encodeInto writes whole characters only.
  return value.slice(0, encoder.encodeInto(value, cutValue).read) + CUT_MARK;
}

/** A sample's line; the page adds its value. */
export function sampleLine(name: string, labels: string): Line {
  return new Line(encoder.encode(`${name}${labels} `));
}

/** A value as Go's ParseFloat reads it: integers in full, other numbers in the shortest form that parses to the same number. */
export function valueText(value: number | bigint): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return String(value);
}

/** The page of a line that was never written. */
const NO_PAGE = -2;

/** A part of the page: a text that never changes, and for a sample its value. It belongs to one page, which has it once. */
export class Line {
  readonly text: Uint8Array;
  /** Where and with which value it was last written. */
  value: number | bigint | undefined;
  start = 0;
  end = 0;
  page = NO_PAGE;

  constructor(text: Uint8Array) {
    this.text = text;
  }
}

/**
 * The text of one scrape, in a buffer that is reused from scrape to scrape. Few values change between two scrapes, so a line
 * with the value and the place that it had in the last page is still in the buffer and not written again.
 */
export class Page {
  #bytes = Buffer.alloc(16 * 1024);
  #length = 0;
  /** Counts up; the lines of the last page have the number before. */
  #number = 0;
  #isChanged = false;
  #last = Buffer.alloc(0);

  /** The number of bytes written since the last `finish`. */
  get length(): number {
    return this.#length;
  }

  /** Removes all but the first `length` bytes. */
  truncate(length: number): void {
    this.#length = length;
    // What was removed has overwritten lines of the last page.
    this.#number++;
  }

  /** Writes the text of `line`, and `value` if it is a sample. */
  write(line: Line, value?: number | bigint): void {
    const isIntact = line.page === this.#number - 1 && line.start === this.#length && line.value === value;
    if (!isIntact) this.#rewrite(line, value);
    line.page = this.#number;
    this.#length = line.end;
  }

  /**
   * Ends the page and begins the next. A view, valid until the next `write`: a copy for each scrape would be garbage. While
   * nothing changes it is the same object, so that it is compressed once.
   */
  finish(): Uint8Array {
    if (this.#isChanged || this.#length !== this.#last.length) this.#last = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    this.#number++;
    this.#isChanged = false;
    return this.#last;
  }

  #rewrite(line: Line, value: number | bigint | undefined): void {
    const { text } = line;
    const valueAndEnd = value === undefined ? "" : `${valueText(value)}\n`;
    const start = this.#length;
    let at = start + text.length;
    this.#makeRoom(at + valueAndEnd.length);
    this.#bytes.set(text, start);
    // Byte by byte: for so few, twice as fast as a call to an encoder.
    for (let i = 0; i < valueAndEnd.length; i++) this.#bytes[at++] = valueAndEnd.charCodeAt(i);
    line.value = value;
    line.start = start;
    line.end = at;
    this.#isChanged = true;
  }

  #makeRoom(sizeBytes: number): void {
    if (sizeBytes <= this.#bytes.length) return;
    const larger = Buffer.alloc(2 * sizeBytes);
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}
