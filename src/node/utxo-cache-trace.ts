// UtxoCacheTrace: our object that the node calls for each coin that it adds to its UTXO cache, spends, or removes. The node's
// validation waits for each answer. These calls are the most frequent ones.

import { HotReader } from "../rpc/hot-reader.ts";
import { UtxoCacheTrace$Client, UtxoCacheTrace$Server, type UtxoInfo } from "../schema/tracing.ts";
import { readInt32 } from "../wire/words.ts";
import type { DebugLine } from "./chain-notifications.ts";
import { displayHash } from "./hash.ts";

/**
 * Handles the events of the UTXO cache. A coin's value, in satoshis, comes as the two 32-bit halves of a signed 64-bit integer: a
 * bigint would be an allocation per event.
 */
export interface UtxoCacheEvents {
  add(valueLow: number, valueHigh: number): void;
  spend(valueLow: number, valueHigh: number): void;
  uncache(valueLow: number, valueHigh: number): void;
}

/** The object to register with Tracing.traceUtxoCache. With `debug`, each call is described in a line. */
export function utxoCacheTraceServer(events: UtxoCacheEvents, debug: DebugLine = () => {}): UtxoCacheTrace$Server {
  const report = (name: "add" | "spend" | "uncache", coin: UtxoInfo) => {
    const { value } = coin;
    events[name](Number(BigInt.asIntN(32, value)), Number(value >> 32n));
    debug(`utxo cache ${name}: ${describe(coin)}`);
  };
  return new UtxoCacheTrace$Server({
    async destroy() {},
    async add({ utxoInfo }) {
      report("add", utxoInfo);
    },
    async spend({ utxoInfo }) {
      report("spend", utxoInfo);
    },
    async uncache({ utxoInfo }) {
      report("uncache", utxoInfo);
    },
  });
}

function describe(coin: UtxoInfo): string {
  const outpoint = `${displayHash(coin.outpointHash.toUint8Array())}:${coin.outpointN}`;
  return `outpoint=${outpoint} value=${coin.value} height=${coin.height} coinbase=${coin.isCoinbase}`;
}

/*
 * What is read by offset: parameters have one pointer, utxoInfo.
 * UtxoInfo, 3 data words: outpointN (32) · height (32) · value Int64 at byte 8 · isCoinbase (bit 128)
 */
const ADD = 1;
const SPEND = 2;
const UNCACHE = 3;

const UTXO_INFO = 0;
const VALUE_AT = 8;

/** Reads the same calls by offset, except destroy. */
export function utxoCacheTraceReader(events: UtxoCacheEvents): HotReader {
  return new HotReader(UtxoCacheTrace$Client.interfaceId, (methodId, params) => {
    if (methodId < ADD || methodId > UNCACHE) return false;
    if (!params.followSlot(UTXO_INFO) || params.dataBytes < VALUE_AT + 8) return false;
    const valueLow = readInt32(params.bytes, params.data + VALUE_AT);
    const valueHigh = readInt32(params.bytes, params.data + VALUE_AT + 4);
    if (methodId === ADD) events.add(valueLow, valueHigh);
    else if (methodId === SPEND) events.spend(valueLow, valueHigh);
    else events.uncache(valueLow, valueHigh);
    return true;
  });
}
