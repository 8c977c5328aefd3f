// A capability that the peer hosts, as its users hold it: to call, to pass on, to close.

import { type Call, type Client, clientFromResolution, isDataCall, type Method, type Struct, utils } from "capnp-es";
import { RpcError } from "./errors.ts";
import type { CallOptions, Question } from "./question.ts";

type Answer<R extends Struct> = ReturnType<typeof answerOf<R>>;

/** What a capability needs of its connection. */
export interface CapabilityHost {
  ask<P extends Struct, R extends Struct>(
    capability: ImportedCapability,
    method: Method<P, R>,
    fill: (params: P) => void,
    options: CallOptions,
  ): Question<R>;
  closeImport(capability: ImportedCapability): void;
}

/**
 * One handle on an import. Each handle is closed once; when the last one is, the peer gets a single Release. It is a
 * Client of capnp-es too, so generated classes take it in messages and can call it.
 */
export class ImportedCapability implements Client {
  readonly importId: number;
  readonly host: CapabilityHost;
  /** Set by the connection when a promise that the peer exported was resolved to an exception: calls reject with it. */
  broken: RpcError | undefined;
  #open = true;
  #retained = false;

  constructor(host: CapabilityHost, importId: number) {
    this.host = host;
    this.importId = importId;
  }

  /** Calls `method` with the parameters that `fill` writes. Never throws: failures reject the question's results. */
  ask<P extends Struct, R extends Struct>(
    method: Method<P, R>,
    fill: (params: P) => void = () => {},
    options: CallOptions = {},
  ): Question<R> {
    return this.host.ask(this, method, fill, options);
  }

  /** The generated clients' way to call. */
  call<P extends Struct, R extends Struct>(call: Call<P, R>): Answer<R> {
    const fill = (params: P) => (isDataCall(call) ? utils.copyFrom(call.params, params) : call.paramsFunc?.(params));
    return answerOf(this.ask(call.method, fill).results);
  }

  get isOpen(): boolean {
    return this.#open;
  }

  get isRetained(): boolean {
    return this.#retained;
  }

  /** Inside a hosted method: keeps a capability of the parameters beyond the call. Its keeper closes it. */
  retain(): this {
    this.#retained = true;
    return this;
  }

  /** Gives the capability back. A second close does nothing. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.host.closeImport(this);
  }
}

/**
 * The handle in a client that came with results.
 * @throws RpcError when the peer gave null, or what is no capability of the peer's.
 */
export function importOf(client: Client): ImportedCapability {
  if (client instanceof ImportedCapability) return client;
  throw new RpcError("failed", "the peer gave no capability");
}

/** A generated client's view of results that are on their way. Calls on them wait for the results: no pipelining. */
function answerOf<R extends Struct>(results: Promise<R>) {
  // A rejection that nobody waits for is not an unhandled one, as with Question.results.
  results.catch(() => {});
  return {
    struct: () => results,
    pipelineCall<P2 extends Struct, R2 extends Struct>(transform: Transform, call: Call<P2, R2>) {
      return answerOf<R2>(results.then((struct) => clientFromResolution(transform, struct).call(call).struct()));
    },
    pipelineClose(transform: Transform): void {
      results.then((struct) => clientFromResolution(transform, struct).close()).catch(() => {});
    },
  };
}
type Transform = Parameters<typeof clientFromResolution>[0];
