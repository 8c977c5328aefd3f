// A NodeClient without a connection, for tests, which set its answers. Every part of src/session accepts it as its client.
// test/builders/fake-node.ts is a node at the other end of a connection.

import { CallTimeouts } from "../../src/node/call-timeouts.ts";
import type { RpcMethod } from "../../src/node/calls.ts";
import type { NodeClient } from "../../src/node/client.ts";
import type { JsonRpc, RpcOutcome } from "../../src/node/json-rpc.ts";
import type { MiningQueries, Tip } from "../../src/node/mining.ts";
import { DeadlineError } from "../../src/rpc/errors.ts";
import type { SourceKind } from "../../src/session/polled-calls.ts";
import { type Block, BlockTree } from "./block-tree.ts";
import { NO_QUERIES } from "./no-queries.ts";

/** Timeout of a call of Chain, Node or Mining, in milliseconds. */
const TIMEOUT_MS = 20;

type Client = Pick<
  NodeClient,
  "isOver" | "queries" | "jsonRpc" | "mining" | "timeouts" | "traceUtxoCache" | "endUtxoTrace"
>;

export class SessionNode implements Client {
  isOver = false;
  readonly timeouts = new CallTimeouts(TIMEOUT_MS);
  /** The methods of each JSON-RPC call; tests add others. */
  readonly calls: string[][] = [];
  readonly kinds: ReadonlySet<SourceKind>;

  constructor(...kinds: SourceKind[]) {
    this.kinds = new Set(kinds);
  }

  /** Sources in tests of families do not use it. */
  get queries() {
    return this.kinds.has("node") ? NO_QUERIES : undefined;
  }

  // ---- JSON-RPC ----

  /** The node's blocks, which Mining and JSON-RPC report. */
  readonly tree = new BlockTree();
  /** JSON-RPC method → its outcome. Other methods about blocks are answered from the tree, all others with true. */
  readonly outcomes = new Map<RpcMethod, RpcOutcome>();
  /** Methods that make a whole call fail. A late outcome arrives when the test resolves it. */
  readonly fatal = new Map<RpcMethod, Error>();
  readonly late = Promise.withResolvers<RpcOutcome>();
  /** Called while a call is under way. */
  during = () => {};
  jsonRpcCall: JsonRpc["callAll"] = async (requests) => {
    this.calls.push(requests.map(({ method }) => method));
    this.during();
    for (const { method } of requests) {
      const error = this.fatal.get(method);
      if (error === undefined) continue;
      return requests.map(() => ({ error, late: error instanceof DeadlineError ? this.late.promise : undefined }));
    }
    return requests.map(({ method }) => this.outcomes.get(method) ?? { result: true });
  };

  get jsonRpc(): JsonRpc | undefined {
    if (this.kinds.has("block")) return this.tree;
    return this.kinds.has("jsonRpc") ? { callAll: (requests) => this.jsonRpcCall(requests) } : undefined;
  }

  // ---- Mining ----

  /** Whether the node has a tip yet. */
  hasTip = true;
  isStopping = false;
  /** Failures of the next calls of Mining. */
  readonly failures: Error[] = [];
  /** Timeouts of the waits for a tip so far, in milliseconds. */
  readonly waits: number[] = [];
  #changed = Promise.withResolvers<void>();

  mining = async (): Promise<MiningQueries> => ({
    getTip: async () => {
      this.#maybeFail();
      return this.hasTip ? tipOf(this.tree.active) : undefined;
    },
    isInitialBlockDownload: async () => false,
    isTestChain: async () => true,
    waitTipChanged: async ({ hash }, timeoutMs) => {
      this.waits.push(timeoutMs);
      this.#maybeFail();
      if (this.tree.active.hash === hash) await this.#changed.promise;
      this.#maybeFail();
      return this.isStopping ? undefined : tipOf(this.tree.active);
    },
  });

  /** Answers the waits, because the tip has changed or the timeout is over. */
  wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  /** Adds `count` blocks on `previous`, and answers the waits. */
  extend(count: number, previous?: Block): Block {
    const tip = this.tree.extend(count, previous);
    this.wake();
    return tip;
  }

  leave(): void {
    this.isOver = true;
    this.wake();
  }

  #maybeFail(): void {
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
  }

  // ---- the UTXO trace: each call waits for `answer` or `refuse` ----

  readonly traceCalls: ("trace" | "end")[] = [];
  /** The deadlines of these calls, in milliseconds. */
  readonly traceDeadlinesMs = new Set<number>();
  #open: PromiseWithResolvers<void> | undefined;

  traceUtxoCache = (deadlineMs: number) => this.#callTrace("trace", deadlineMs);
  endUtxoTrace = (deadlineMs: number) => this.#callTrace("end", deadlineMs);

  get isWaiting(): boolean {
    return this.#open !== undefined;
  }

  answer(): void {
    this.#open!.resolve();
    this.#open = undefined;
  }

  refuse(error: Error): void {
    this.#open!.reject(error);
    this.#open = undefined;
  }

  #callTrace(name: "trace" | "end", deadlineMs: number): Promise<void> {
    if (this.isWaiting) throw new Error(`${name} was called during another call`);
    this.traceCalls.push(name);
    this.traceDeadlinesMs.add(deadlineMs);
    this.#open = Promise.withResolvers();
    return this.#open.promise;
  }
}

function tipOf({ hash, height }: Block): Tip {
  return { hash, height };
}
