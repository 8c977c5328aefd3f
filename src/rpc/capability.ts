// A capability that the peer hosts, for its users.

import type { Client, Method, Struct } from "capnp-es";
import { RpcError } from "./errors.ts";
import type { CallOptions, Question } from "./question.ts";

/** Sends a call on one of the connection's capabilities: Questions.ask. */
export type Ask = <P extends Struct, R extends Struct, T>(
  capability: ImportedCapability,
  method: Method<P, R>,
  fill: (params: P) => void,
  options: CallOptions<R, T>,
) => Question<T>;

/**
 * One handle on an import. Each handle is closed once; closing the last one sends the peer a single Release. Handles that
 * arrive with the parameters or results of a call are closed with the call unless they are retained.
 */
export class ImportedCapability implements Client {
  readonly importId: number;
  /** Set when a promise that the peer exported resolved to an exception: calls reject with it. */
  broken: RpcError | undefined;
  readonly #ask: Ask;
  readonly #onClose: (handle: ImportedCapability) => void;
  #isOpen = true;
  #isRetained = false;

  constructor(importId: number, ask: Ask, onClose: (handle: ImportedCapability) => void) {
    this.importId = importId;
    this.#ask = ask;
    this.#onClose = onClose;
  }

  /** Calls `method` with the parameters that `fill` writes. Never throws: failures reject the question's results. */
  ask<P extends Struct, R extends Struct, T = R>(
    method: Method<P, R>,
    fill: (params: P) => void = () => {},
    options: CallOptions<R, T> = {},
  ): Question<T> {
    return this.#ask(this, method, fill, options);
  }

  /** Required of a Client. Generated classes carry capabilities in messages; calls go through `ask`. */
  call(): never {
    throw new RpcError("failed", "generated clients cannot call: use ImportedCapability.ask");
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get isRetained(): boolean {
    return this.#isRetained;
  }

  /** Keeps the handle beyond the call that it arrived with; the caller closes it. */
  retain(): this {
    this.#isRetained = true;
    return this;
  }

  /** Releases the handle. A second close does nothing. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#onClose(this);
  }
}

/**
 * Retains the capability in a client that arrived with results, while CallOptions.read reads them.
 * @throws RpcError when the peer sent null or a capability that it does not host, or when the handle is closed.
 */
export function importOf(client: Client): ImportedCapability {
  if (!(client instanceof ImportedCapability)) throw new RpcError("failed", "the peer sent no capability");
  if (!client.isOpen) throw new RpcError("failed", "the capability was released with its call");
  return client.retain();
}
