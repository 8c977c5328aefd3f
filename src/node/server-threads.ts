// The node's threads that run our calls. A node runs one call at a time on a thread and refuses more (v30 even asserts),
// so a thread is lent to one call and comes back with its Return, not with its deadline.

import type { Method, Struct } from "capnp-es";
import type { ImportedCapability } from "../rpc/capability.ts";
import { DeadlineError, RpcError } from "../rpc/errors.ts";
import type { CallOptions, OpenQuestion } from "../rpc/question.ts";
import { type Context, Thread$Client } from "../schema/mp/proxy.ts";
import { CALLS, isAllowed, readCapability } from "./calls.ts";

/** Parameters of a method that runs on a thread of the node. */
export interface ContextParams extends Struct {
  _initContext(): Context;
}

export interface ThreadCallOptions<R = unknown, T = R> extends CallOptions<R, T> {
  /** What a method is asked about, where calls of it have nothing to do with each other: one that hangs stops only its own. */
  readonly subject?: string;
  /**
   * Whether leaving needs the call: it is made while we leave, when no other is begun any more, and gets a thread when all
   * others are stuck.
   */
  readonly isForLeaving?: boolean;
  /** Milliseconds after which the call counts as late, though its caller still waits; then no other of its kind is made. */
  readonly lateAfterMs?: number;
  /** Whether the node takes no harm when the connection ends during the call: then leaving does not wait for it. */
  readonly mayBeLeft?: boolean;
}

/** A new thread is made only when calls are stuck on all others. Each is an OS thread of the node. */
const MAX_THREADS = 4;
/**
 * Two more for what leaving needs, which has to get through whatever is stuck: no other call ever gets them. One call at a
 * time ends a registration, and beside it the question whether the node stops may be late.
 */
const MAX_THREADS_LEAVING = 2;

/** The longest that a timer takes. */
export const NO_DEADLINE_MS = 2 ** 31 - 1;

/** Threads that are lent to the same calls. */
class Pool {
  readonly max: number;
  readonly idle: ImportedCapability[] = [];
  /** Threads that the node has made or is making. */
  made = 0;

  constructor(max: number) {
    this.max = max;
  }
}

/** What makes calls on threads of the node. */
export type Threads = Pick<ServerThreads, "call">;

export class ServerThreads {
  readonly #threadMap: ImportedCapability;
  readonly #name: string;
  readonly #threads: ImportedCapability[] = [];
  readonly #common = new Pool(MAX_THREADS);
  readonly #reserve = new Pool(MAX_THREADS_LEAVING);
  /** Calls whose callers gave up and that the node has not returned yet, with what `keyOf` says of each. */
  readonly #late = new Map<OpenQuestion, string>();
  #isLeaving = false;
  /** Calls from the moment that they ask for a thread until the node has returned them. */
  #underWay = 0;
  /** Called, and forgotten, when none is under way any more. */
  readonly #onQuiet: (() => void)[] = [];
  #isClosing = false;

  /** `name` is what the node calls the threads in its log. */
  constructor(threadMap: ImportedCapability, name: string) {
    this.#threadMap = threadMap;
    this.#name = name;
  }

  /** Makes the first thread, so that a node that cannot is found out at once. Rejects as ImportedCapability.ask does. */
  async start(): Promise<void> {
    this.#common.idle.push(await this.#makeThread(this.#common));
  }

  /**
   * Calls `method` on a thread of its own and resolves to the results. Rejects as ImportedCapability.ask does, and with
   * `overloaded` when the node is still at an earlier call of it that was late, so that one that hangs takes one thread and
   * not all, or when every thread is stuck. Refuses a method that is not in the table of calls.ts.
   */
  async call<P extends ContextParams, R extends Struct, T = R>(
    capability: ImportedCapability,
    method: Method<P, R>,
    fill: (params: P) => void = () => {},
    options: ThreadCallOptions<R, T> = {},
  ): Promise<T> {
    if (!isAllowed(method)) {
      const name = `${method.interfaceName}.${method.methodName}`;
      throw new RpcError("failed", `${name} is not a method that the exporter may call`);
    }
    if (this.#isClosing || (this.#isLeaving && options.isForLeaving !== true))
      throw new RpcError("disconnected", "the exporter is leaving the node");
    const key = keyOf(capability, method, options);
    if ([...this.#late.values()].includes(key)) {
      throw new RpcError("overloaded", "the node is still at an earlier call of it");
    }
    const pool = this.#poolFor(options.isForLeaving === true);
    this.#underWay++;
    const thread = await this.#lendThread(pool).catch((error) => {
      this.#ended();
      throw error;
    });
    if (options.mayBeLeft === true) this.#ended();
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
    const { lateAfterMs } = options;
    const lateTimer =
      lateAfterMs === undefined ? undefined : setTimeout(() => this.#late.set(question, key), lateAfterMs);
    question.returned.then(() => {
      clearTimeout(lateTimer);
      this.#late.delete(question);
      pool.idle.push(thread);
      if (options.mayBeLeft !== true) this.#ended();
    });
    return question.results;
  }

  /**
   * Makes calls that are never canceled, so that a late answer can still be used: their callers have timeouts of their own.
   * After `lateAfterMs` they count as late.
   */
  uncanceled(lateAfterMs: number): Threads {
    return {
      call: (capability, method, fill, options) =>
        this.call(capability, method, fill, { deadlineMs: NO_DEADLINE_MS, lateAfterMs, ...options }),
    };
  }

  /** From now on only calls that leave the node are made. */
  startLeaving(): void {
    this.#isLeaving = true;
  }

  /**
   * Begins no more calls, and resolves when the node has returned those that are under way: a pr/trace node dies when a
   * connection ends during a call, or a thread before its first one.
   */
  quiet(): Promise<void> {
    this.#isClosing = true;
    return new Promise((resolve) => {
      if (this.#underWay === 0) resolve();
      else this.#onQuiet.push(resolve);
    });
  }

  /** Gives all threads back to the node, which ends each once its call is done. */
  close(): void {
    for (const thread of this.#threads) thread.close();
    this.#threadMap.close();
  }

  #ended(): void {
    this.#underWay--;
    if (this.#underWay === 0) for (const resolve of this.#onQuiet.splice(0)) resolve();
  }

  /** Where a thread is idle, or else may still be made; the common ones first. */
  #poolFor(isForLeaving: boolean): Pool {
    const pools = isForLeaving ? [this.#common, this.#reserve] : [this.#common];
    const pool = pools.find(({ idle }) => idle.length > 0) ?? pools.find(({ made, max }) => made < max);
    if (pool !== undefined) return pool;
    const count = pools.reduce((sum, { max }) => sum + max, 0);
    throw new RpcError("overloaded", `all ${count} threads of the node are stuck in earlier calls`);
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

type AnyMethod = Pick<Method<Struct, Struct>, "interfaceId" | "methodId">;

/**
 * Equal for calls of which one that is late stops the other. Calls that may be left are waits, each as long as it is given:
 * one for the next tip says nothing of one of no length, by which some nodes are asked whether they stop.
 */
function keyOf(
  { importId }: ImportedCapability,
  { interfaceId, methodId }: AnyMethod,
  options: Pick<ThreadCallOptions, "subject" | "mayBeLeft" | "deadlineMs">,
): string {
  const { subject = "", mayBeLeft, deadlineMs } = options;
  const waitMs = mayBeLeft === true ? deadlineMs : undefined;
  return [importId, interfaceId, methodId, subject, waitMs].join(" ");
}
