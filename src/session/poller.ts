// Polls one round of calls and shows the answers. A failed call affects only its own families. The session decides when a round is
// due (poll-schedule.ts).

import type { MiningSource, NodeSource, RpcSource } from "../collectors/collector.ts";
import type { NodeClient } from "../node/client.ts";
import { AnswerTooLargeError, isPermanent, type JsonRpc, type RpcOutcome } from "../node/json-rpc.ts";
import { DeadlineError, NotSentError, RpcError } from "../rpc/errors.ts";
import type { PolledCall, PolledCalls } from "./polled-calls.ts";

/** The part of NodeClient that polls use. */
export type PolledNode = Pick<NodeClient, "queries" | "jsonRpc" | "mining" | "isOver" | "timeouts">;

export interface PollerOptions {
  readonly client: PolledNode;
  readonly calls: Pick<PolledCalls, "node" | "mining" | "jsonRpc">;
  /** Called for each answer, also for late ones. */
  readonly onAnswer: (method: string, value: unknown) => void;
  readonly onError: (method: string, error: unknown) => void;
}

type RpcCall = PolledCall<RpcSource<unknown>>;

/** The longest pause after answers that were too large, in rounds. */
const MAX_PAUSE_ROUNDS = 64;

export class Poller {
  readonly #options: PollerOptions;
  /** Calls that this node does not answer on this connection. */
  readonly #unsupported = new Set<PolledCall>();
  /**
   * Calls due in the next round, even those that are due at every Nth only: those that failed, except late ones, and those
   * that were due before the node was known to accept them.
   */
  readonly #overdue = new Set<PolledCall>();
  /** Calls whose answers were too large: until which round they pause, and for how many. */
  readonly #paused = new Map<PolledCall, { readonly rounds: number; readonly until: number }>();
  #round = 0;

  constructor(options: PollerOptions) {
    this.#options = options;
  }

  /** Makes all calls that are due, one after the other. Never rejects. Ends early when the session is over. */
  async poll(): Promise<void> {
    await this.#pollAll((call) => this.#isDue(call));
    this.#round++;
  }

  /** Makes the calls that failed in the last round, and those that needed an answer of that round. */
  async pollOverdue(): Promise<void> {
    await this.#pollAll((call) => this.#overdue.has(call) && !this.#isPaused(call) && isWanted(call));
  }

  /** Polls the values that a new tip changes. */
  async pollAfterTip(): Promise<void> {
    await this.#pollAll((call) => call.followsTip && !this.#isPaused(call));
  }

  /** The session is over: removes the samples of all families. */
  clear(): void {
    for (const call of this.#all) call.clear();
  }

  /** Removes samples that are older than `maxAgeMs(N)`, for values that are polled at every Nth poll. */
  clearOld(maxAgeMs: (every: number) => number): void {
    const now = performance.now();
    for (const call of this.#all) call.clearBefore(now - maxAgeMs(everyOf(call)));
  }

  get #all(): readonly PolledCall[] {
    const { node, mining, jsonRpc } = this.#options.calls;
    return [...node, ...mining, ...jsonRpc];
  }

  async #pollAll(isIncluded: (call: PolledCall) => boolean): Promise<void> {
    const { client, calls } = this.#options;
    const { queries, jsonRpc } = client;
    const isPolled = (call: PolledCall) => !this.#unsupported.has(call) && isIncluded(call);
    if (queries !== undefined) await this.#callEach(calls.node.filter(isPolled), (source) => source.read(queries));
    const readMining = async (source: MiningSource<unknown>) => source.read(await client.mining());
    await this.#callEach(calls.mining.filter(isPolled), readMining);
    if (jsonRpc === undefined) return;
    await this.#callRpc(jsonRpc, calls.jsonRpc.filter(isPolled));
  }

