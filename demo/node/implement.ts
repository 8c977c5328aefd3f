// Completes the methods of a generated server: each checks the thread that it is called on, and methods that the simulated
// node lacks answer `unimplemented`.

import type { Client, Struct } from "capnp-es";
import { RpcError } from "../../src/rpc/errors.ts";
import type { Context } from "../../src/schema/mp/proxy.ts";

/** Some methods of a generated `$Server$Target`, asynchronous or not. */
export type Methods<T> = {
  readonly [M in keyof T]?: T[M] extends (params: infer P, results: infer R) => unknown
    ? (params: P, results: R) => void | Promise<void>
    : never;
};

/** Parameters of a method that runs on a thread of the node. */
interface ContextParams {
  readonly context: Context;
  _hasContext(): boolean;
}

/**
 * A target with every method of `all`, an interface's. `threads` are those that the client may name. `mayRun` may throw the
 * error that a method, given by name, answers instead.
 */
export function implement<T>(
  all: readonly { readonly methodName?: string }[],
  threads: ReadonlySet<Client>,
  methods: Methods<NoInfer<T>>,
  mayRun: (method: string) => void = () => {},
): T {
  const target = all.map(({ methodName }) => {
    const name = methodName!;
    const run = methods[name as keyof T] as ((params: Struct, results: Struct) => unknown) | undefined;
    const answer = async (params: Struct, results: Struct) => {
      if (hasContext(params) && !runsOn(params, threads)) throw new RpcError("failed", "invalid thread handle");
      if (run === undefined) throw new RpcError("unimplemented", `the simulated node has no ${name}`);
      mayRun(name);
      await run(params, results);
    };
    return [name, answer];
  });
  return Object.fromEntries(target) as T;
}

function hasContext(params: Struct): params is Struct & ContextParams {
  return "_hasContext" in params;
}

function runsOn(params: ContextParams, threads: ReadonlySet<Client>): boolean {
  return params._hasContext() && threads.has(params.context.thread.client);
}
