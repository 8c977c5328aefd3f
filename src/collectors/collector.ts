// What a collector is: the families of one subject, and the polls that fill those that are asked for. The exporter owns the
// timer and runs the polls one after the other.

import type { Gauge } from "../metrics/cells.ts";
import type { NodeQueries } from "../node/node-queries.ts";

export interface Collector {
  readonly polls: readonly Poll[];
}

/** One question to the node and the cell that its answer goes to. */
export interface Poll {
  /** Interface and method, as `bitcoin_ipc_call_errors_total{method}` names it. */
  readonly method: string;
  /** Asks and sets the cell; resolves to what was set. When it rejects, the cell has no sample. */
  run(queries: NodeQueries): Promise<PollValue>;
  /** The node is gone: no sample until it is asked again. */
  clear(): void;
}

/** `undefined`: the node has no such value. */
export type PollValue = number | bigint | boolean | undefined;

export function poll(method: string, gauge: Gauge, ask: (queries: NodeQueries) => Promise<PollValue>): Poll {
  return {
    method,
    async run(queries) {
      try {
        const value = await ask(queries);
        if (value === undefined) gauge.clear();
        else gauge.set(typeof value === "boolean" ? Number(value) : value);
        return value;
      } catch (error) {
        gauge.clear();
        throw error;
      }
    },
    clear: () => gauge.clear(),
  };
}
