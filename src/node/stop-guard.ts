// Keeps calls away from a node that stops. At the end of its stop a node closes its IPC connections: a pr/trace node crashes if a
// call is under way then, and so may a v31 node (run). And some JSON-RPC methods wait for the node's scheduler, which ends
// earlier: called after that, they never return, and the node never exits (run on v32 and pr/trace).

import { NotSentError } from "../rpc/errors.ts";
import type { RpcMethod } from "./calls.ts";
import type { JsonRpc, RpcOutcome } from "./json-rpc.ts";
import { StoppingError } from "./layouts.ts";
import type { Threads } from "./server-threads.ts";

/** Methods that reach SyncWithValidationInterfaceQueue. */
const WAITS_FOR_SCHEDULER: ReadonlySet<RpcMethod> = new Set(["estimatesmartfee", "gettxoutsetinfo"]);

/** A node that does not report within this time whether it is stopping counts as running. */
export const STOPPING_DEADLINE_MS = 1000;

/** A report that the node is not stopping is valid for this long. */
const FRESH_MS = 25;

/**
 * Maximum age of the report for a method that waits for the scheduler. Such a call returns if it arrives before the node's last
 * flush of its queue: 95 ms after the beginning of the stop on a v31 node of one block, and seconds on mainnet.
 */
const MAX_AGE_MS = 50;

/** After this many reports that were too old, because the host is busy, such a method is not called. */
const ATTEMPTS = 3;

export interface StopReport {
  /** Whether the node can be called for that yet. */
  readonly isKnown: () => boolean;
  /** Rejects when the node does not support the call, and when the connection ends. */
  readonly isStopping: () => Promise<boolean>;
}

export class StopGuard {
  readonly #report: StopReport;
  /** When the last report that the node is not stopping was requested; by performance.now. */
  #ranAt = Number.NEGATIVE_INFINITY;
  /** A stop is final: nothing is called after a report of it, so that no call is under way when the node ends. */
  #isStopping = false;
  /** The call that requests the report, while it is under way. */
  #check: Promise<boolean> | undefined;

  constructor(report: StopReport) {
    this.#report = report;
  }

  /** Whether the node is stopping. False when it does not support the call, or does not answer within a second. */
  isStopping(): Promise<boolean> {
    if (this.#isStopping) return Promise.resolve(true);
    const start = performance.now();
    this.#check ??= Promise.race([this.#report.isStopping(), Bun.sleep(STOPPING_DEADLINE_MS).then(() => undefined)])
      .then((isStopping) => {
        if (isStopping === false) this.#ranAt = start;
        this.#isStopping = isStopping === true;
        return this.#isStopping;
      })
      // A node that does not support the call reports nothing else on this.
      .catch(() => {
        this.#ranAt = start;
        return false;
      })
      .finally(() => {
        this.#check = undefined;
      });
    return this.#check;
  }

  /** Resolves once the call of `isStopping` that is under way is answered. */
  async answered(): Promise<void> {
    await this.#check;
  }

  /** `threads` that make no call on a node that is stopping, except calls that harm none when the connection ends. */
  threads(threads: Threads): Threads {
    return {
      call: async (capability, method, fill, options) => {
        const isFresh = !this.#isStopping && this.#ranWithin(FRESH_MS);
        const isToCheck = options?.endsWithConnection !== true && this.#report.isKnown() && !isFresh;
        if (isToCheck && (await this.isStopping())) throw new StoppingError("the node is stopping");
        return threads.call(capability, method, fill, options);
      },
    };
  }

  /** `rpc` that calls each method that waits for the scheduler alone, right after a report that the node is not stopping. */
  rpc(rpc: JsonRpc): JsonRpc {
    return {
      callAll: async (requests) => {
        const outcomes: RpcOutcome[] = [];
        const indexes = [...requests.keys()];
        const isToWait = (index: number) => WAITS_FOR_SCHEDULER.has(requests[index]!.method);
        const others = indexes.filter((index) => !isToWait(index));
        const replies = others.length === 0 ? [] : await rpc.callAll(others.map((index) => requests[index]!));
        for (const [position, index] of others.entries()) outcomes[index] = replies[position]!;
        let runs = true;
        for (const index of indexes.filter(isToWait)) {
          const request = requests[index]!;
          runs = runs && (await this.#runs());
          if (runs) outcomes[index] = (await rpc.callAll([request]))[0]!;
          else outcomes[index] = { error: new NotSentError(`${request.method}: the node may be stopping`) };
        }
        return outcomes;
      },
    };
  }

  async #runs(): Promise<boolean> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      if ((await this.isStopping()) || !this.#report.isKnown()) return false;
      if (this.#ranWithin(MAX_AGE_MS)) return true;
    }
    return false;
  }

  #ranWithin(ms: number): boolean {
    return performance.now() - this.#ranAt <= ms;
  }
}
