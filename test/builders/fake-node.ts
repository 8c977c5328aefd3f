// A small pr/trace node in memory: the generated server classes behind one of our own connections. It records its calls, runs one
// call at a time on a thread as real nodes do, and can refuse calls or delay their answers.

import { type Client, Server } from "capnp-es";
import type { NodeCapabilities } from "../../src/node/handshake.ts";
import type { ImportedCapability } from "../../src/rpc/capability.ts";
import type { Connection } from "../../src/rpc/connection.ts";
import { RpcError } from "../../src/rpc/errors.ts";
import { Chain$Server, type Chain$Server$Target, ChainNotifications$Client } from "../../src/schema/chain.ts";
import { Echo$Server, type Echo$Server$Target } from "../../src/schema/echo.ts";
import { Handler$Server } from "../../src/schema/handler.ts";
import { Init$Server, type Init$Server$Target } from "../../src/schema/init.ts";
import { type Context, Thread$Server, ThreadMap$Server } from "../../src/schema/mp/proxy.ts";
import { Node$Server, type Node$Server$Target } from "../../src/schema/node.ts";
import { Tracing$Server, UtxoCacheTrace$Client } from "../../src/schema/tracing.ts";
import { connectPair, countHotCalls, type Pair } from "./connections.ts";

const [destroyNotifications] = ChainNotifications$Client.methods;
const [destroyTrace] = UtxoCacheTrace$Client.methods;

/** Results by method, such as "Node.getMempoolSize"; set on the results one by one. A function makes them of the parameters. */
export type Values = Readonly<Record<string, object | ((params: never) => object)>>;

/** Parameters of a method that runs on a thread. */
interface OnThread {
  readonly context: Context;
}

/** Calls of a method that are not answered. */
interface Held {
  /** Resolves at the first of them. */
  readonly arrived: Promise<void>;
  /** Answers them, and no later one is held. */
  release(): void;
}

export class FakeNode {
  /** The calls that it received, in order: "Init.construct", "Node.getMempoolSize", … */
  readonly calls: string[] = [];
  /** Objects that the client registered and whose registration has not ended. */
  readonly registered: { name: string; callback: ImportedCapability }[] = [];
  /** Threads that the client requested. */
  readonly threadNames: string[] = [];
  /** Whether it is stopping. */
  isStopping = false;
  /** Methods that return a null capability instead of an object. */
  readonly givesNull = new Set<string>();
  readonly pair: Pair;
  readonly #values: Values;
  readonly #countHotCalls: () => number;
  readonly #busy = new Set<Client>();
  readonly #refusals = new Map<string, Error>();
  readonly #gates = new Map<string, { arrive(): void; readonly opened: Promise<void> }>();

