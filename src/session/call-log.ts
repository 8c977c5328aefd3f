// What the log and the metrics say of failed calls of one session: a node that stalls, a method that the node does not have.

import type { ExporterCollector } from "../collectors/exporter.ts";
import { failureOf, isPermanent } from "../node/json-rpc.ts";
import { DeadlineError, errorText } from "../rpc/errors.ts";

/** So many failed deadlines in a row mean a node that is stalled. One may be a slow method. */
const STALLED_CALLS = 2;

export interface CallLogOptions {
  readonly metrics: Pick<ExporterCollector, "callFailed">;
  readonly log: (line: string) => void;
  readonly debug: (line: string) => void;
}

export class CallLog {
  readonly #options: CallLogOptions;
  /** Methods whose refusal by the node was logged. */
  readonly #loggedMethods = new Set<string>();
  /** Calls of polls in a row that missed their deadline. */
  #unanswered = 0;

  constructor(options: CallLogOptions) {
    this.#options = options;
  }

  /** A method that this node does not answer at all is no failed call: the log says so once, and it has no sample. */
  failed(method: string, error: unknown): void {
    const { metrics, log, debug } = this.#options;
    const failure = failureOf(error);
    debug(`${method} failed: ${errorText(error)}`);
    if (!isPermanent(error)) metrics.callFailed(method);
    // An option of the node that switches off what a method reads is meant so.
    if ((failure !== "missing" && failure !== "refused") || this.#loggedMethods.has(method)) return;
    this.#loggedMethods.add(method);
    const reason = failure === "missing" ? `the node does not support ${method}` : errorText(error);
    log(`${reason}; its metrics have no sample on this connection`);
  }

  /** A call of a poll failed. */
  pollFailed(method: string, error: unknown): void {
    this.failed(method, error);
    if (!(error instanceof DeadlineError)) return;
    this.#unanswered++;
    if (this.#unanswered === STALLED_CALLS) this.#options.log(`the node is stalled: ${error.message}; still polling`);
  }

  /** A call of a poll was answered, perhaps late. */
  pollAnswered(): void {
    if (this.#unanswered >= STALLED_CALLS) this.#options.log("the node answers again");
    this.#unanswered = 0;
  }
}
