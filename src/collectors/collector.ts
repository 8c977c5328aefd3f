// What a collector is: the families of one subject, and the polls that fill those that are asked for. The exporter owns the
// timer and the order (src/poller.ts); a collector only says what to ask of which source and where the answer goes.

import type { Gauge } from "../metrics/cells.ts";
import type { RpcMethod } from "../node/calls.ts";
import type { JsonValue } from "../node/json.ts";
import type { RpcRequest } from "../node/json-rpc.ts";
import type { MiningQueries } from "../node/mining.ts";
import type { NodeQueries } from "../node/node-queries.ts";

export interface Collector {
  /** Asked of Chain and Node, where the node offers both. */
  readonly queryPolls?: readonly Poll<NodeQueries>[];
  /** Asked by JSON-RPC, where the node answers that over IPC. */
  readonly rpcPolls?: readonly RpcPoll[];
  /** Asked of Mining, where the node offers nothing else. */
  readonly miningPolls?: readonly Poll<MiningQueries>[];
}

/** One question and the cell that its answer goes to. */
export interface Poll<Source> {
  /** Interface and method, as `bitcoin_ipc_call_errors_total{method}` names it. */
  readonly method: string;
  /** Asks and sets the cell; resolves to what was set. When it rejects, the cell has no sample. */
  run(source: Source): Promise<PollValue>;
  /** The node is gone: no sample until it is asked again. */
  clear(): void;
}

/** `undefined`: the node has no such value. */
export type PollValue = number | bigint | boolean | undefined;

export function poll<Source>(method: string, gauge: Gauge, ask: (source: Source) => Promise<PollValue>): Poll<Source> {
  return {
    method,
    async run(source) {
      try {
        const value = await ask(source);
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

/** One JSON-RPC method and the cells that its result fills. All that are due at a poll go to the node together. */
export interface RpcPoll {
  readonly method: RpcMethod;
  readonly params?: RpcRequest["params"];
  /** Asked at every so manieth poll only; 1 unless said. For methods that cost the node more. */
  readonly every?: number;
  /**
   * Sets the cells from the method's result. `seeds` is whether the families that Chain and Node give too should be set:
   * false where those were asked. Throws when the result is not what the method is known to answer.
   */
  read(result: JsonValue, seeds: boolean): void;
  /** The node is gone, or the method failed: no sample until it is asked again. `seeds` as in `read`. */
  clear(seeds: boolean): void;
}
