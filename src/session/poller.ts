// Polls one round of calls and shows the answers. A failed call affects only its own families. The session decides when a round is
// due (poll-schedule.ts).

import type { MiningSource, NodeSource, RpcSource } from "../collectors/collector.ts";
import type { NodeClient } from "../node/client.ts";
import { AnswerTooLargeError, isPermanent, type JsonRpc, type RpcOutcome } from "../node/json-rpc.ts";
import { DeadlineError, NotSentError, RpcError } from "../rpc/errors.ts";
import type { Question, Questions } from "./questions.ts";

/** The part of NodeClient that polls use. */
export type PolledNode = Pick<NodeClient, "queries" | "jsonRpc" | "mining" | "isOver" | "timeouts">;

export interface PollerOptions {
  readonly client: PolledNode;
  readonly questions: Pick<Questions, "node" | "mining" | "jsonRpc">;
  /** Called for each answer, also for late ones. */
  readonly onAnswer: (method: string, value: unknown) => void;
  readonly onError: (method: string, error: unknown) => void;
}

type RpcQuestion = Question<RpcSource<unknown>>;

/** The longest pause after answers that were too large, in rounds. */
const MAX_PAUSE_ROUNDS = 64;

export class Poller {
  readonly #options: PollerOptions;
  /** Questions that this node does not answer on this connection. */
  readonly #unsupported = new Set<Question>();
  /**
   * Questions due in the next round, even those that are due at every Nth only: those that failed, except late ones, and those
   * that were due before the node was known to accept them.
   */
  readonly #overdue = new Set<Question>();
  /** Questions whose answers were too large: until which round they pause, and for how many. */
  readonly #paused = new Map<Question, { readonly rounds: number; readonly until: number }>();
  #round = 0;

  constructor(options: PollerOptions) {
    this.#options = options;
  }

  /** Makes all calls that are due, one after the other. Never rejects. Ends early when the session is over. */
  async poll(): Promise<void> {
    await this.#ask((question) => this.#isDue(question));
    this.#round++;
  }

  /** Makes the calls that failed in the last round, and those that needed an answer of that round. */
  async pollOverdue(): Promise<void> {
    await this.#ask((question) => this.#overdue.has(question) && !this.#isPaused(question) && isWanted(question));
  }

  /** Polls the values that a new tip changes. */
  async pollAfterTip(): Promise<void> {
    await this.#ask((question) => question.followsTip && !this.#isPaused(question));
  }

  /** The session is over: removes the samples of all families. */
  clear(): void {
    for (const question of this.#all) question.clear();
  }

  /** Removes samples that are older than `maxAgeMs(N)`, for values that are polled at every Nth poll. */
  clearOld(maxAgeMs: (every: number) => number): void {
    const now = performance.now();
    for (const question of this.#all) question.clearBefore(now - maxAgeMs(everyOf(question)));
  }

  get #all(): readonly Question[] {
    const { node, mining, jsonRpc } = this.#options.questions;
    return [...node, ...mining, ...jsonRpc];
  }

  async #ask(isWanted: (question: Question) => boolean): Promise<void> {
    const { client, questions } = this.#options;
    const { queries, jsonRpc } = client;
    const isAsked = (question: Question) => !this.#unsupported.has(question) && isWanted(question);
    if (queries !== undefined) await this.#askEach(questions.node.filter(isAsked), (source) => source.read(queries));
    const readMining = async (source: MiningSource<unknown>) => source.read(await client.mining());
    await this.#askEach(questions.mining.filter(isAsked), readMining);
    if (jsonRpc === undefined) return;
    await this.#askRpc(jsonRpc, questions.jsonRpc.filter(isAsked));
  }

