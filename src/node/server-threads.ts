// The node's threads that run our calls. A node runs one call at a time on a thread and refuses more (v30 even asserts),
// so a thread is lent to one call and comes back with its Return, not with its deadline.

import type { Method, Struct } from "capnp-es";
import type { ImportedCapability } from "../rpc/capability.ts";
import { RpcError } from "../rpc/errors.ts";
import type { CallOptions } from "../rpc/question.ts";
import { type Context, Thread$Client } from "../schema/mp/proxy.ts";
import { CALLS, isAllowed } from "./calls.ts";

/** Parameters of a method that runs on a thread of the node. */
export interface ContextParams extends Struct {
  _initContext(): Context;
}

/** A new thread is made only when calls are stuck on all others. Each is an OS thread of the node. */
const MAX_THREADS = 4;

export class ServerThreads {
  readonly #threadMap: ImportedCapability;
  readonly #name: string;
  readonly #threads: ImportedCapability[] = [];
  readonly #idle: ImportedCapability[] = [];

  /** `name` is what the node calls the threads in its log. */
  constructor(threadMap: ImportedCapability, name: string) {
    this.#threadMap = threadMap;
    this.#name = name;
  }

  /** Makes the first thread, so that a node that cannot is found out at once. Rejects as ImportedCapability.ask does. */
  async start(): Promise<void> {
    this.#idle.push(await this.#makeThread());
  }

  /**
   * Calls `method` on a thread of its own and resolves to the results. Rejects as ImportedCapability.ask does, and with
   * `overloaded` when every thread is stuck in an earlier call. Refuses a method that is not in the table of calls.ts.
   */
  async call<P extends ContextParams, R extends Struct>(
    capability: ImportedCapability,
    method: Method<P, R>,
    fill: (params: P) => void = () => {},
    options: CallOptions = {},
  ): Promise<R> {
    if (!isAllowed(method)) {
      throw new RpcError(
        "failed",
        `${method.interfaceName}.${method.methodName} is not a method that the exporter may call`,
      );
    }
    const thread = this.#idle.pop() ?? (await this.#makeThread());
    const question = capability.ask(
      method,
      (params) => {
        params._initContext().thread = new Thread$Client(thread);
        fill(params);
      },
      options,
    );
    question.returned.then(() => this.#idle.push(thread));
    return question.results;
  }

  /** Gives all threads back to the node, which ends each once its call is done. */
  close(): void {
    for (const thread of this.#threads) thread.close();
    this.#threadMap.close();
  }

  async #makeThread(): Promise<ImportedCapability> {
    if (this.#threads.length === MAX_THREADS) {
      throw new RpcError("overloaded", `all ${MAX_THREADS} threads of the node are stuck in earlier calls`);
    }
    const fill = (params: { name: string }) => {
      params.name = this.#name;
    };
    const { result } = await this.#threadMap.ask(CALLS.threadMap.makeThread, fill).results;
    const thread = result.client as ImportedCapability;
    this.#threads.push(thread);
    return thread;
  }
}
