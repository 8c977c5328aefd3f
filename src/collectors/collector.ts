// What a collector is: the families of one subject, and all that can fill them. The exporter owns the timer, the order
// (src/poller.ts) and the connection; a collector only says what to ask of which source and where the answer goes.

import type { Gauge } from "../metrics/cells.ts";
import type { RpcMethod } from "../node/calls.ts";
import type { ChainEvents } from "../node/chain-notifications.ts";
import type { JsonValue } from "../node/json.ts";
import type { JsonRpc, RpcRequest } from "../node/json-rpc.ts";
import type { MiningQueries, Tip } from "../node/mining.ts";
import type { NodeQueries } from "../node/node-queries.ts";
import type { UtxoCacheEvents } from "../node/utxo-cache-trace.ts";

export interface Collector {
  /** Asked of Chain and Node, where the node offers both. */
  readonly queryPolls?: readonly Poll<NodeQueries>[];
  /** Asked by JSON-RPC, where the node answers that over IPC. */
  readonly rpcPolls?: readonly RpcPoll[];
  /** Asked of Mining, where the node offers nothing else. */
  readonly miningPolls?: readonly Poll<MiningQueries>[];
  /** Asked once for each new tip, where the node answers JSON-RPC and is not in initial block download. */
  readonly tipPolls?: readonly TipPoll[];
  /** Told of what happens in the node's chain and mempool. No two collectors take the same event. */
  readonly events?: Partial<ChainEvents>;
  /** Told of what happens in the node's UTXO cache. */
  readonly utxoCacheEvents?: UtxoCacheEvents;
  /** Whether the node tells that now; undefined where it cannot, or should not. */
  setUtxoTraceActive?(isActive: boolean | undefined): void;
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
        setOrClear(gauge, value);
        return value;
      } catch (error) {
        gauge.clear();
        throw error;
      }
    },
    clear: () => gauge.clear(),
  };
}

/** Shows the value, true as 1 and false as 0; without one there is no sample. */
export function setOrClear(gauge: Gauge, value: PollValue): void {
  if (value === undefined) gauge.clear();
  else gauge.set(typeof value === "boolean" ? Number(value) : value);
}

/** One JSON-RPC method and the families that its result fills (rpc-poll.ts makes them). */
export interface RpcPoll {
  readonly method: RpcMethod;
  readonly params?: RpcRequest["params"];
  /** Asked at every so manieth poll only; 1 unless said. For methods that cost the node more. */
  readonly every?: number;
  /** Its families are all given by Chain and Node too: no need to ask where those were asked. */
  readonly isSeedsOnly: boolean;
  /**
   * Sets its families from the method's result. `seeds` is whether those that Chain and Node give too should be set:
   * false where those were asked. Throws when something is not what the method is known to answer; then the families
   * concerned have no sample, the others are set, and there is nothing to clear.
   */
  read(result: JsonValue, seeds: boolean): void;
  /** The node is gone, or the method failed: no sample until it is asked again. `seeds` as in `read`. */
  clear(seeds: boolean): void;
}

/** One question about a block that became the tip, and the families that its answer fills. */
export interface TipPoll {
  readonly method: RpcMethod;
  /** Asks and sets. When it rejects, or the node has no such data, its families have no sample. */
  run(rpc: JsonRpc, tip: Tip): Promise<void>;
  /** The node is gone: no sample until it is asked again. */
  clear(): void;
}
