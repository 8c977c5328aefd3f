// Records the events of a node as lines, in order.

import type { ChainEvents } from "../../src/node/chain-notifications.ts";
import type { UtxoCacheEvents } from "../../src/node/utxo-cache-trace.ts";
import type { RecordedFrame } from "./recorded-frames.ts";

export interface EventLog {
  readonly chain: ChainEvents;
  readonly utxoCache: UtxoCacheEvents;
  /** The events since the last call, such as "blockConnected 121" or "add 5000000000". */
  take(): string[];
}

export function eventLog(): EventLog {
  const lines: string[] = [];
  const log =
    (name: string) =>
    (...values: number[]) =>
      void lines.push([name, ...values].join(" "));
  const logCoin = (name: string) => (low: number, high: number) =>
    void lines.push(`${name} ${(BigInt(high) << 32n) + BigInt(low >>> 0)}`);
  return {
    chain: {
      transactionAddedToMempool: log("transactionAddedToMempool"),
      transactionRemovedFromMempool: log("transactionRemovedFromMempool"),
      blockConnected: log("blockConnected"),
      blockDisconnected: log("blockDisconnected"),
      updatedBlockTip: log("updatedBlockTip"),
      chainStateFlushed: log("chainStateFlushed"),
    },
    utxoCache: { add: logCoin("add"), spend: logCoin("spend"), uncache: logCoin("uncache") },
    take: () => lines.splice(0),
  };
}

/** The events that a recorded Call should cause, by its manifest. */
export function expectedEvents({ call, params }: RecordedFrame): string[] {
  const [, method] = call!.split(".");
  switch (method) {
    case "destroy":
      return [];
    case "transactionAddedToMempool":
      return [`${method} ${params!["txBytes"]}`];
    case "transactionRemovedFromMempool":
      return [`${method} ${params!["reason"]}`];
    case "blockConnected":
    case "blockDisconnected":
      return [`${method} ${params!["height"]}`];
    case "add":
    case "spend":
    case "uncache":
      return [`${method} ${params!["value"]}`];
    default:
      return [`${method}`];
  }
}
