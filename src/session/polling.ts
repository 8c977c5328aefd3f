// Polls a node that has started: rounds when they are due, each block that becomes the tip, and the budget of the UTXO trace. Session
// makes one per connection and reports to it what the node notifies of.

import type { Collectors } from "../collectors/catalogue.ts";
import type { ExporterCollector } from "../collectors/exporter.ts";
import { garbage } from "../memory/garbage.ts";
import type { NodeClient } from "../node/client.ts";
import type { Tip } from "../node/mining.ts";
import type { Options } from "../options.ts";
import type { BusyClock } from "../rpc/busy-clock.ts";
import type { CallLog } from "./call-log.ts";
import type { Pause } from "./pause.ts";
import { PollSchedule } from "./poll-schedule.ts";
import { choosePolledCalls } from "./polled-calls.ts";
import { Poller } from "./poller.ts";
import { sourcesOf } from "./supported.ts";
import { TipPolls } from "./tip-polls.ts";
import type { TraceBudget } from "./trace-budget.ts";
import { TraceKeeper } from "./trace-keeper.ts";

export interface PollingOptions extends Pick<Options, "pollIntervalMs" | "callTimeoutMs" | "utxoTrace"> {
  readonly client: NodeClient;
  /** Whether the session subscribes to the node's notifications. */
  readonly isSubscribed: boolean;
  readonly collectors: Collectors;
  readonly metrics: ExporterCollector;
  readonly traceBudget: TraceBudget;
  readonly busyClock: BusyClock;
  readonly callLog: CallLog;
  readonly log: (line: string) => void;
  /** Undefined unless each poll gets a log line. */
  readonly debug: ((line: string) => void) | undefined;
  /** The wait for the next poll, which the session ends when the client is over. */
  readonly pause: Pause;
  /** For a session of one poll: called once, when that poll and the calls for its tip are answered. */
  readonly onPolled?: ((client: NodeClient) => void) | undefined;
}

/** Delay after a disconnected block before the exporter checks whether the block below is the tip. */
const UNREPORTED_TIP_MS = 3000;

/** Interval of the checks whether the trace should start or end, which samples are too old, and whether a tip is unreported. */
const TEND_INTERVAL_MS = 1000;

export class Polling {
  readonly #options: PollingOptions;
  readonly #schedule: PollSchedule;
  readonly #poller: Poller;
  readonly #tipPolls: TipPolls;
  /** The tip below the last block that was disconnected, if no block was connected and no tip reported since. */
  #unreportedTip: { readonly height: number; readonly since: number } | undefined;
  #hasPolled = false;
  /** Duration of the last complete round. One under way does not count, because the node may be stalled. */
  #lastRoundMs = 0;

