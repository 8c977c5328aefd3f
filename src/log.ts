// The log on stderr. A line is written or dropped, because the reader of stderr may be slow or stuck and the node's threads wait
// for the exporter.

import { write } from "node:fs";
import { promisify } from "node:util";

/** Bytes that may wait for the reader of stderr. More lines are dropped. */
const MAX_WAITING_BYTES = 256 * 1024;

/**
 * Limit of one write, and so of one line: PIPE_BUF of pipe(7). Up to that a write to a pipe is atomic, so programs that share it
 * do not mix their lines.
 */
export const MAX_LINE_BYTES = 4096;

/** The end of a line that was cut. */
const CUT_MARK = "… (cut)\n";

/** Delay before the next attempt if stderr is full and another program that shares it has made it non-blocking. */
const RETRY_MS = 20;

const STDERR = 2;

/** Resolves when all bytes are written. Rejects when the reader has closed its end, or the disk is full. */
export type WriteBytes = (bytes: Uint8Array) => Promise<void>;

export class Log {
  readonly #writeBytes: WriteBytes;
  readonly #onDrop: () => void;
  /** Lines to be written, the oldest first. */
  #lines: string[] = [];
  /** Bytes that are being written. */
  readonly #batch = Buffer.alloc(MAX_LINE_BYTES);
  #batchBytes = 0;
  #waitingBytes = 0;
  /** Dropped since the last notice. */
  #dropped = 0;
  /** Set from the first waiting line until no line waits. */
  #isWriting = false;

  /** `onDrop` is called for each line that is dropped. */
  constructor(onDrop: () => void, writeBytes: WriteBytes = writeToStderr) {
    this.#onDrop = onDrop;
    this.#writeBytes = writeBytes;
  }

  /** Writes one line with the time in front: printable text, cut at MAX_LINE_BYTES. Never blocks, never throws. */
  readonly line = (text: string): void => {
    const line = logLine(text);
    const bytes = Buffer.byteLength(line);
    // Once a line is dropped, so are the next ones until the notice is written: the log has one gap, and the notice is in it.
    const isDropping = this.#isWriting && this.#dropped > 0;
    if (isDropping || this.#waitingBytes + bytes > MAX_WAITING_BYTES) return this.#drop(1);
    this.#lines.push(line);
    this.#waitingBytes += bytes;
    if (this.#isWriting) return;
    this.#isWriting = true;
    // Answers to the node that are due in this turn of the event loop come first.
    setImmediate(() => void this.#write());
  };

  /** Resolves when everything was written or `deadlineMs` is over. */
  async flush(deadlineMs: number): Promise<void> {
    const deadline = performance.now() + deadlineMs;
    while (this.#isWriting && performance.now() < deadline) await Bun.sleep(1);
  }

  async #write(): Promise<void> {
    while (this.#lines.length > 0) {
      const count = this.#fillBatch();
      if (!(await this.#hasWrittenBatch())) {
        this.#drop(count);
        continue;
      }
      const dropped = this.#dropped;
      if (dropped === 0 || this.#lines.length > 0) continue;
      this.#dropped = 0;
      this.#batchBytes = this.#batch.write(logLine(`log lines dropped here: ${dropped} (stderr was not read)`));
      // The next notice includes the lines of this one.
      if (!(await this.#hasWrittenBatch())) this.#dropped += dropped;
    }
    this.#isWriting = false;
  }

  /** Moves as many lines as one write may have into the batch, and returns their number. */
  #fillBatch(): number {
    this.#batchBytes = 0;
    let count = 0;
    for (const line of this.#lines) {
      if (this.#batchBytes + Buffer.byteLength(line) > MAX_LINE_BYTES) break;
      this.#batchBytes += this.#batch.write(line, this.#batchBytes);
      count++;
    }
    this.#waitingBytes -= this.#batchBytes;
    this.#lines.splice(0, count);
    return count;
  }

  async #hasWrittenBatch(): Promise<boolean> {
    try {
      await this.#writeBytes(this.#batch.subarray(0, this.#batchBytes));
      return true;
    } catch {
      return false;
    }
  }

  #drop(count: number): void {
    this.#dropped += count;
    for (let dropped = 0; dropped < count; dropped++) this.#onDrop();
  }
}

/** One line with the time in front, even if a node or a client has put control characters into the text. */
function logLine(text: string): string {
  // Each character has at least one byte, so the rest would not fit.
  const line = `${new Date().toISOString()} ${escapeUnprintable(text.slice(0, MAX_LINE_BYTES))}`;
  if (Buffer.byteLength(line) < MAX_LINE_BYTES) return `${line}\n`;
  // Counts whole characters only.
  const room = new Uint8Array(MAX_LINE_BYTES - Buffer.byteLength(CUT_MARK));
  return line.slice(0, new TextEncoder().encodeInto(line, room).read) + CUT_MARK;
}

/** Escapes line and paragraph separators and all of Unicode's "other" category: C0, C1, bidi controls, lone surrogates, … */
export function escapeUnprintable(text: string): string {
  if (/^[ -~]*$/.test(text)) return text;
  return text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) =>
    character === "\n" ? "\\n" : `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}

const writeAsync = promisify(write);

/**
 * Writes on a thread of Bun's pool, which may block: other programs share the open file behind stderr, so O_NONBLOCK must not be
 * set on it. A stuck reader blocks one of these threads; Bun has two even with one CPU.
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