  async #callEach<S extends NodeSource<unknown> | MiningSource<unknown>>(
    calls: readonly PolledCall<S>[],
    send: (source: S) => Promise<unknown>,
  ): Promise<void> {
    const { client } = this.#options;
    for (const call of calls) {
      if (client.isOver) return;
      const { source } = call;
      try {
        this.#showAnswer(call, await client.timeouts.wait(source.method, send(source)));
      } catch (error) {
        if (error instanceof DeadlineError) {
          void error.late?.then((answer) => this.#showLate(() => this.#showAnswer(call, answer))).catch(() => {});
        } else if (!(error instanceof NotSentError)) call.clear();
        this.#failed(call, error);
      }
    }
  }

  async #callRpc(rpc: JsonRpc, calls: readonly RpcCall[]): Promise<void> {
    if (calls.length === 0 || this.#options.client.isOver) return;
    const outcomes = await rpc.callAll(calls.map(({ source }) => source));
    const errors = outcomes.flatMap((outcome) => ("error" in outcome ? [outcome.error] : []));
    const again: RpcCall[] = [];
    for (const [index, call] of calls.entries()) {
      const outcome = outcomes[index]!;
      // An error that several calls share is that of their batch.
      const isOfBatch = "error" in outcome && errors.filter((error) => error === outcome.error).length > 1;
      if (isOfBatch) again.push(call);
      await this.#settle(call, outcome, isOfBatch);
      // Callbacks of the node are answered between two answers of the batch.
      await Bun.sleep(0);
      if (this.#options.client.isOver) return;
    }
    // The methods of a failed batch are called one by one in the same round, so that only the one at fault misses it.
    for (const call of again) {
      if (this.#options.client.isOver) return;
      const [outcome] = await rpc.callAll([call.source]);
      await this.#settle(call, outcome!);
    }
  }

  #isPaused(call: PolledCall): boolean {
    return this.#round < (this.#paused.get(call)?.until ?? 0);
  }

  #isDue(call: PolledCall): boolean {
    if (this.#isPaused(call)) return false;
    if (this.#round % everyOf(call) !== 0 && !this.#overdue.has(call)) return false;
    if (isWanted(call)) return true;
    this.#overdue.add(call);
    return false;
  }

  async #settle(call: RpcCall, outcome: RpcOutcome, isCalledAgain = false): Promise<void> {
    this.#overdue.delete(call);
    if ("error" in outcome) {
      // Its own answer comes next, and is newer than a late answer of the batch.
      if (isCalledAgain) return;
      // A late answer is shown when it arrives. Until then the last value stays, unless it is too old.
      if (outcome.late !== undefined)
        void outcome.late.then((late) => this.#showLate(() => void this.#settle(call, late)));
      else if (!(outcome.error instanceof NotSentError)) call.clear();
      return this.#rpcFailed(call, outcome.error);
    }
    try {
      this.#paused.delete(call);
      await call.showInSlices((source) => source.read(outcome.result));
      this.#options.onAnswer(call.source.method, outcome.result);
    } catch (error) {
      this.#rpcFailed(call, error);
    }
  }

  #showLate(show: () => void): void {
    if (!this.#options.client.isOver) show();
  }

  #showAnswer(call: PolledCall<NodeSource<unknown> | MiningSource<unknown>>, answer: unknown): void {
    call.show(() => answer);
    this.#options.onAnswer(call.source.method, answer);
  }

  #rpcFailed(call: PolledCall, error: unknown): void {
    if (error instanceof AnswerTooLargeError) this.#pauseLonger(call);
    // A method that the node could not finish in time is expensive, so it is not called sooner than usual.
    else if (!isLate(error)) this.#overdue.add(call);
    this.#failed(call, error);
  }

  #pauseLonger(call: PolledCall): void {
    const rounds = Math.min(2 * (this.#paused.get(call)?.rounds ?? 1), MAX_PAUSE_ROUNDS);
    this.#paused.set(call, { rounds, until: this.#round + rounds });
  }

  #failed(call: PolledCall, error: unknown): void {
    // The end of the connection does not count as a failed call.
    if (this.#options.client.isOver) return;
    if (isPermanent(error)) this.#unsupported.add(call);
    this.#options.onError(call.source.method, error);
  }
}

function everyOf({ source }: PolledCall): number {
  return source.kind === "jsonRpc" ? (source.every ?? 1) : 1;
}

function isWanted({ source }: PolledCall): boolean {
  return source.kind !== "jsonRpc" || (source.isWanted?.() ?? true);
}

/** Whether the node did not finish the call, or an earlier one of the same method, in time. */
function isLate(error: unknown): boolean {
  return error instanceof DeadlineError || (error instanceof RpcError && error.kind === "overloaded");
}
