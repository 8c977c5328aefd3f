// Asks the collectors about each block that becomes the tip, one block at a time and the newest first: while one is being
// asked about, older ones that came meanwhile are passed over.

import type { TipPoll } from "../collectors/collector.ts";
import type { NodeClient } from "../node/client.ts";
import { callRpc, isMissingMethod, type JsonRpc } from "../node/json-rpc.ts";
import type { Tip } from "../node/mining.ts";

export interface TipPollsOptions {
  readonly client: NodeClient;
  readonly polls: readonly TipPoll[];
  /** Nothing is asked while the node may be in initial block download: every block would be. The last one waits. */
  readonly isSyncing: () => boolean;
  /** `isMissing`: the node does not have the method, and it is not asked again on this connection. */
  readonly onError: (method: string, error: unknown, isMissing: boolean) => void;
}

export class TipPolls {
  readonly #options: TipPollsOptions;
  /** The newest tip that was not asked about; by its height alone where notifications did not name it. */
  #next: Tip | number | undefined;
  #isRunning = false;
  /** Methods that this node does not have. */
  readonly #missing = new Set<string>();

  constructor(options: TipPollsOptions) {
    this.#options = options;
  }

  /** A block became the tip. Returns at once. */
  tipChanged(tip: Tip | number): void {
    if (this.#options.polls.length === 0) return;
    this.#next = tip;
    this.resume();
  }

  /** Asks about a tip that came while nothing was to be asked. To be called when that may be over. Returns at once. */
  resume(): void {
    const { jsonRpc } = this.#options.client;
    if (jsonRpc !== undefined && !this.#isRunning) void this.#run(jsonRpc);
  }

  clear(): void {
    this.#next = undefined;
    for (const poll of this.#options.polls) poll.clear();
  }

  async #run(rpc: JsonRpc): Promise<void> {
    const { client, isSyncing } = this.#options;
    this.#isRunning = true;
    while (this.#next !== undefined && !client.isOver && !isSyncing()) {
      const next = this.#next;
      this.#next = undefined;
      await this.#ask(rpc, next);
    }
    this.#isRunning = false;
  }

  async #ask(rpc: JsonRpc, next: Tip | number): Promise<void> {
    const tip = typeof next === "object" ? next : await this.#try("getblockhash", () => tipAt(rpc, next));
    if (tip === undefined) return;
    for (const poll of this.#options.polls) await this.#try(poll.method, () => poll.run(rpc, tip));
  }

  /** What `ask` resolves to, or undefined when it rejects, which is reported. */
  async #try<T>(method: string, ask: () => Promise<T>): Promise<T | undefined> {
    const { client, onError } = this.#options;
    if (client.isOver || this.#missing.has(method)) return undefined;
    try {
      return await ask();
    } catch (error) {
      if (client.isOver) return undefined;
      const isMissing = isMissingMethod(error);
      if (isMissing) this.#missing.add(method);
      onError(method, error, isMissing);
      return undefined;
    }
  }
}

async function tipAt(rpc: JsonRpc, height: number): Promise<Tip> {
  return { hash: String(await callRpc(rpc, "getblockhash", [height])), height };
}
