// Asks one round of questions and shows the answers. A failure costs the families of its question only. The session decides when
// a round is due (poll-schedule.ts).

import type { MiningSource, NodeSource, RpcSource, Source } from "../collectors/collector.ts";
import type { NodeClient } from "../node/client.ts";
import { failureOf, isMissingMethod, type JsonRpc, type RpcOutcome } from "../node/json-rpc.ts";
import { DeadlineError, RpcError } from "../rpc/errors.ts";
import type { Question, Questions } from "./questions.ts";

/** What polls need of a node. */
export type PolledNode = Pick<NodeClient, "queries" | "jsonRpc" | "mining" | "isOver">;

export interface PollerOptions {
  readonly client: PolledNode;
  readonly questions: Pick<Questions, "node" | "mining" | "jsonRpc">;
  /** Called for each answer; `value` is what came. */
  readonly onAnswer: (method: string, value: unknown) => void;
  /** `isMissing`: the node does not support the method, and it is not asked again on this connection. */
  readonly onError: (method: string, error: unknown, isMissing: boolean) => void;
}

export class Poller {
  readonly #options: PollerOptions;
  /** Questions whose method this node does not support. */
  readonly #missing = new Set<Question>();
  /** Questions of batches that failed as a whole: each gets a call of its own until that succeeds. */
  readonly #alone = new Set<Question>();
  /** Questions that failed, except late ones: due in the next round, even those that are asked at every Nth only. */
  readonly #failing = new Set<Question>();
  #round = 0;

  constructor(options: PollerOptions) {
    this.#options = options;
  }

  /** Asks everything that is due, one call after the other. Never rejects. Stops early when the session is over. */
  async poll(): Promise<void> {
    const { client, questions } = this.#options;
    const { queries, jsonRpc } = client;
    if (queries !== undefined) await this.#askEach(questions.node, async (source) => source.read(queries));
    await this.#askEach(questions.mining, async (source) => source.read(await client.mining()));
    if (jsonRpc !== undefined) await this.#askRpc(jsonRpc);
    this.#round++;
  }

  /** The node is gone: removes the samples of all families. */
  clear(): void {
    const { node, mining, jsonRpc } = this.#options.questions;
    for (const question of [...node, ...mining, ...jsonRpc]) question.clear();
  }

  async #askEach<S extends NodeSource<unknown> | MiningSource<unknown>>(
    questions: readonly Question<S>[],
    ask: (source: S) => Promise<unknown>,
  ): Promise<void> {
    for (const question of questions) {
      if (this.#options.client.isOver) return;
      if (this.#missing.has(question)) continue;
      try {
        const answer = await ask(question.source);
        this.#show(question, answer, () => answer);
      } catch (error) {
        question.clear();
        this.#failed(question, error);
      }
    }
  }

  async #askRpc(rpc: JsonRpc): Promise<void> {
    const due = this.#options.questions.jsonRpc.filter((question) => this.#isDue(question));
    await this.#askTogether(
      rpc,
      due.filter((question) => !this.#alone.has(question)),
    );
    // The question at fault for a failed batch is found in the same round, so that the others do not miss it.
    for (const question of due) if (this.#alone.has(question)) await this.#askAlone(rpc, question);
  }

  async #askTogether(rpc: JsonRpc, questions: readonly Question<RpcSource<unknown>>[]): Promise<void> {
    if (this.#options.client.isOver || questions.length === 0) return;
    try {
      const outcomes = await rpc.callAll(questions.map(({ source }) => source));
      for (const [index, question] of questions.entries()) this.#settle(question, outcomes[index]!);
    } catch {
      for (const question of questions) this.#alone.add(question);
    }
  }

  async #askAlone(rpc: JsonRpc, question: Question<RpcSource<unknown>>): Promise<void> {
    if (this.#options.client.isOver) return;
    try {
      const [outcome] = await rpc.callAll([question.source]);
      this.#alone.delete(question);
      this.#settle(question, outcome!);
    } catch (error) {
      this.#settle(question, { error: error as Error });
    }
  }

  #isDue(question: Question<RpcSource<unknown>>): boolean {
    if (this.#missing.has(question)) return false;
    return this.#round % (question.source.every ?? 1) === 0 || this.#failing.has(question);
  }

  #settle(question: Question<RpcSource<unknown>>, outcome: RpcOutcome): void {
    this.#failing.delete(question);
    if ("error" in outcome) {
      question.clear();
      return this.#rpcFailed(question, outcome.error);
    }
    try {
      this.#show(question, outcome.result, (source) => source.read(outcome.result));
    } catch (error) {
      this.#rpcFailed(question, error);
    }
  }

  #show<S extends Source>(question: Question<S>, answer: unknown, read: (source: S) => unknown): void {
    question.show(read);
    this.#options.onAnswer(question.source.method, answer);
  }

  #rpcFailed(question: Question, error: unknown): void {
    // A method that the node could not finish in time is expensive: it is asked no sooner than usual.
    if (!isLate(error)) this.#failing.add(question);
    this.#failed(question, error);
  }

  #failed(question: Question, error: unknown): void {
    // The end of the connection is no failure of the call.
    if (this.#options.client.isOver) return;
    const isMissing = isMissingMethod(error);
    if (isMissing || failureOf(error) === "disabled") this.#missing.add(question);
    this.#options.onError(question.source.method, error, isMissing);
  }
}

/** Whether the node did not finish the call, or an earlier one of the same method, in time. */
function isLate(error: unknown): boolean {
  return error instanceof DeadlineError || (error instanceof RpcError && error.kind === "overloaded");
}