  constructor(options: { values?: Values; deadlineMs?: number } = {}) {
    this.#values = options.values ?? {};
    const client = options.deadlineMs === undefined ? {} : { deadlineMs: options.deadlineMs };
    this.pair = connectPair({ client, server: { bootstrap: this.#init() } });
    this.#countHotCalls = countHotCalls(this.connection);
  }

  /** The client's side. */
  get connection(): Connection {
    return this.pair.client;
  }

  /** The client's calls that its hot path answered. */
  get hotCalls(): number {
    return this.#countHotCalls();
  }

  /** From now on `name` answers with this exception; `undefined` ends that. */
  refuse(name: string, error: Error | undefined): void {
    if (error === undefined) this.#refusals.delete(name);
    else this.#refusals.set(name, error);
  }

  /** From now on calls of `name` are not answered until they are released. */
  hold(name: string): Held {
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
    this.#gates.set(name, { arrive, opened });
    return {
      arrived,
      release: () => {
        this.#gates.delete(name);
        open();
      },
    };
  }

  /** The objects that the client registered with this method. */
  callbackOf(name: string): ImportedCapability {
    return this.registered.find((entry) => entry.name === name)!.callback;
  }

  // ---- its objects ----

  #init(): Init$Server {
    return new Init$Server({
      construct: this.#method("Init.construct", (_, results) => {
        results.threadMap = this.#threadMap().client();
      }),
      makeEcho: this.#onThread("Init.makeEcho", (_, results) => {
        results.result = new Echo$Server({} as Echo$Server$Target).client();
      }),
      makeChain: this.#onThread("Init.makeChain", (_, results) => {
        results.result = this.#chain().client();
      }),
      makeNode: this.#onThread("Init.makeNode", (_, results) => {
        results.result = this.#node().client();
      }),
      // A null capability.
      makeMining: this.#onThread("Init.makeMining", () => {}),
      makeTracing: this.#onThread("Init.makeTracing", (_, results) => {
        results.result = this.#tracing().client();
      }),
    } as Partial<Init$Server$Target> as Init$Server$Target);
  }

  #threadMap(): ThreadMap$Server {
    return new ThreadMap$Server({
      makeThread: this.#method("ThreadMap.makeThread", ({ name }, results) => {
        this.threadNames.push(name);
        results.result = new Thread$Server({ getName: async () => {} }).client();
      }),
    });
  }

  #chain(): Chain$Server {
    const target: Partial<Chain$Server$Target> = {
      shutdownRequested: this.#onThread("Chain.shutdownRequested", () => {}),
      handleNotifications: this.#onThread("Chain.handleNotifications", ({ notifications }, results) => {
        results.result = this.#register("Chain.handleNotifications", notifications.client).client();
      }),
    };
    return new Chain$Server(this.#withValues("Chain", target) as Chain$Server$Target);
  }

  #node(): Node$Server {
    const target: Partial<Node$Server$Target> = {
      shutdownRequested: this.#onThread("Node.shutdownRequested", (_, results) => {
        results.result = this.isStopping;
      }),
    };
    return new Node$Server(this.#withValues("Node", target) as Node$Server$Target);
  }

  #tracing(): Tracing$Server {
    return new Tracing$Server({
      traceUtxoCache: this.#onThread("Tracing.traceUtxoCache", ({ callback }, results) => {
        results.result = this.#register("Tracing.traceUtxoCache", callback.client).client();
      }),
    });
  }

  /** Registers a callback and returns its handler. As a real node, it calls `destroy` before it releases the callback. */
  #register(name: string, client: Client): Handler$Server {
    const callback = (client as ImportedCapability).retain();
    const entry = { name, callback };
    this.registered.push(entry);
    return new Handler$Server({
      destroy: async () => {},
      disconnect: this.#onThread(`${name}: Handler.disconnect`, async () => {
        const isChain = name === "Chain.handleNotifications";
        await (isChain ? callback.ask(destroyNotifications).results : callback.ask(destroyTrace).results);
        callback.close();
        this.registered.splice(this.registered.indexOf(entry), 1);
      }),
    });
  }

  /** Adds methods that return the values which the test chose for this interface. */
  #withValues(interfaceName: string, target: object): object {
    const methods = Object.entries(this.#values).map(([name, values]) => {
      const [ofInterface, methodName = ""] = name.split(".");
      if (ofInterface !== interfaceName) return {};
      const valuesFor = (params: OnThread) => (typeof values === "function" ? values(params as never) : values);
      const method = (params: OnThread, results: object) => Object.assign(results, valuesFor(params));
      return { [methodName]: this.#onThread(name, method) };
    });
    return Object.assign(target, ...methods);
  }

  // ---- how it answers ----

  #method<P, R>(name: string, implementation: (params: P, results: R) => unknown) {
    return async (params: P, results: R): Promise<void> => {
      this.calls.push(name);
      const gate = this.#gates.get(name);
      gate?.arrive();
      await gate?.opened;
      const refusal = this.#refusals.get(name);
      if (refusal !== undefined) throw refusal;
      if (!this.givesNull.has(name)) await implementation(params, results);
    };
  }

  /** A method that runs on the thread which its context names. */
  #onThread<P extends OnThread, R>(name: string, implementation: (params: P, results: R) => unknown) {
    const method = this.#method(name, implementation);
    return async (params: P, results: R): Promise<void> => {
      const { client: thread } = params.context.thread;
      if (!(thread instanceof Server)) throw new RpcError("failed", "invalid thread handle");
      if (this.#busy.has(thread)) throw new RpcError("failed", "thread busy");
      this.#busy.add(thread);
      try {
        await method(params, results);
      } finally {
        this.#busy.delete(thread);
      }
    };
  }
}

/** Releases the capabilities of a handshake. */
export function closeAll({ init, threads, chain, node, tracing, rpc }: NodeCapabilities): void {
  for (const owned of [init, threads, chain, node, tracing, rpc]) owned?.close();
}
