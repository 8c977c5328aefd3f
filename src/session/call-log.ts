// Reports failed calls of one session, in the log and as metrics: a node that stalls, a method that the node does not support.

import type { ExporterCollector } from "../collectors/exporter.ts";
import { failureOf, isPermanent, RefusedError } from "../node/json-rpc.ts";
import { StoppingError } from "../node/layouts.ts";
import { DeadlineError, errorText } from "../rpc/errors.ts";

/** After this many missed deadlines in a row the node counts as stalled. A single one may be a slow method. */
const STALLED_CALLS = 2;

export interface CallLogOptions {
  readonly metrics: Pick<ExporterCollector, "callFailed">;
  readonly log: (line: string) => void;
  readonly debug: (line: string) => void;
}

export class CallLog {
  readonly #options: CallLogOptions;
  /** Methods that the log has reported as missing, and `refused` once it has reported a refused one. */
  readonly #logged = new Set<string>();
  /** Polled calls in a row that missed their deadline. */
  #unanswered = 0;

  constructor(options: CallLogOptions) {
    this.#options = options;
  }

  /** A call failed. A method that this node does not support, refuses or has disabled does not count as a failed call. */
  failed(method: string, error: unknown): void {
    const { metrics, debug } = this.#options;
    debug(`${method} failed: ${errorText(error)}`);
    if (error instanceof StoppingError) return;
    if (!isPermanent(error)) metrics.callFailed(method);
    // A method that an option of the node disables is not logged: its operator chose that.
    if (failureOf(error) === "missing")
      this.#logOnce(method, `the node does not support ${method}; its metrics have no sample on this connection`);
    // One line for all refused methods: its remedy allows all of them.
    if (error instanceof RefusedError) {
      const effect = "metrics of refused methods have no sample on this connection";
      this.#logOnce("refused", `${errorText(error)}; ${effect}; ${error.remedy}`);
    }
  }

  #logOnce(subject: string, line: string): void {
    if (!this.#logged.has(subject)) this.#options.log(line);
    this.#logged.add(subject);
  }

  /** A polled call failed. */
  pollFailed(method: string, error: unknown): void {
    this.failed(method, error);
    if (!(error instanceof DeadlineError)) return;
    this.#unanswered++;
    if (this.#unanswered === STALLED_CALLS) this.#options.log(`the node is stalled: ${error.message}; still polling`);
  }

  /** A polled call was answered, perhaps late. */
  pollAnswered(): void {
    if (this.#unanswered >= STALLED_CALLS) this.#options.log("the node answers again");
    this.#unanswered = 0;
  }
}
