// The node's threads that run our calls. A node runs one call at a time on a thread and refuses more; v30 crashes by an assertion.
// So a thread serves one call, and is free again at the call's Return, not at its deadline.

import type { Method, Struct } from "capnp-es";
import type { ImportedCapability } from "../rpc/capability.ts";
import { DeadlineError, NotSentError, RpcError } from "../rpc/errors.ts";
import type { CallOptions, Question } from "../rpc/question.ts";
import { type Context, Thread$Client } from "../schema/mp/proxy.ts";
import { CALLS, isAllowed, type OnCall, type RpcMethod, readCapability } from "./calls.ts";

/** Parameters of a method that runs on a thread of the node. */
export interface ContextParams extends Struct {
  _initContext(): Context;
}

export interface ThreadCallOptions<R = unknown, T = R> extends CallOptions<R, T> {
  /** The JSON-RPC methods of an executeRpc. A call that hangs blocks only calls with the same methods. */
  readonly rpcMethods?: readonly RpcMethod[];
  /** Whether disconnecting needs the call: it is made even after `startLeaving`, and has threads in reserve. */
  readonly isForLeaving?: boolean;
  /** Milliseconds after which the call counts as late, although its caller still waits. A late call blocks others of its kind. */
  readonly lateAfterMs?: number;
  /** Whether the node survives the end of the connection during the call. Disconnecting does not wait for such a call. */
  readonly endsWithConnection?: boolean;
}

/** A new thread is made only when calls are stuck on all others. Each is an OS thread of the node. */
const MAX_THREADS = 4;
/**
 * Two more, only for calls that disconnecting needs, which must succeed even if all other threads are stuck: one to end a
 * registration, one to check whether the node is stopping.
 */
const MAX_THREADS_LEAVING = 2;

/** The longest duration that a timer accepts. */
export const NO_DEADLINE_MS = 2 ** 31 - 1;

/** Threads for the same calls. */
class Pool {
  readonly max: number;
  readonly idle: ImportedCapability[] = [];
  /** Threads that exist or are being made. */
  made = 0;

  constructor(max: number) {
    this.max = max;
  }
}

/** Makes calls on threads of the node. */
export type Threads = Pick<ServerThreads, "call">;

export class ServerThreads {
  readonly #threadMap: ImportedCapability;
  readonly #name: string;
  readonly #onCall: OnCall;
  readonly #threads: ImportedCapability[] = [];
  readonly #common = new Pool(MAX_THREADS);
  readonly #reserve = new Pool(MAX_THREADS_LEAVING);
  /** Late calls that the node has not returned yet, each with its `keyOf`. */
  readonly #late = new Map<Question<unknown>, string>();
  #isLeaving = false;
  /** Calls from their request for a thread until the node has returned them. */
  #underWay = 0;
  /** Called once, when no call is under way. */
  readonly #onQuiet: (() => void)[] = [];
  #isClosing = false;

  /** `name` names the threads in the node's log. */
  constructor(threadMap: ImportedCapability, name: string, onCall: OnCall = () => {}) {
    this.#threadMap = threadMap;
    this.#name = name;
    this.#onCall = onCall;
  }

  /** Makes the first thread, so that a failure shows at once. Rejects as ImportedCapability.ask does. */
  async start(): Promise<void> {
    this.#common.idle.push(await this.#makeThread(this.#common));
  }