  async #askEach<S extends NodeSource<unknown> | MiningSource<unknown>>(
    questions: readonly Question<S>[],
    ask: (source: S) => Promise<unknown>,
  ): Promise<void> {
    const { client } = this.#options;
    for (const question of questions) {
      if (client.isOver) return;
      const { source } = question;
      try {
        this.#showAnswer(question, await client.timeouts.wait(source.method, ask(source)));
      } catch (error) {
        if (error instanceof DeadlineError) {
          void error.late?.then((answer) => this.#showLate(() => this.#showAnswer(question, answer))).catch(() => {});
        } else if (!(error instanceof NotSentError)) question.clear();
        this.#failed(question, error);
      }
    }
  }

  async #askRpc(rpc: JsonRpc, questions: readonly RpcQuestion[]): Promise<void> {
    if (questions.length === 0 || this.#options.client.isOver) return;
    const outcomes = await rpc.callAll(questions.map(({ source }) => source));
    const errors = outcomes.flatMap((outcome) => ("error" in outcome ? [outcome.error] : []));
    const again: RpcQuestion[] = [];
    for (const [index, question] of questions.entries()) {
      const outcome = outcomes[index]!;
      // An error that several questions share is that of their batch.
      const isOfBatch = "error" in outcome && errors.filter((error) => error === outcome.error).length > 1;
      if (isOfBatch) again.push(question);
      await this.#settle(question, outcome, isOfBatch);
      // Callbacks of the node are answered between two answers of the batch.
      await Bun.sleep(0);
      if (this.#options.client.isOver) return;
    }
    // The methods of a failed batch are called one by one in the same round, so that only the one at fault misses it.
    for (const question of again) {
      if (this.#options.client.isOver) return;
      const [outcome] = await rpc.callAll([question.source]);
      await this.#settle(question, outcome!);
    }
  }

  #isPaused(question: Question): boolean {
    return this.#round < (this.#paused.get(question)?.until ?? 0);
  }

  #isDue(question: Question): boolean {
    if (this.#isPaused(question)) return false;
    if (this.#round % everyOf(question) !== 0 && !this.#overdue.has(question)) return false;
    if (isWanted(question)) return true;
    this.#overdue.add(question);
    return false;
  }

  async #settle(question: RpcQuestion, outcome: RpcOutcome, isAskedAgain = false): Promise<void> {
    this.#overdue.delete(question);
    if ("error" in outcome) {
      // Its own answer comes next, and is newer than a late answer of the batch.
      if (isAskedAgain) return;
      // A late answer is shown when it arrives. Until then the last value stays, unless it is too old.
      if (outcome.late !== undefined)
        void outcome.late.then((late) => this.#showLate(() => void this.#settle(question, late)));
      else if (!(outcome.error instanceof NotSentError)) question.clear();
      return this.#rpcFailed(question, outcome.error);
    }
    try {
      this.#paused.delete(question);
      await question.showInSlices((source) => source.read(outcome.result));
      this.#options.onAnswer(question.source.method, outcome.result);
    } catch (error) {
      this.#rpcFailed(question, error);
    }
  }

  #showLate(show: () => void): void {
    if (!this.#options.client.isOver) show();
  }

  #showAnswer(question: Question<NodeSource<unknown> | MiningSource<unknown>>, answer: unknown): void {
    question.show(() => answer);
    this.#options.onAnswer(question.source.method, answer);
  }

  #rpcFailed(question: Question, error: unknown): void {
    if (error instanceof AnswerTooLargeError) this.#pauseLonger(question);
    // A method that the node could not finish in time is expensive, so it is not called sooner than usual.
    else if (!isLate(error)) this.#overdue.add(question);
    this.#failed(question, error);
  }

  #pauseLonger(question: Question): void {
    const rounds = Math.min(2 * (this.#paused.get(question)?.rounds ?? 1), MAX_PAUSE_ROUNDS);
    this.#paused.set(question, { rounds, until: this.#round + rounds });
  }

  #failed(question: Question, error: unknown): void {
    // The end of the connection does not count as a failed call.
    if (this.#options.client.isOver) return;
    if (isPermanent(error)) this.#unsupported.add(question);
    this.#options.onError(question.source.method, error);
  }
}

function everyOf({ source }: Question): number {
  return source.kind === "jsonRpc" ? (source.every ?? 1) : 1;
}

function isWanted({ source }: Question): boolean {
  return source.kind !== "jsonRpc" || (source.isWanted?.() ?? true);
}

/** Whether the node did not finish the call, or an earlier one of the same method, in time. */
function isLate(error: unknown): boolean {
  return error instanceof DeadlineError || (error instanceof RpcError && error.kind === "overloaded");
}
