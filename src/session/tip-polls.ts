// Reads each block that becomes the tip, one block at a time and the newest first. Blocks that are replaced while another is read
// are skipped.

import type { BlockSource, NewTip } from "../collectors/collector.ts";
import type { NodeClient } from "../node/client.ts";
import { callRpc, isPermanent, type JsonRpc } from "../node/json-rpc.ts";
import type { Tip } from "../node/mining.ts";
import type { PolledCall } from "./polled-calls.ts";

export interface TipPollsOptions {
  readonly client: Pick<NodeClient, "jsonRpc" | "isOver">;
  readonly calls: readonly PolledCall<BlockSource<unknown>>[];
  /** No block is read while the node may be in initial block download, when each block is a tip. The newest tip waits. */
  readonly mayBeSyncing: () => boolean;
  readonly onError: (method: string, error: unknown) => void;
}

export class TipPolls {
  readonly #options: TipPollsOptions;
  /** The newest tip that is not read yet; only its height if notifications did not report its hash. */
  #next: { readonly tip: Tip | number; readonly arrivedMs: number | undefined } | undefined;
  #isRunning = false;
  /** Resolves when no block is being read. */
  settled: Promise<void> = Promise.resolve();
  /** Methods that this node does not support or refuses. */
  readonly #unsupported = new Set<string>();

  constructor(options: TipPollsOptions) {
    this.#options = options;
  }

  /** A block is the tip. If it has just become the tip, `arrivedMs` is when. Returns at once. */
  tipChanged(tip: Tip | number, arrivedMs?: number): void {
    const { calls, mayBeSyncing } = this.#options;
    if (calls.length === 0) return;
    this.#next = { tip, arrivedMs: mayBeSyncing() ? undefined : arrivedMs };
    this.resume();
  }

  /** Reads a tip that arrived during initial block download. To be called when that may be over. Returns at once. */
  resume(): void {
    const { jsonRpc } = this.#options.client;
    if (jsonRpc !== undefined && !this.#isRunning) this.settled = this.#run(jsonRpc);
  }

  /** The session is over: removes the samples of all families. */
  clear(): void {
    this.#next = undefined;
    for (const call of this.#options.calls) call.clear();
  }

  async #run(rpc: JsonRpc): Promise<void> {
    const { client, mayBeSyncing } = this.#options;
    this.#isRunning = true;
    while (this.#next !== undefined && !client.isOver && !mayBeSyncing()) {
      const next = this.#next;
      this.#next = undefined;
      await this.#read(rpc, next.tip, next.arrivedMs);
    }
    this.#isRunning = false;
  }

  async #read(rpc: JsonRpc, next: Tip | number, arrivedMs: number | undefined): Promise<void> {
    const tip = typeof next === "object" ? next : await this.#try("getblockhash", () => tipAt(rpc, next));
    if (tip === undefined) return;
    for (const call of this.#options.calls) await this.#makeCall(rpc, call, { ...tip, arrivedMs });
  }

  async #makeCall(rpc: JsonRpc, call: PolledCall<BlockSource<unknown>>, tip: NewTip): Promise<void> {
    const answer = await this.#try(call.source.method, () => call.source.readBlock(rpc, tip));
    // The families were cleared when the session ended.
    if (this.#options.client.isOver) return;
    if (answer === undefined) return call.clear();
    await this.#try(call.source.method, async () => call.show((source) => source.read(answer)));
  }

  /** Resolves to the result of `call`, or to undefined when it rejects, which is reported. */
  async #try<T>(method: string, call: () => Promise<T>): Promise<T | undefined> {
    const { client, onError } = this.#options;
    if (client.isOver || this.#unsupported.has(method)) return undefined;
    try {
      return await call();
    } catch (error) {
      if (client.isOver) return undefined;
      if (isPermanent(error)) this.#unsupported.add(method);
      onError(method, error);
      return undefined;
    }
  }
}

async function tipAt(rpc: JsonRpc, height: number): Promise<Tip> {
  return { hash: String(await callRpc(rpc, "getblockhash", [height])), height };
}
