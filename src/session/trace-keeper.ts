// Keeps the UTXO trace active while it stays within the budget: begins it once initial block download is over, ends it when callbacks
// exceed the budget, and begins it again later.

import type { NodeClient } from "../node/client.ts";
import type { BusyClock } from "../rpc/busy-clock.ts";
import { DeadlineError } from "../rpc/errors.ts";
import type { TraceBudget } from "./trace-budget.ts";

export interface TraceKeeperOptions {
  readonly client: Pick<NodeClient, "isOver" | "traceUtxoCache" | "endUtxoTrace">;
  /** Outlives the client, as a node that came back is the same node. */
  readonly budget: TraceBudget;
  readonly clock: BusyClock;
  /** A registration, or its end, that takes longer is given up for now, in milliseconds. */
  readonly deadlineMs: number;
  /** How long after a refusal the trace is asked for again, in milliseconds. */
  readonly retryMs: number;
  /** Whether the node may be in initial block download, which tracing would slow many times over. */
  readonly isSyncing: () => boolean;
  readonly setActive: (isActive: boolean) => void;
  readonly onError: (method: string, error: unknown) => void;
  readonly log: (line: string) => void;
  readonly debug: (line: string) => void;
}

export class TraceKeeper {
  readonly #options: TraceKeeperOptions;
  #isActive = false;
  /** Whether a registration was late: it is under way or complete by now, and its cost is not measured. */
  #isPending = false;
  /** The share that was too much, from then on until the trace has ended. */
  #excess: number | undefined;
  /** Before this the trace is not asked for again after a refusal, by performance.now. */
  #notBefore = Number.NEGATIVE_INFINITY;
  #isTending = false;

  constructor(options: TraceKeeperOptions) {
    this.#options = options;
    options.setActive(false);
  }

  /** Does what is due; to be called about once a second. Never rejects. */
  async tend(): Promise<void> {
    const { client, budget, isSyncing } = this.#options;
    if (this.#isTending || client.isOver) return;
    this.#isTending = true;
    const now = performance.now();
    if (this.#isActive) await this.#watch(now);
    else if (this.#isPending || (now >= this.#notBefore && !budget.isPaused(now) && !isSyncing())) await this.#begin();
    this.#isTending = false;
  }

  async #begin(): Promise<void> {
    const { client, budget, clock, deadlineMs, retryMs, setActive, onError, debug } = this.#options;
    try {
      await client.traceUtxoCache(deadlineMs);
      this.#isPending = false;
    } catch (error) {
      // One that is late is under way: the next look waits for the same, and the node is not asked again.
      this.#isPending = error instanceof DeadlineError;
      if (!this.#isPending) this.#notBefore = performance.now() + retryMs;
      if (!client.isOver) onError("Tracing.traceUtxoCache", error);
      return;
    }
    // Stopped meanwhile: the client ends the trace, and the next session reports whether there is one.
    if (client.isOver) return;
    budget.restart(performance.now(), clock.busyMs);
    this.#isActive = true;
    setActive(true);
    debug("tracing the UTXO cache");
  }

  async #watch(now: number): Promise<void> {
    const { client, budget, clock, deadlineMs, setActive, onError, log } = this.#options;
    // An end that was late may be through by now, and the node quiet: it is seen to its end all the same.
    this.#excess ??= budget.excess(now, clock.busyMs);
    const share = this.#excess;
    if (share === undefined) return;
    try {
      await client.endUtxoTrace(deadlineMs);
    } catch (error) {
      // It is still registered, or may be: asked again soon, and never registered twice.
      if (!client.isOver) onError("Handler.disconnect", error);
      return;
    }
    if (client.isOver) return;
    const pauseMs = budget.shed(performance.now());
    this.#excess = undefined;
    this.#isActive = false;
    setActive(false);
    const percent = (ratio: number) => `${Math.round(ratio * 100)} %`;
    log(
      `ended the UTXO trace: callbacks kept the node busy for ${percent(share)} of the time, over the budget of ` +
        `${percent(budget.share)}; registering it again in ${Math.round(pauseMs / 1000)} s`,
    );
  }
}
