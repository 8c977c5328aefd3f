// The log on stderr. A line is written or dropped: whoever reads stderr may be slow or stuck, and the node's threads wait for
// the exporter.

import { write } from "node:fs";
import { promisify } from "node:util";

/** Bytes that may wait for the reader of stderr. More lines are dropped. */
const MAX_WAITING_BYTES = 256 * 1024;

/** Of one write, and so of one line: what a pipe takes in one piece (PIPE_BUF), so that programs that share it do not mix lines. */
export const MAX_LINE_BYTES = 4096;

const CUT_MARK = "… (cut)";

/** How long to wait before the next attempt when another program has made the shared stderr non-blocking, and it is full. */
const RETRY_MS = 20;

const STDERR = 2;

/** Resolves when all bytes are written. Rejects when the reader is gone or the disk is full. */
export type WriteBytes = (bytes: Uint8Array) => Promise<void>;

export class Log {
  readonly #writeBytes: WriteBytes;
  readonly #onDrop: () => void;
  /** Lines that are not written yet, the oldest first. */
  #lines: Uint8Array[] = [];
  #waitingBytes = 0;
  /** Dropped since the last notice. */
  #dropped = 0;
  /** Set from the turn that a line comes in until no line waits. */
  #isWriting = false;

  /** `onDrop` is called for each line that is dropped. */
  constructor(onDrop: () => void, writeBytes: WriteBytes = writeToStderr) {
    this.#onDrop = onDrop;
    this.#writeBytes = writeBytes;
  }

  /** Writes one line with the time in front: printable text, cut at MAX_LINE_BYTES. Never blocks, never throws. */
  readonly line = (text: string): void => {
    const line = lineBytes(text);
    // Once a line is dropped, so are the next ones until the notice is written: that makes one gap, and the notice is in it.
    const isDropping = this.#isWriting && this.#dropped > 0;
    if (isDropping || this.#waitingBytes + line.length > MAX_WAITING_BYTES) return this.#drop(1);
    this.#lines.push(line);
    this.#waitingBytes += line.length;
    if (this.#isWriting) return;
    this.#isWriting = true;
    // After the answers of this turn.
    setImmediate(() => void this.#write());
  };

  /** Resolves when everything was written or `deadlineMs` is over. */
  async flush(deadlineMs: number): Promise<void> {
    const deadline = performance.now() + deadlineMs;
    while (this.#isWriting && performance.now() < deadline) await Bun.sleep(1);
  }

  async #write(): Promise<void> {
    while (this.#lines.length > 0) {
      const batch = this.#takeBatch();
      if (!(await this.#hasWritten(batch))) {
        this.#drop(batch.length);
        continue;
      }
      const dropped = this.#dropped;
      if (dropped === 0 || this.#lines.length > 0) continue;
      this.#dropped = 0;
      const notice = lineBytes(`${dropped} log lines were dropped here: stderr was not read`);
      // The next notice includes what this one would have said.
      if (!(await this.#hasWritten([notice]))) this.#dropped += dropped;
    }
    this.#isWriting = false;
  }

  async #hasWritten(lines: readonly Uint8Array[]): Promise<boolean> {
    try {
      await this.#writeBytes(Buffer.concat(lines));
      return true;
    } catch {
      return false;
    }
  }

  /** As many lines as one write may have. */
  #takeBatch(): Uint8Array[] {
    let count = 0;
    let size = 0;
    for (const { length } of this.#lines) {
      if (size + length > MAX_LINE_BYTES) break;
      size += length;
      count++;
    }
    this.#waitingBytes -= size;
    return this.#lines.splice(0, count);
  }

  #drop(count: number): void {
    this.#dropped += count;
    for (let dropped = 0; dropped < count; dropped++) this.#onDrop();
  }
}

/** One line with the time in front, whatever a node or a client has put into the text. */
function lineBytes(text: string): Uint8Array {
  // No character takes less than a byte, so what is sliced off would not fit.
  const printable = `${new Date().toISOString()} ${escapeUnprintable(text.slice(0, MAX_LINE_BYTES))}`;
  const line = Buffer.from(`${printable}\n`);
  if (line.length <= MAX_LINE_BYTES) return line;
  const cut = Buffer.allocUnsafe(MAX_LINE_BYTES);
  const end = `${CUT_MARK}\n`;
  // Writes whole characters only.
  const { written } = new TextEncoder().encodeInto(printable, cut.subarray(0, MAX_LINE_BYTES - Buffer.byteLength(end)));
  return cut.subarray(0, written + cut.write(end, written));
}

/** Escapes line and paragraph separators and all of Unicode's "other" category: C0, C1, bidi controls, lone surrogates, … */
function escapeUnprintable(text: string): string {
  if (/^[ -~]*$/.test(text)) return text;
  return text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) =>
    character === "\n" ? "\\n" : `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}

const writeAsync = promisify(write);

/**
 * Writes on one of Bun's threads, which may block: stderr shares its open file with other programs, so O_NONBLOCK must not be set
 * on it. There are two such threads even with one CPU, and nothing else of the exporter needs them.
 */
async function writeToStderr(bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) {
    try {
      offset += (await writeAsync(STDERR, bytes, offset)).bytesWritten;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      await Bun.sleep(RETRY_MS);
    }
  }
}
