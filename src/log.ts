// The log on stderr. A line is written or dropped, never waited for: whoever reads stderr may be slow or stuck, and the
// node's threads wait for us.

/** Bytes that may wait for the reader of stderr. More lines are dropped. */
const MAX_WAITING_BYTES = 256 * 1024;

/** Where lines go: Bun's FileSink, or a stand-in for it in tests. A promise means that the reader does not keep up. */
export interface LineSink {
  write(text: string): number | Promise<number>;
  flush(): number | Promise<number>;
}

export class Log {
  readonly #sink: LineSink;
  readonly #onDrop: () => void;
  /** Lines that the sink has not got yet. */
  #lines: string[] = [];
  #waitingBytes = 0;
  /** Dropped since the last write. */
  #dropped = 0;
  /** What the sink has is more than the reader takes; the next lines follow when that is through. */
  #isStalled = false;
  #isScheduled = false;

  /** `onDrop` is called for each line that is dropped. */
  constructor(onDrop: () => void, sink: LineSink = Bun.stderr.writer()) {
    this.#onDrop = onDrop;
    this.#sink = sink;
  }

  /** Writes one line with the time in front. Never blocks, never throws. */
  readonly line = (text: string): void => {
    const line = `${new Date().toISOString()} ${text}\n`;
    if (this.#waitingBytes + line.length > MAX_WAITING_BYTES) return this.#drop(1);
    this.#lines.push(line);
    this.#waitingBytes += line.length;
    if (this.#isScheduled || this.#isStalled) return;
    this.#isScheduled = true;
    // All lines of one turn leave in one write, and after the answers of that turn.
    setImmediate(() => {
      this.#isScheduled = false;
      void this.#write();
    });
  };

  /** Resolves when everything was written or `deadlineMs` is over: the last thing before the process ends. */
  async close(deadlineMs: number): Promise<void> {
    const deadline = performance.now() + deadlineMs;
    while ((this.#lines.length > 0 || this.#isStalled) && performance.now() < deadline) {
      void this.#write();
      await Bun.sleep(1);
    }
  }

  async #write(): Promise<void> {
    if (this.#isStalled || this.#lines.length === 0) return;
    const count = this.#lines.length;
    const dropped = this.#dropped;
    const notice = dropped > 0 ? `${dropped} log lines were dropped here: stderr was not read\n` : "";
    const text = this.#lines.join("") + notice;
    this.#lines = [];
    this.#waitingBytes = this.#dropped = 0;
    this.#isStalled = true;
    try {
      await Promise.all([this.#sink.write(text), this.#sink.flush()]);
    } catch {
      // The reader is gone. The next line tries again, and the next notice tells of what this one would have.
      this.#dropped += dropped;
      this.#drop(count);
    }
    this.#isStalled = false;
    void this.#write();
  }

  #drop(count: number): void {
    this.#dropped += count;
    for (let dropped = 0; dropped < count; dropped++) this.#onDrop();
  }
}
