// The exporter as its users run it: a process of its own, watched through its metrics, its log and its exit code.

import { readSeries } from "../src/metrics/text-format-reader.ts";
import { DEADLINE_MS, eventually } from "./eventually.ts";
import { compiledExporter } from "./exporter-command.ts";

/** Series with their labels as they stand in the payload → values. */
export type Metrics = ReadonlyMap<string, number>;

/** The same with values as they are written: a double does not hold every integer past 2^53. */
export type Samples = ReadonlyMap<string, string>;

export interface ExporterEnding {
  readonly exitCode: number | null;
  readonly signal: Bun.Subprocess["signalCode"];
  /** From the first signal that it was sent. */
  readonly durationMs: number;
}

export interface StartOptions {
  readonly args?: readonly string[];
  /** What starts it, instead of the compiled executable. */
  readonly command?: readonly string[];
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** How to ask for the page, such as with a password. */
  readonly request?: BunFetchRequestInit;
}

/** Often enough for tests, rarely enough that a node is quiet in between. */
const POLL_INTERVAL_S = "0.2";
/** A scrape costs both sides some. */
const SCRAPE_INTERVAL_MS = 25;
const START_LINE = /serves metrics on (https?:\S+)/;

export class ExporterProcess implements AsyncDisposable {
  readonly #process: Bun.Subprocess<"ignore", "ignore", "pipe">;
  /** The lines of stderr, without the times. */
  readonly log: string[] = [];
  readonly #logRead: Promise<void>;
  /** Resolves while stderr is read. */
  #reading = Promise.resolve();
  #resume = () => {};
  readonly #request: BunFetchRequestInit;
  #url = "";
  #signalled: number | undefined;

  /** Starts an exporter for the node at `socketPath`, and resolves when it serves metrics. */
  static async start(
    socketPath: string,
    { args = [], command, env = {}, request = {} }: StartOptions = {},
  ): Promise<ExporterProcess> {
    const program = command ?? (await compiledExporter());
    const address = args.includes("--metrics-addr") ? [] : ["--metrics-addr", "127.0.0.1:0"];
    const options = [...address, "--poll-interval", POLL_INTERVAL_S, ...args];
    const exporter = new ExporterProcess([...program, socketPath, ...options], env, request);
    exporter.#url = await eventually("the exporter serves metrics", () => {
      if (!exporter.isRunning) throw new Error(`the exporter has ended:\n${exporter.log.join("\n")}`);
      return exporter.logged(START_LINE)?.[1];
    });
    return exporter;
  }

  private constructor(command: string[], env: Readonly<Record<string, string>>, request: BunFetchRequestInit) {
    this.#request = request;
    this.#process = Bun.spawn(command, {
      env: { ...process.env, ...env },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    this.#logRead = this.#readLog();
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Where it serves metrics. */
  get url(): string {
    return this.#url;
  }

  /** The page as Prometheus gets it. */
  async payload(): Promise<string> {
    const response = await fetch(this.#url, this.#request);
    if (!response.ok) throw new Error(`${this.#url} answered ${response.status}`);
    return response.text();
  }

  async metrics(): Promise<Metrics> {
    return readMetrics(await this.payload());
  }

  async samples(): Promise<Samples> {
    return new Map([...readSeries(await this.payload())].map(([series, { text }]) => [series, text]));
  }

  /** The metrics once `predicate` accepts them. */
  async waitUntil(what: string, predicate: (metrics: Metrics) => boolean, deadlineMs = DEADLINE_MS): Promise<Metrics> {
    let metrics: Metrics = new Map();
    return eventually(
      what,
      async () => {
        metrics = await this.metrics();
        return predicate(metrics) && metrics;
      },
      {
        deadlineMs,
        intervalMs: SCRAPE_INTERVAL_MS,
        describe: () => `${describeMetrics(metrics)}\n${this.log.slice(-20).join("\n")}`,
      },
    );
  }

  /** Waits until a series has a value. */
  waitFor(series: string, value: number): Promise<Metrics> {
    return this.waitUntil(`${series} is ${value}`, (metrics) => metrics.get(series) === value);
  }

  /** Waits until the exporter has a session with the node. */
  connected(): Promise<Metrics> {
    return this.waitFor("bitcoin_ipc_up", 1);
  }

  /** The metrics after a poll that began after this call. */
  polled(): Promise<Metrics> {
    const now = Date.now() / 1000;
    return this.waitUntil("a new poll", (metrics) => {
      const end = metrics.get("bitcoin_ipc_last_poll_timestamp_seconds") ?? 0;
      return end - (metrics.get("bitcoin_ipc_poll_duration_seconds") ?? 0) > now;
    });
  }

  /** The first match in the log, line by line. */
  logged(pattern: RegExp): RegExpExecArray | undefined {
    for (const line of this.log) {
      const match = pattern.exec(line);
      if (match !== null) return match;
    }
    return undefined;
  }

  /** Waits until `count` lines of the log match, and returns all that do. */
  logs(pattern: RegExp, count = 1): Promise<string[]> {
    return eventually(
      `${count} log lines ${pattern}`,
      () => {
        const lines = this.log.filter((line) => pattern.test(line));
        return lines.length >= count && lines;
      },
      { describe: () => this.log.slice(-20).join("\n") },
    );
  }

  /** Stops reading stderr: the exporter's lines fill some 800 KB of this process's buffers and then the pipe. */
  pauseLog(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#reading = promise;
    this.#resume = resolve;
  }

  resumeLog(): void {
    this.#resume();
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#signalled ??= performance.now();
    this.#process.kill(signal);
  }

  async ended(deadlineMs = DEADLINE_MS): Promise<ExporterEnding> {
    await eventually("the exporter ends", () => !this.isRunning, {
      deadlineMs,
      describe: () => this.log.slice(-20).join("\n"),
    });
    const durationMs = performance.now() - (this.#signalled ?? performance.now());
    this.resumeLog();
    await this.#logRead;
    const { exitCode, signalCode: signal } = this.#process;
    return { exitCode, signal, durationMs };
  }

  /** Ends it in order, if it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isRunning) return;
    this.signal("SIGTERM");
    await this.ended().catch(() => this.#process.kill("SIGKILL"));
    await this.#process.exited;
  }

  async #readLog(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of this.#process.stderr) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop()!;
      this.log.push(...lines.map((line) => line.replace(/^\d{4}-\S+Z /, "")));
      await this.#reading;
    }
    if (rest !== "") this.log.push(rest);
  }
}

/** Throws FormatError when `text` is not a page. */
export function readMetrics(text: string): Metrics {
  return new Map([...readSeries(text)].map(([series, { value }]) => [series, value]));
}

/** How often calls failed, by method. */
export function failedCalls(metrics: Metrics): Record<string, number> {
  const series = [...metrics].filter(([name]) => name.startsWith("bitcoin_ipc_call_errors_total"));
  return Object.fromEntries(series.map(([name, value]) => [/method="(.*)"/.exec(name)![1]!, value]));
}

function describeMetrics(metrics: Metrics): string {
  return [...metrics]
    .filter(([series]) => series.startsWith("bitcoin_"))
    .map(([series, value]) => `${series} ${value}`)
    .join("\n");
}
