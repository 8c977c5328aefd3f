// One call of the peer's, from its Call to the later of our Return and its Finish.

import type { Payload } from "capnp-es/capnp/rpc";
import type { ImportedCapability } from "./capability.ts";

export class Answer {
  readonly id: number;
  /** What calls on a promised answer wait for. */
  readonly results: Promise<Payload>;
  readonly #settle = Promise.withResolvers<Payload>();
  #payload: Payload | undefined;
  /** Our method is done, with results or without. */
  isReturned = false;
  /** Capabilities that came with the parameters. */
  paramImports: readonly ImportedCapability[] = [];
  /** Exports in the results, each as often as it was sent. */
  resultExports: readonly number[] = [];
  /** The peer asked to keep the results here, for a later Return with takeFromOtherQuestion. */
  toYourself = false;
  /** The peer's Finish came. */
  finished = false;
  /** What that Finish said of the results' capabilities. */
  releaseResults = false;

  constructor(id: number) {
    this.id = id;
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
