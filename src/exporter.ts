// Composition and life: what is collected, and sessions to the node, one after the other, until told to leave.

import { type CollectorName, DEFAULT_COLLECTORS, makeCollectors } from "./collectors/catalogue.ts";
import { type Build, exporterCollector } from "./collectors/exporter.ts";
import { DEFAULT_FEE_TARGETS } from "./collectors/fees.ts";
import { processCollector } from "./collectors/process.ts";
import type { ServerOptions } from "./http/server.ts";
import { garbage } from "./memory/garbage.ts";
import { Registry } from "./metrics/registry.ts";
import type { LayoutName } from "./node/layouts.ts";
import { BusyClock } from "./rpc/busy-clock.ts";
import { backoffMs } from "./session/backoff.ts";
import { Session } from "./session/session.ts";
import { DEFAULT_TRACE_BUDGET_PERCENT, TraceBudget } from "./session/trace-budget.ts";

export interface ExporterOptions {
  /** The node's Unix socket. */
  readonly socketPath: string;
  readonly pollIntervalMs: number;
  /** Whether to trace the UTXO cache. */
  readonly utxoTrace: boolean;
  /** Share of wall time, in percent, that callbacks may keep the node busy before the trace is ended; 100 is never. */
  readonly traceBudgetPercent?: number | undefined;
  /** Whether to register for the node's events at all; otherwise there are only polls. True unless said. */
  readonly subscribe?: boolean | undefined;
  /** The node's layout; found out when undefined. */
  readonly layout?: LayoutName | undefined;
  /** The default ones when undefined. */
  readonly collectors?: readonly CollectorName[] | undefined;
  /** Targets of fee estimates, in blocks. */
  readonly feeTargets?: readonly number[] | undefined;
  /** Whether each event and poll gets a log line. */
  readonly debug: boolean;
  readonly build: Build;
  /** Writes a log line; never blocks. */
  readonly log: (line: string) => void;
}

/** Reasons that are remembered as told, the newest ones: a peer may give another each time. */
export const MAX_TOLD = 16;

export class Exporter {
  readonly #options: ExporterOptions;
  readonly #registry = new Registry();
  readonly #self;
  readonly #collectors;
  readonly #busyClock = new BusyClock();
  readonly #traceBudget;
  #session: Session | undefined;
  /** Ends the pause between two sessions. */
  #wake = () => {};
  #isLeaving = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ExporterOptions) {
    this.#options = options;
    this.#self = exporterCollector(this.#registry, options.build, () => this.#busyClock.busyMs);
    this.#traceBudget = new TraceBudget(options.traceBudgetPercent ?? DEFAULT_TRACE_BUDGET_PERCENT);
    this.#collectors = makeCollectors(options.collectors ?? DEFAULT_COLLECTORS, {
      registry: this.#registry,
      feeTargets: options.feeTargets ?? DEFAULT_FEE_TARGETS,
      onRefused: this.#self.callFailed,
    });
    processCollector(this.#registry);
  }

  /** The metrics at this moment, in the Prometheus text format. */
  readonly render = (): Uint8Array => this.#registry.render();

  /** For the server of the metrics: a node that calls, and threads of it that wait, are more urgent than its clients. */
  readonly serving: Pick<ServerOptions, "payload" | "isBusy"> = {
    payload: this.render,
    isBusy: () => this.#busyClock.isCalling(performance.now()),
  };

  /** To be called for each log line that was dropped. */
  readonly logLineDropped = (): void => this.#self.logLineDropped();

  /** Begins to session the node, again and again until `leave`. */
  start(): void {
    this.#running = this.#run();
  }

  /**
   * Leaves the node in order and stops trying. Resolves to whether the node let go of us within `deadlineMs`, which is
   * what a pr/trace node needs to survive our going. Never rejects.
   */
  async leave(deadlineMs: number): Promise<boolean> {
    this.#isLeaving = true;
    this.#wake();
    const inOrder = (await this.#session?.leave(deadlineMs)) ?? true;
    await this.#running;
    return inOrder;
  }

  async #run(): Promise<void> {
    const { socketPath, debug, log } = this.#options;
    let failures = 0;
    /** Why the node could not be reached since it was there last, as far as the log has it. */
    const told = new Set<string>();
    while (!this.#isLeaving) {
      this.#session = new Session({
        ...this.#options,
        collectors: this.#collectors,
        self: this.#self,
        busyClock: this.#busyClock,
        traceBudget: this.#traceBudget,
      });
      const { wasUp, reason } = await this.#session.run();
      if (this.#isLeaving) return;
      failures = wasUp ? 1 : failures + 1;
      const delayMs = backoffMs(failures);
      const retry = `next attempt in ${(delayMs / 1000).toFixed(1)} s`;
      if (wasUp) log(`lost the node: ${reason}; ${retry}`);
      else if (!told.has(reason)) log(`cannot reach the node at ${socketPath}: ${reason}; ${retry}`);
      else if (debug) log(`still cannot reach the node: ${reason}; ${retry}`);
      if (wasUp) told.clear();
      else told.add(reason);
      if (told.size > MAX_TOLD) told.delete([...told][0]!);
      // So that what sessions leave behind does not pile up.
      if (wasUp) garbage.collectAll();
      await this.#pause(delayMs);
    }
  }

  async #pause(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = setTimeout(resolve, delayMs);
    await promise;
    clearTimeout(timer);
  }
}
