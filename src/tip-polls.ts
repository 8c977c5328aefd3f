// Asks the collectors about each block that becomes the tip, one block at a time and the newest first: while one is being
// asked about, older ones that came meanwhile are passed over.

import type { TipPoll } from "./collectors/collector.ts";
import { callRpc, type JsonRpc } from "./node/json-rpc.ts";
import type { Tip } from "./node/mining.ts";
import type { NodeSession } from "./node/session.ts";

export interface TipPollsOptions {
  readonly session: NodeSession;
  readonly polls: readonly TipPoll[];
  /** Nothing is asked while the node may be in initial block download: every block would be. */
  readonly isSyncing: () => boolean;
  readonly onError: (method: string, error: unknown) => void;
}

export class TipPolls {
  readonly #options: TipPollsOptions;
  /** The newest tip that was not asked about; by its height alone where notifications did not name it. */
  #next: Tip | number | undefined;
  #isRunning = false;

  constructor(options: TipPollsOptions) {
    this.#options = options;
  }

  /** A block became the tip. Returns at once. */
  tipChanged(tip: Tip | number): void {
    const { jsonRpc } = this.#options.session;
    if (jsonRpc === undefined || this.#options.polls.length === 0) return;
    this.#next = tip;
    if (!this.#isRunning) void this.#run(jsonRpc);
  }

  clear(): void {
    this.#next = undefined;
    for (const poll of this.#options.polls) poll.clear();
  }

  async #run(rpc: JsonRpc): Promise<void> {
    const { session, isSyncing } = this.#options;
    this.#isRunning = true;
    while (this.#next !== undefined && !session.isOver && !isSyncing()) {
      const next = this.#next;
      this.#next = undefined;
      await this.#ask(rpc, next);
    }
    this.#isRunning = false;
  }

  async #ask(rpc: JsonRpc, next: Tip | number): Promise<void> {
    const tip = typeof next === "object" ? next : await this.#try("getblockhash", tipAt(rpc, next));
    if (tip === undefined) return;
    for (const poll of this.#options.polls) await this.#try(poll.method, poll.run(rpc, tip));
  }

  /** What `asked` resolves to, or undefined when it rejects, which is reported. */
  async #try<T>(method: string, asked: Promise<T>): Promise<T | undefined> {
    const { session, onError } = this.#options;
    return asked.catch((error) => {
      if (!session.isOver) onError(method, error);
      return undefined;
    });
  }
}

async function tipAt(rpc: JsonRpc, height: number): Promise<Tip> {
  return { hash: String(await callRpc(rpc, "getblockhash", [height])), height };
}
