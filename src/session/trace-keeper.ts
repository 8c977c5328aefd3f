// Keeps the UTXO trace active while it stays within the budget: starts it once initial block download is over, ends it when callbacks
// exceed the budget, and starts it again after a pause.

import type { NodeClient } from "../node/client.ts";
import type { BusyClock } from "../rpc/busy-clock.ts";
import { DeadlineError } from "../rpc/errors.ts";
import type { TraceBudget } from "./trace-budget.ts";

export interface TraceKeeperOptions {
  readonly client: Pick<NodeClient, "isOver" | "traceUtxoCache" | "endUtxoTrace">;
  /** Kept from session to session: after a reconnect the node is the same. */
  readonly budget: TraceBudget;
  readonly clock: BusyClock;
  /** Timeout of a registration and of its end, in milliseconds. */
  readonly deadlineMs: number;
  /** Delay after a refusal before the next registration, in milliseconds. */
  readonly retryMs: number;
  /** Whether the node may be in initial block download, which the trace slows many times over. */
  readonly mayBeSyncing: () => boolean;
  readonly setActive: (isActive: boolean) => void;
  readonly onError: (method: string, error: unknown) => void;
  readonly log: (line: string) => void;
  readonly debug: (line: string) => void;
}

export class TraceKeeper {
  readonly #options: TraceKeeperOptions;
  #isActive = false;
  /** Whether a registration missed its deadline: it may be complete by now, and its cost is not measured. */
  #isPending = false;
  /** The share that exceeded the budget, until the trace has ended. */
  #excess: number | undefined;
  /** Earliest time of the next registration after a refusal, by performance.now. */
  #notBefore = Number.NEGATIVE_INFINITY;
  #isTending = false;

  constructor(options: TraceKeeperOptions) {
    this.#options = options;
    options.setActive(false);
  }

  /** Starts or ends the trace if that is due; to be called about once a second. Never rejects. */
  async tend(): Promise<void> {
    const { client, budget, mayBeSyncing } = this.#options;
    if (this.#isTending || client.isOver) return;
    this.#isTending = true;
    const now = performance.now();
    if (this.#isActive) await this.#watch(now);
    else if (this.#isPending || (now >= this.#notBefore && !budget.isPaused(now) && !mayBeSyncing()))
      await this.#begin();
    this.#isTending = false;
  }

  async #begin(): Promise<void> {
    const { client, budget, clock, deadlineMs, retryMs, setActive, onError, debug } = this.#options;
    try {
      await client.traceUtxoCache(deadlineMs);
      this.#isPending = false;
    } catch (error) {
      // A late registration is still under way. The next call of `tend` waits for it and makes no second one.
      this.#isPending = error instanceof DeadlineError;
      if (!this.#isPending) this.#notBefore = performance.now() + retryMs;
      if (!client.isOver) onError("Tracing.traceUtxoCache", error);
      return;
    }
    // The client is stopping: it ends the trace itself.
    if (client.isOver) return;
    budget.restart(performance.now(), clock.busyMs);
    this.#isActive = true;
    setActive(true);
    debug("tracing the UTXO cache");
  }

  async #watch(now: number): Promise<void> {
    const { client, budget, clock, deadlineMs, setActive, onError, log } = this.#options;
    // Once the budget was exceeded, the trace is ended even if the node is quiet by now.
    this.#excess ??= budget.excess(now, clock.busyMs);
    const share = this.#excess;
    if (share === undefined) return;
    try {
      await client.endUtxoTrace(deadlineMs);
    } catch (error) {
      // The trace may still be registered, so the next call of `tend` tries again, and registers nothing.
      if (!client.isOver) onError("Handler.disconnect", error);
      return;
    }
    if (client.isOver) return;
    const pauseMs = budget.pause(performance.now());
    this.#excess = undefined;
    this.#isActive = false;
    setActive(false);
    const percent = (ratio: number) => `${Math.round(ratio * 100)} %`;
    log(
      `paused the UTXO trace for ${Math.round(pauseMs / 1000)} s: callbacks used ${percent(share)} of the node's time, ` +
        `over the budget of ${percent(budget.share)}`,
    );
  }
}
