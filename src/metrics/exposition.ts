// The Prometheus text format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/
// The text of a family and its series is made once; a scrape copies it and prints the values.

/** Limit of a label value in bytes of UTF-8, before it is escaped. A longer one is cut and ends in `…`. */
export const MAX_LABEL_VALUE_BYTES = 256;

const CUT_MARK = "…";
const NEWLINE = 0x0a;
const encoder = new TextEncoder();
/** As long as the kept part of a cut label value. */
const cutValue = new Uint8Array(MAX_LABEL_VALUE_BYTES - Buffer.byteLength(CUT_MARK));

/** The HELP and TYPE lines of a family. */
export function familyHead(name: string, help: string, type: string): Uint8Array {
  const escaped = help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return encoder.encode(`# HELP ${name} ${escaped}\n# TYPE ${name} ${type}\n`);
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

/** A sample's line up to its value. */
export function samplePrefix(name: string, labels: string): Uint8Array {
  return encoder.encode(`${name}${labels} `);
}

/** A value as Go's ParseFloat reads it: integers in full, other numbers in the shortest form that parses to the same number. */
export function valueText(value: number | bigint): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return String(value);
}

/** The text of one scrape, in a buffer that is reused from scrape to scrape. */
export class Page {
  #bytes = Buffer.alloc(16 * 1024);
  #length = 0;
  #last = Buffer.alloc(0);

  /** The number of bytes written since the last `finish`. */
  get length(): number {
    return this.#length;
  }

  /** Removes all but the first `length` bytes. */
  truncate(length: number): void {
    this.#length = length;
  }

  write(text: Uint8Array): void {
    this.#makeRoom(text.length);
    this.#bytes.set(text, this.#length);
    this.#length += text.length;
  }

  writeSample(prefix: Uint8Array, value: number | bigint): void {
    this.write(prefix);
    const text = valueText(value);
    this.#makeRoom(text.length + 1);
    // Byte by byte: for so few, twice as fast as a call to an encoder.
    for (let i = 0; i < text.length; i++) this.#bytes[this.#length++] = text.charCodeAt(i);
    this.#bytes[this.#length++] = NEWLINE;
  }

  /**
   * Ends the page and begins the next. The bytes are a copy that never changes, so they may wait for a slow reader. A page equal
   * to the last one is the same object, so that it is compressed once.
   */
  finish(): Uint8Array {
    const page = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    if (!page.equals(this.#last)) this.#last = Buffer.from(page);
    return this.#last;
  }

  #makeRoom(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.alloc(2 * needed);
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}