  /**
   * Calls `method` on a thread of its own and resolves to the results. Rejects as ImportedCapability.ask does. Rejects with
   * `overloaded` while a late call of the same kind is under way, so that a method that hangs blocks one thread only, and when
   * every thread is stuck. Refuses a method that is not in the table of calls.ts.
   */
  async call<P extends ContextParams, R extends Struct, T = R>(
    capability: ImportedCapability,
    method: Method<P, R>,
    fill: (params: P) => void = () => {},
    options: ThreadCallOptions<R, T> = {},
  ): Promise<T> {
    const { rpcMethods, isForLeaving = false, lateAfterMs, endsWithConnection = false } = options;
    const key = keyOf(capability, method, options);
    this.#refuse(method, key, isForLeaving);
    const pool = this.#poolFor(isForLeaving);
    this.#underWay++;
    const thread = await this.#lendThread(pool).catch((error) => {
      this.#ended();
      throw error;
    });
    if (endsWithConnection) this.#ended();
    const start = performance.now();
    const question = capability.ask(
      method,
      (params) => {
        params._initContext().thread = new Thread$Client(thread);
        fill(params);
      },
      options,
    );
    question.results.catch((error) => {
      if (error instanceof DeadlineError) this.#late.set(question, key);
    });
    const isSent = !question.hasEnded;
    const lateTimer =
      lateAfterMs === undefined ? undefined : setTimeout(() => this.#late.set(question, key), lateAfterMs);
    question.returned.then(() => {
      clearTimeout(lateTimer);
      const durationMs = endsWithConnection ? undefined : performance.now() - start;
      if (isSent) this.#onCall(rpcMethods ?? [question.name], durationMs);
      this.#late.delete(question);
      pool.idle.push(thread);
      if (!endsWithConnection) this.#ended();
    });
    return question.results;
  }

  /** Throws if `method` may not be called now. */
  #refuse(method: AnyMethod, key: string, isForLeaving: boolean): void {
    if (!isAllowed(method)) {
      const name = `${method.interfaceName}.${method.methodName}`;
      throw new RpcError("failed", `${name} is not a method that the exporter may call`);
    }
    if (this.#isClosing || (this.#isLeaving && !isForLeaving))
      throw new RpcError("disconnected", "the exporter is disconnecting");
    if ([...this.#late.values()].includes(key)) throw new NotSentError("the node is still processing an earlier call");
  }

  /** Makes calls that are never canceled, so that late answers can be used: callers have timeouts of their own. */
  uncanceled(lateAfterMs: number): Threads {
    return {
      call: (capability, method, fill, options) =>
        this.call(capability, method, fill, { deadlineMs: NO_DEADLINE_MS, lateAfterMs, ...options }),
    };
  }

  /** From now on, refuses calls that disconnecting does not need. */
  startLeaving(): void {
    this.#isLeaving = true;
  }

  /**
   * Makes no more calls, and resolves when the node has returned those that are under way: a pr/trace node crashes if a connection
   * ends during a call, or a thread ends before its first call.
   */
  quiet(): Promise<void> {
    this.#isClosing = true;
    return new Promise((resolve) => {
      if (this.#underWay === 0) resolve();
      else this.#onQuiet.push(resolve);
    });
  }

  /** Releases all threads. The node ends each when its call is complete. */
  close(): void {
    for (const thread of this.#threads) thread.close();
    this.#threadMap.close();
  }

  #ended(): void {
    this.#underWay--;
    if (this.#underWay === 0) for (const resolve of this.#onQuiet.splice(0)) resolve();
  }

  /** A pool with an idle thread, or else one that may make another; the common one first. */
  #poolFor(isForLeaving: boolean): Pool {
    const pools = isForLeaving ? [this.#common, this.#reserve] : [this.#common];
    const pool = pools.find(({ idle }) => idle.length > 0) ?? pools.find(({ made, max }) => made < max);
    if (pool !== undefined) return pool;
    const count = pools.reduce((sum, { max }) => sum + max, 0);
    throw new NotSentError(`all ${count} threads of the node are stuck in earlier calls`);
  }

  async #lendThread(pool: Pool): Promise<ImportedCapability> {
    return pool.idle.pop() ?? this.#makeThread(pool);
  }

  async #makeThread(pool: Pool): Promise<ImportedCapability> {
    const fill = (params: { name: string }) => {
      params.name = this.#name;
    };
    pool.made++;
    try {
      const options = { read: readCapability };
      const thread = await this.#threadMap.ask(CALLS.threadMap.makeThread, fill, options).results;
      this.#threads.push(thread);
      return thread;
    } catch (error) {
      pool.made--;
      throw error;
    }
  }
}

type AnyMethod = Pick<Method<Struct, Struct>, "interfaceId" | "interfaceName" | "methodId" | "methodName">;

/**
 * Equal for calls of one kind: a late one blocks the others. Calls with `endsWithConnection` are waits, which differ by their duration: a
 * late wait for the next tip does not block the wait of 0 ms that shows whether a node is stopping.
 */
function keyOf(
  { importId }: ImportedCapability,
  { interfaceId, methodId }: AnyMethod,
  { rpcMethods = [], endsWithConnection, deadlineMs }: Omit<ThreadCallOptions, "read">,
): string {
  const waitMs = endsWithConnection === true ? deadlineMs : undefined;
  return [importId, interfaceId, methodId, rpcMethods.join(), waitMs].join(" ");
}
