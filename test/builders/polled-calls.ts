// The polled calls of a collector, and answers to them, without a node.

import type { Collector, NewTip, Reported } from "../../src/collectors/collector.ts";
import type { JsonValue } from "../../src/node/json.ts";
import type { JsonRpc, RpcRequest } from "../../src/node/json-rpc.ts";
import type { MiningQueries } from "../../src/node/mining.ts";
import type { NodeQueries } from "../../src/node/node-queries.ts";
import { choosePolledCalls, type PolledCalls, type SourceKind } from "../../src/session/polled-calls.ts";
import { TipPolls } from "../../src/session/tip-polls.ts";
import { parseJson } from "./json.ts";

export type { PolledCalls, SourceKind };

type Families = Pick<Collector, "polled">;

/** The calls of a session with a node that supports these sources, by default JSON-RPC. */
export function callsOf({ polled = [] }: Families, ...kinds: SourceKind[]): PolledCalls {
  return choosePolledCalls(polled, new Set(kinds.length === 0 ? ["jsonRpc"] : kinds));
}

/** Shows `answer`, as JSON text, as the result of each call with this method and parameters. */
export function answerRpc(collector: Families, method: string, answer: string, params: readonly unknown[] = []): void {
  for (const call of callsOf(collector).jsonRpc) {
    const { source } = call;
    if (source.method !== method || JSON.stringify(source.params ?? []) !== JSON.stringify(params)) continue;
    const result = resultOf(source, parseJson(answer));
    call.show((part) => part.read(result));
  }
}

/** The value of an answer to this request. A list that is read item by item becomes the number of its items. */
export function resultOf({ items }: RpcRequest, answer: JsonValue): JsonValue {
  if (items === undefined || !Array.isArray(answer)) return answer;
  if (items !== "count") for (const item of answer) items(item);
  return answer.length;
}

/** Calls `node` or `mining` for the collector's families. A failed call removes the samples. */
export async function ask(collector: Families, source: { node?: NodeQueries; mining?: MiningQueries }): Promise<void> {
  const { node, mining } = source;
  for (const call of callsOf(collector, "node").node) {
    if (node === undefined) break;
    await call.source.read(node).then(
      (value) => call.show(() => value),
      () => call.clear(),
    );
  }
  for (const call of callsOf(collector, "mining").mining) {
    if (mining === undefined) break;
    await call.source.read(mining).then(
      (value) => call.show(() => value),
      () => call.clear(),
    );
  }
}

/** Makes the calls for a block, as when it becomes the tip; resolves to the errors. */
export async function readTip(calls: PolledCalls["block"], rpc: JsonRpc, block: NewTip): Promise<string[]> {
  const errors: string[] = [];
  const polls = new TipPolls({
    client: { jsonRpc: rpc, isOver: false },
    calls,
    mayBeSyncing: () => false,
    onError: (_, error) => errors.push((error as Error).message),
  });
  polls.tipChanged(block, block.arrivedMs);
  // Answers that wait for nothing are all shown before the next turn.
  await Bun.sleep(0);
  return errors;
}

/** Sessions that report every event, and tips only. */
export const ALL_EVENTS: Reported = { notifications: true, utxoTrace: true };
export const TIPS_ONLY: Reported = { notifications: false, utxoTrace: false };

/** As at the end of a session. */
export function clearAll({ polled = [] }: Families): void {
  for (const { target } of polled) target.clear();
}
