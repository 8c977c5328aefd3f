// One call by the peer, from its Call until both our Return and its Finish are done.

import type { Payload } from "capnp-es/capnp/rpc";
import type { ImportedCapability } from "./capability.ts";

export class Answer {
  readonly id: number;
  /** The size of the Call's frame. */
  readonly sizeBytes: number;
  /** Calls on a promised answer wait for this. */
  readonly results: Promise<Payload>;
  readonly #settle = Promise.withResolvers<Payload>();
  #payload: Payload | undefined;
  /** Our method has ended, with results or an exception. */
  isReturned = false;
  /** Capabilities that arrived with the parameters. */
  paramImports: readonly ImportedCapability[] = [];
  /** Exports in the results, each as often as it was sent. */
  resultExports: readonly number[] = [];
  /** Call.sendResultsTo.yourself: the results stay here, for a later Return with takeFromOtherQuestion. */
  toYourself = false;
  /** The peer's Finish was received. */
  finished = false;
  /** Finish.releaseResultCaps. */
  releaseResults = false;

  constructor(id: number, sizeBytes: number) {
    this.id = id;
    this.sizeBytes = sizeBytes;
    this.results = this.#settle.promise;
    this.results.catch(() => {});
  }

  /** The results once returned, for descriptors and targets that point into them. */
  get payload(): Payload | undefined {
    return this.#payload;
  }

  resolve(payload: Payload): void {
    this.#payload = payload;
    this.isReturned = true;
    this.#settle.resolve(payload);
  }

  reject(error: unknown): void {
    this.isReturned = true;
    this.#settle.reject(error);
  }
}
