// Keeps calls away from a node that stops. At the end of its stop a node closes its IPC connections: a pr/trace node crashes if a
// call is under way then, and so may a v31 node (run). And some JSON-RPC methods wait for the node's scheduler, which ends
// earlier: called after that, they never return, and the node never exits (run on v32 and pr/trace).

import { NotSentError, RpcError } from "../rpc/errors.ts";
import type { RpcMethod } from "./calls.ts";
import type { JsonRpc, RpcOutcome } from "./json-rpc.ts";
import { StoppingError } from "./layouts.ts";
import type { Threads } from "./server-threads.ts";

/** Methods that reach SyncWithValidationInterfaceQueue. */
const WAITS_FOR_SCHEDULER: ReadonlySet<RpcMethod> = new Set(["estimatesmartfee", "gettxoutsetinfo"]);

/** `isStopping` waits this long for the node's report. */
const DEADLINE_MS = 1000;

/** A report that the node is not stopping serves the calls of this time. */
const FRESH_MS = 25;

/**
 * A method that waits for the scheduler needs a report that is no older. Its call returns if it comes before the node's last
 * flush of its queue: 95 ms after the beginning of the stop on a v31 node of one block, and seconds on mainnet.
 */
const MAX_AGE_MS = 50;

/** So many reports may be too old before such a method is held back: the host may be busy. */
const ATTEMPTS = 3;

export interface StopReport {
  /** Whether the node can be called for that yet. */
  readonly isKnown: () => boolean;
  /** Whether the node reports without a lock, so that calls can wait for its report as long as it takes. */
  readonly isLockFree: () => boolean;
  /** Rejects when the node does not support the call, and when the connection ends. */
  readonly isStopping: () => Promise<boolean>;
  /** Called once, when the node reports that it is stopping. */
  readonly onStopping: () => void;
}

export class StopGuard {
  readonly #report: StopReport;
  /** When the last report that the node is not stopping was requested; by performance.now. */
  #ranAt = Number.NEGATIVE_INFINITY;
  /** A stop is final: nothing is called after a report of it, so that no call is under way when the node ends. */
  #hasStopped = false;
  #isSupported = true;
  /** The request for a report, until it is answered, however late: a node that is stalled gets one. */
  #request: Promise<void> | undefined;

  constructor(report: StopReport) {
    this.#report = report;
  }

  /** Whether the node is stopping. False when it does not support the call, or does not answer within a second. */
  async isStopping(): Promise<boolean> {
    if (!this.#hasStopped) await Promise.race([this.#answer(), Bun.sleep(DEADLINE_MS)]);
    return this.#hasStopped;
  }

  /** Resolves once no request is under way, or after a second. */
  async answered(): Promise<void> {
    await Promise.race([this.#request, Bun.sleep(DEADLINE_MS)]);
  }

  /** `threads` that make no call on a node that is stopping, except calls that harm none when the connection ends. */
  threads(threads: Threads): Threads {
    return {
      call: async (capability, method, fill, options) => {
        if (options?.endsWithConnection !== true) await this.#check(options?.rpcMethods ?? []);
        return threads.call(capability, method, fill, options);
      },
    };
  }

  /** `rpc` that calls each method that waits for the scheduler alone, and none after one that was held back. */
  rpc(rpc: JsonRpc): JsonRpc {
    return {
      callAll: async (requests) => {
        const outcomes: RpcOutcome[] = [];
        const indexes = [...requests.keys()];
        const isAlone = (index: number) => WAITS_FOR_SCHEDULER.has(requests[index]!.method);
        const others = indexes.filter((index) => !isAlone(index));
        const replies = others.length === 0 ? [] : await rpc.callAll(others.map((index) => requests[index]!));
        for (const [position, index] of others.entries()) outcomes[index] = replies[position]!;
        let heldBack: RpcOutcome | undefined;
        for (const index of indexes.filter(isAlone)) {
          const outcome: RpcOutcome = heldBack ?? (await rpc.callAll([requests[index]!]))[0]!;
          outcomes[index] = outcome;
          if ("error" in outcome && outcome.error instanceof NotSentError) heldBack = outcome;
        }
        return outcomes;
      },
    };
  }

  /** Rejects with StoppingError or NotSentError when these methods may not be called now. */
  async #check(rpcMethods: readonly RpcMethod[]): Promise<void> {
    const waitsForScheduler = rpcMethods.some((method) => WAITS_FOR_SCHEDULER.has(method));
    const maxAgeMs = waitsForScheduler ? MAX_AGE_MS : FRESH_MS;
    for (let attempt = 1; attempt <= ATTEMPTS && !this.#ranWithin(attempt === 1 ? FRESH_MS : maxAgeMs); attempt++) {
      if (!this.#isSupported || !this.#report.isKnown()) break;
      if (this.#report.isLockFree()) await this.#answer();
      else await this.isStopping();
      // The report of a node that was stalled, or whose lock was held, is old when it arrives.
      if (!waitsForScheduler && !this.#report.isLockFree()) break;
    }
    if (this.#hasStopped) throw new StoppingError();
    if (waitsForScheduler && !this.#ranWithin(MAX_AGE_MS)) throw new NotSentError("the node may be stopping");
  }

  /** Resolves when the node has reported whether it is stopping, or cannot. */
  async #answer(): Promise<void> {
    if (this.#hasStopped || !this.#isSupported) return;
    this.#request ??= this.#ask().finally(() => {
      this.#request = undefined;
    });
    await this.#request;
  }

  async #ask(): Promise<void> {
    const start = performance.now();
    try {
      if (!(await this.#report.isStopping())) this.#ranAt = start;
      else if (!this.#hasStopped) {
        this.#hasStopped = true;
        this.#report.onStopping();
      }
    } catch (error) {
      // Nothing is known then of what the node does.
      if (error instanceof RpcError && error.kind === "unimplemented") this.#isSupported = false;
    }
  }

  #ranWithin(ms: number): boolean {
    return !this.#hasStopped && performance.now() - this.#ranAt <= ms;
  }
}
