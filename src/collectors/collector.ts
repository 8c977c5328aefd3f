// A collector: the families of one subject, and the sources of each. The session (src/session) owns timers, order and connection;
// a collector declares which calls to make and where the answers go.

import type { Gauge } from "../metrics/cells.ts";
import type { RpcMethod } from "../node/calls.ts";
import type { ChainEvents } from "../node/chain-notifications.ts";
import type { JsonValue } from "../node/json.ts";
import type { JsonRpc, RpcRequest } from "../node/json-rpc.ts";
import type { MiningQueries, Tip } from "../node/mining.ts";
import type { NodeQueries } from "../node/node-queries.ts";
import type { UtxoCacheEvents } from "../node/utxo-cache-trace.ts";

export interface Collector {
  /** Families whose values are polled. */
  readonly polled?: readonly PolledFamily[];
  /** Handles events of the node's chain and mempool. No two collectors handle the same event. */
  readonly events?: Partial<ChainEvents>;
  /** Handles events of the node's UTXO cache. */
  readonly utxoCacheEvents?: UtxoCacheEvents;
  /** A session begins: from now on, counters of events that the node reports have a sample. */
  startSession?(reported: Reported): void;
  /** The session is over: clears values that events set. The session itself clears polled families. */
  endSession?(): void;
  /** Whether the UTXO trace is active; undefined if it is disabled or not supported. */
  setUtxoTraceActive?(isActive: boolean | undefined): void;
}

/** Which events a session reports. Changes of the tip are always reported. */
export interface Reported {
  /** Blocks, mempool changes and flushes, by notifications. */
  readonly notifications: boolean;
  readonly utxoTrace: boolean;
}

/** Where the answer of a source is shown. */
export interface Target<Value> {
  /** Throws when the value cannot be shown; then there is no sample. */
  set(value: Value): void;
  /** Removes the samples. */
  clear(): void;
}

/** A target and the sources of its value, in order of preference. A session uses the first one that the node supports. */
export interface PolledFamily<Value = unknown> {
  readonly target: Target<Value>;
  /** Whether a new tip changes the value. Such a family is polled again soon after each new tip. */
  readonly followsTip?: boolean;
  readonly sources: readonly Source<Value>[];
}

export type Source<Value = unknown> = NodeSource<Value> | MiningSource<Value> | RpcSource<Value> | BlockSource<Value>;

/** A method of Chain or Node. */
export interface NodeSource<Value> {
  readonly kind: "node";
  /** Interface and method, as `bitcoin_ipc_call_errors_total{method}` has it. */
  readonly method: string;
  read(node: NodeQueries): Promise<Value>;
}

/** A method of Mining. */
export interface MiningSource<Value> {
  readonly kind: "mining";
  /** As in NodeSource. */
  readonly method: string;
  read(mining: MiningQueries): Promise<Value>;
}

/** A part of a JSON-RPC method's result. Families with the same request share one call. */
export interface RpcSource<Value> {
  readonly kind: "jsonRpc";
  readonly method: RpcMethod;
  readonly params?: RpcRequest["params"];
  /** As in RpcRequest: for lists that are too long to keep. */
  readonly items?: RpcRequest["items"];
  /** Called at every Nth poll; 1 if not set. For methods that cost the node more. */
  readonly every?: number;
  /** Whether the node's answers so far show that it accepts the request. If not, the request is not sent. */
  readonly isWanted?: () => boolean;
  /** Throws an Error when the result does not have the expected shape. */
  read(result: JsonValue): Value;
}

/** A part of what JSON-RPC reports of a block. Read once for each block that becomes the tip. */
export interface BlockSource<Value, Answer = unknown> {
  readonly kind: "block";
  readonly method: RpcMethod;
  /** Families with the same `readBlock` share one call. */
  readonly readBlock: ReadBlock<Answer>;
  /** As in RpcSource. */
  read(answer: Answer): Value;
}

/** Resolves to undefined when the node does not have the data of the block: no sample. */
export type ReadBlock<Answer> = (rpc: JsonRpc, block: NewTip) => Promise<Answer | undefined>;

export interface NewTip extends Tip {
  /** When the block became the tip, in Unix milliseconds; undefined for a session's first tip and in initial block download. */
  readonly arrivedMs?: number | undefined;
}

/** `undefined`: the node does not have the value. */
export type PolledValue = number | bigint | boolean | undefined;

/** A family of one gauge. */
export function polled(gauge: Gauge, ...sources: readonly Source<PolledValue>[]): PolledFamily<PolledValue> {
  return polledInto({ set: (value) => setOrClear(gauge, value), clear: () => gauge.clear() }, ...sources);
}

/** A family with several samples, or with a value to be transformed. */
export function polledInto<Value>(target: Target<Value>, ...sources: readonly Source<Value>[]): PolledFamily<Value> {
  return { target, sources };
}

/** The same families, polled again soon after each new tip. */
export function followingTip(families: readonly PolledFamily[]): readonly PolledFamily[] {
  return families.map((family) => ({ ...family, followsTip: true }));
}

/** Shows the value, true as 1 and false as 0; without one there is no sample. */
export function setOrClear(gauge: Gauge, value: PolledValue): void {
  if (value === undefined) gauge.clear();
  else gauge.set(typeof value === "boolean" ? Number(value) : value);
}

type NodeValue<Query extends keyof NodeQueries> = Awaited<ReturnType<NodeQueries[Query]>>;

export function fromNode<Query extends keyof NodeQueries>(
  interfaceName: "Chain" | "Node",
  query: Query,
): NodeSource<NodeValue<Query>> {
  const read = (node: NodeQueries) => node[query]() as Promise<NodeValue<Query>>;
  return { kind: "node", method: `${interfaceName}.${query}`, read };
}

export function fromMining<Value>(
  method: string,
  read: (mining: MiningQueries) => Promise<Value>,
): MiningSource<Value> {
  return { kind: "mining", method, read };
}

/** Reads an answer, or its field of that name. */
type Read<Value, Answer = JsonValue> = (answer: Answer, field: string) => Value;

/** Makes the sources that read results of one JSON-RPC request. */
export function fromRpc(
  method: RpcMethod,
  options: Pick<RpcSource<unknown>, "params" | "items" | "every" | "isWanted"> = {},
) {
  return <Value>(read: Read<Value>, field = ""): RpcSource<Value> => ({
    kind: "jsonRpc",
    method,
    ...options,
    read: (result) => read(result, field),
  });
}

/** Makes the sources that read what `readBlock` resolves to. */
export function fromBlock<Answer>(method: RpcMethod, readBlock: ReadBlock<Answer>) {
  return <Value>(read: Read<Value, Answer>, field = ""): BlockSource<Value, Answer> => ({
    kind: "block",
    method,
    readBlock,
    read: (answer) => read(answer, field),
  });
}