  /** What the node supports must be final: it has started. */
  constructor(options: PollingOptions) {
    const { client, collectors, callLog, debug, pollIntervalMs } = options;
    this.#options = options;
    this.#schedule = new PollSchedule(pollIntervalMs);
    const calls = choosePolledCalls(collectors.polled, sourcesOf(client));
    this.#poller = new Poller({
      client,
      calls,
      onAnswer: (method, value) => {
        debug?.(`poll: ${method} = ${valueText(value)}`);
        callLog.pollAnswered();
      },
      onError: (method, error) => callLog.pollFailed(method, error),
    });
    this.#tipPolls = new TipPolls({
      client,
      calls: calls.block,
      mayBeSyncing: () => this.#mayBeSyncing,
      onError: (method, error) => callLog.failed(method, error),
    });
  }

  /** Whether a poll ended: the connection works. */
  get hasPolled(): boolean {
    return this.#hasPolled;
  }

  /** A block was connected to the active chain. A BlockInfo without a height has -1. */
  blockConnected(height: number): void {
    this.#unreportedTip = undefined;
    if (height >= 0) this.tipChanged(height, Date.now());
  }

  blockDisconnected(height: number): void {
    this.#unreportedTip = { height: height - 1, since: performance.now() };
    if (height > 0) this.tipChanged(height - 1);
  }

  /** The node reported that its tip has changed. */
  tipReported(): void {
    this.#unreportedTip = undefined;
  }

  /** `arrivedMs`: when the exporter received a block that has just become the tip, in Unix milliseconds. */
  tipChanged(tip: Tip | number, arrivedMs?: number): void {
    this.#tipPolls.tipChanged(tip, arrivedMs);
    this.#schedule.tipChanged(performance.now());
    // So that `run` checks again when the next poll is due.
    this.#options.pause.end();
  }

  /** Polls until the client is over, or once. Never rejects. */
  async run(): Promise<void> {
    const trace = this.#makeTraceKeeper();
    const timer = setInterval(() => this.#tend(trace), TEND_INTERVAL_MS);
    await this.#pollUntilOver(trace).finally(() => clearInterval(timer));
  }

  /** The session is over: removes the samples of all families. */
  clear(): void {
    this.#poller.clear();
    this.#tipPolls.clear();
  }

  #tend(trace: TraceKeeper | undefined): void {
    const { pollIntervalMs, callTimeoutMs } = this.#options;
    void trace?.tend();
    void this.#countUnreportedTip();
    // A value that two polls in a row did not refresh is no longer shown.
    this.#poller.clearOld((every) => (every + 1) * (pollIntervalMs + this.#lastRoundMs) + callTimeoutMs);
  }

  async #pollUntilOver(trace: TraceKeeper | undefined): Promise<void> {
    const { client, metrics, isSubscribed, pause, onPolled } = this.#options;
    while (!client.isOver) {
      const { kind, delayMs } = this.#schedule.next(performance.now());
      if (delayMs > 0) {
        await pause.wait(delayMs);
        continue;
      }
      // A node that stops is not polled: a call under way when it ends its connections may crash a v31 node.
      if (await client.isStopping()) return void client.leave(Number.POSITIVE_INFINITY);
      const start = performance.now();
      this.#schedule.started(kind, start);
      await (kind === "all" ? this.#poller.poll() : this.#poller.pollAfterTip());
      if (client.isOver) return;
      metrics.pollsMissed(this.#schedule.ended(performance.now()));
      if (kind === "all") {
        this.#lastRoundMs = performance.now() - start;
        metrics.polled(this.#lastRoundMs);
        if (!this.#hasPolled && isSubscribed) void this.#readFirstTip();
        this.#hasPolled = true;
      }
      // This poll may have reported the end of initial block download.
      this.#tipPolls.resume();
      if (onPolled !== undefined) return this.#endOnePoll(onPolled);
      await trace?.tend();
      garbage.collectInBackground();
    }
  }

  get #mayBeSyncing(): boolean {
    return this.#options.collectors.chain.initialBlockDownload !== "over";
  }

  async #endOnePoll(onPolled: (client: NodeClient) => void): Promise<void> {
    const { client } = this.#options;
    await this.#poller.pollOverdue();
    await this.#tipPolls.settled;
    if (!client.isOver) onPolled(client);
  }

  /**
   * A node reports disconnected blocks, but the new tip only when a block is connected: after `invalidateblock` none is. In a
   * reorganization the node answers once it has connected the new branch, and then has another tip.
   */
  async #countUnreportedTip(): Promise<void> {
    const { client, collectors } = this.#options;
    const tip = this.#unreportedTip;
    if (tip === undefined || performance.now() - tip.since < UNREPORTED_TIP_MS) return;
    const height = await client.queries?.getHeight().catch(() => undefined);
    // A block or a tip was reported meanwhile, or the node did not answer: then it is called again.
    if (client.isOver || height === undefined || this.#unreportedTip !== tip) return;
    this.#unreportedTip = undefined;
    if (height === tip.height) collectors.events.updatedBlockTip();
  }

  /** Notifications report only future blocks, so this reads the current tip. */
  async #readFirstTip(): Promise<void> {
    const height = await this.#options.client.queries?.getHeight().catch(() => undefined);
    if (height !== undefined) this.#tipPolls.tipChanged(height);
  }

  /** Undefined where the trace is disabled or not supported. */
  #makeTraceKeeper(): TraceKeeper | undefined {
    const { client, isSubscribed, collectors, utxoTrace, traceBudget, busyClock } = this.#options;
    const { callTimeoutMs, pollIntervalMs, callLog, log, debug } = this.#options;
    const isWanted = utxoTrace && collectors.utxoCacheEvents !== undefined && isSubscribed;
    if (!isWanted || !client.hasUtxoTrace) return undefined;
    return new TraceKeeper({
      client,
      budget: traceBudget,
      clock: busyClock,
      deadlineMs: callTimeoutMs,
      retryMs: pollIntervalMs,
      mayBeSyncing: () => this.#mayBeSyncing,
      setActive: collectors.setUtxoTraceActive,
      onError: (method, error) => callLog.failed(method, error),
      log,
      debug: debug ?? (() => {}),
    });
  }
}

function valueText(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value).slice(0, 200) : String(value ?? "none");
}
