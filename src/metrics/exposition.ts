// The Prometheus text format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/
// What a family's text looks like is made once, at registration; a scrape copies it and prints the values.

const NEWLINE = 0x0a;
const encoder = new TextEncoder();

/** The HELP and TYPE lines of a family. */
export function familyHead(name: string, help: string, type: string): Uint8Array {
  const escaped = help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return encoder.encode(`# HELP ${name} ${escaped}\n# TYPE ${name} ${type}\n`);
}

/** The labels of a series with their braces, or nothing if it has none. Different series have different label text. */
export function labelText(names: readonly string[], values: readonly string[]): string {
  if (names.length === 0) return "";
  return `{${names.map((name, i) => `${name}="${escapeLabelValue(values[i]!)}"`).join(",")}}`;
}

// Lone surrogates have no UTF-8: made well-formed here, so that two of them do not become one series twice over.
function escapeLabelValue(value: string): string {
  return value.toWellFormed().replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}

/** A sample's line up to its value. */
export function samplePrefix(name: string, labels: string): Uint8Array {
  return encoder.encode(`${name}${labels} `);
}

/** A value as Go's ParseFloat reads it: integers in full, other numbers in the shortest form that reads back the same. */
export function valueText(value: number | bigint): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return String(value);
}

/** The text of one scrape, written into a buffer that is kept from scrape to scrape. */
export class Page {
  #bytes = Buffer.alloc(16 * 1024);
  #length = 0;
  #last = Buffer.alloc(0);

  write(text: Uint8Array): void {
    this.#makeRoom(text.length);
    this.#bytes.set(text, this.#length);
    this.#length += text.length;
  }

  writeSample(prefix: Uint8Array, value: number | bigint): void {
    this.write(prefix);
    const text = valueText(value);
    this.#makeRoom(text.length + 1);
    // Byte by byte: for so few of them, twice as fast as a call to an encoder.
    for (let i = 0; i < text.length; i++) this.#bytes[this.#length++] = text.charCodeAt(i);
    this.#bytes[this.#length++] = NEWLINE;
  }

  /**
   * Ends the page and begins the next. The bytes are a copy that nothing writes to again, so they may wait for a slow
   * reader; a page equal to the one before is the very same object, so whoever derives from it can tell.
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
