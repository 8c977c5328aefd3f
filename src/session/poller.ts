// One round of questions to a node: which of the collectors' polls its sources can answer, and what happens when one
// fails. A failure costs that poll's families only.

import type { Collector, Poll, RpcPoll } from "../collectors/collector.ts";
import type { NodeClient } from "../node/client.ts";
import { isMissingMethod, type JsonRpc, type RpcOutcome } from "../node/json-rpc.ts";
import type { MiningQueries } from "../node/mining.ts";
import type { NodeQueries } from "../node/node-queries.ts";
import { DeadlineError, RpcError } from "../rpc/errors.ts";

export interface PollerEvents {
  /** Told of each answer; `value` is what came. */
  answered(method: string, value: unknown): void;
  /** `isMissing`: the node does not have the method, and it is not asked again on this connection. */
  callFailed(method: string, error: unknown, isMissing: boolean): void;
}

/** What the collectors have to ask, by source. */
export type Polls = Required<Pick<Collector, "queryPolls" | "rpcPolls" | "miningPolls">>;

/** The polls of one session to a node. Made anew for each, as the next node may be another. */
export class Poller {
  readonly #client: NodeClient;
  readonly #events: PollerEvents;
  readonly #queryPolls: readonly Poll<NodeQueries>[];
  readonly #rpcPolls: readonly RpcPoll[];
  readonly #miningPolls: readonly Poll<MiningQueries>[];
  /** Polls whose method this node does not have. */
  readonly #missing = new Set<{ readonly method: string }>();
  /** Polls of batches that failed as a whole, for one was too slow: each gets a call of its own until that succeeds. */
  readonly #alone = new Set<RpcPoll>();
  /** Polls that failed, but for late ones: due at the next round, however seldom they are asked otherwise. */
  readonly #failing = new Set<RpcPoll>();
  #round = 0;

  constructor(client: NodeClient, collectors: Polls, events: PollerEvents) {
    this.#client = client;
    this.#events = events;
    const { queries, jsonRpc } = client;
    this.#queryPolls = queries === undefined ? [] : collectors.queryPolls;
    const needsSeeds = queries === undefined;
    this.#rpcPolls = jsonRpc === undefined ? [] : collectors.rpcPolls.filter((poll) => needsSeeds || !poll.isSeedsOnly);
    this.#miningPolls = queries === undefined && jsonRpc === undefined ? collectors.miningPolls : [];
  }

  /** Asks everything that is due, one after the other. Never rejects. Stops early when the client is over. */
  async poll(): Promise<void> {
    const { queries, jsonRpc } = this.#client;
    if (queries !== undefined) await this.#runAll(this.#queryPolls, () => queries);
    await this.#runAll(this.#miningPolls, () => this.#client.mining());
    if (jsonRpc !== undefined) await this.#runRpc(jsonRpc);
    this.#round++;
  }

  /** The node is gone: no polled family has a sample. */
  clear(): void {
    for (const poll of [...this.#queryPolls, ...this.#miningPolls]) poll.clear();
    for (const poll of this.#rpcPolls) poll.clear(true);
  }

  async #runAll<Source>(polls: readonly Poll<Source>[], source: () => Source | Promise<Source>): Promise<void> {
    for (const poll of polls) {
      if (this.#client.isOver) return;
      if (this.#missing.has(poll)) continue;
      try {
        this.#events.answered(poll.method, await poll.run(await source()));
      } catch (error) {
        this.#failed(poll, error);
      }
    }
  }

  async #runRpc(rpc: JsonRpc): Promise<void> {
    const due = this.#rpcPolls.filter((poll) => this.#isDue(poll));
    await this.#askTogether(
      rpc,
      due.filter((poll) => !this.#alone.has(poll)),
    );
    // Which of a failed batch was at fault is found out in the same round, so that the others do not miss it.
    for (const poll of due) if (this.#alone.has(poll)) await this.#askAlone(rpc, poll);
  }

  async #askTogether(rpc: JsonRpc, polls: readonly RpcPoll[]): Promise<void> {
    if (this.#client.isOver || polls.length === 0) return;
    try {
      const outcomes = await rpc.callAll(polls);
      for (const [index, poll] of polls.entries()) this.#settle(poll, outcomes[index]!);
    } catch {
      for (const poll of polls) this.#alone.add(poll);
    }
  }

  async #askAlone(rpc: JsonRpc, poll: RpcPoll): Promise<void> {
    if (this.#client.isOver) return;
    try {
      const [outcome] = await rpc.callAll([poll]);
      this.#alone.delete(poll);
      this.#settle(poll, outcome!);
    } catch (error) {
      this.#settle(poll, { error: error as Error });
    }
  }

  #isDue(poll: RpcPoll): boolean {
    if (this.#missing.has(poll)) return false;
    return this.#round % (poll.every ?? 1) === 0 || this.#failing.has(poll);
  }

  #settle(poll: RpcPoll, outcome: RpcOutcome): void {
    this.#failing.delete(poll);
    // What Chain and Node were asked for is theirs to set.
    const seeds = this.#client.queries === undefined;
    if ("error" in outcome) {
      poll.clear(seeds);
      return this.#rpcFailed(poll, outcome.error);
    }
    try {
      poll.read(outcome.result, seeds);
      this.#events.answered(poll.method, outcome.result);
    } catch (error) {
      // The families at fault are cleared, the others are set.
      this.#rpcFailed(poll, error);
    }
  }

  #rpcFailed(poll: RpcPoll, error: unknown): void {
    // One that the node could not do in time is dear: asked at every round it would cost the node most when it can least.
    if (!isLate(error)) this.#failing.add(poll);
    this.#failed(poll, error);
  }

  #failed(poll: { readonly method: string }, error: unknown): void {
    // The end of the connection is no fault of the call.
    if (this.#client.isOver) return;
    const isMissing = isMissingMethod(error);
    if (isMissing) this.#missing.add(poll);
    this.#events.callFailed(poll.method, error, isMissing);
  }
}

/** Whether the node was not through with the call in time, or still is not through with an earlier one. */
function isLate(error: unknown): boolean {
  return error instanceof DeadlineError || (error instanceof RpcError && error.kind === "overloaded");
}
