// Mining: what a stock node of v30 and v31 offers, and nothing else. Its tip, and waiting for the next one.

import { utils } from "capnp-es";
import type { ImportedCapability } from "../rpc/capability.ts";
import type { BlockRef } from "../schema/common.ts";
import type { Mining_WaitTipChanged$Params } from "../schema/mining.ts";
import { CALLS } from "./calls.ts";
import { displayHash } from "./hash.ts";
import type { LayoutName } from "./layouts.ts";
import type { Threads } from "./server-threads.ts";

/** A block that was the tip. */
export interface Tip {
  /** In display order. */
  readonly hash: string;
  readonly height: number;
}

/** The hash of no block: whoever waits for another tip than this waits for nothing. */
export const NO_TIP: Tip = { hash: "00".repeat(32), height: -1 };

/** Rejects as ServerThreads.call does. */
export interface MiningQueries {
  /** The tip, or undefined while the node has none. */
  getTip(): Promise<Tip | undefined>;
  isInitialBlockDownload(): Promise<boolean>;
  /** Whether the chain is another than mainnet. */
  isTestChain(): Promise<boolean>;
  /** Resolves to the tip once it is another than `tip`, to the same one after `timeoutMs`, to none when the node stops. */
  waitTipChanged(tip: Tip, timeoutMs: number): Promise<Tip | undefined>;
}

type WaitTipChanged = Mining_WaitTipChanged$Params;

/** Beyond the timeout that the node was given, how long its answer may take. */
const GRACE_MS = 10_000;

export function miningQueries(threads: Threads, mining: ImportedCapability, layout: LayoutName): MiningQueries {
  return {
    async getTip() {
      const results = await threads.call(mining, CALLS.mining.getTip);
      return results.hasResult ? tipOf(results.result) : undefined;
    },
    async isInitialBlockDownload() {
      return (await threads.call(mining, CALLS.mining.isInitialBlockDownload)).result;
    },
    async isTestChain() {
      return (await threads.call(mining, CALLS.mining.isTestChain)).result;
    },
    async waitTipChanged({ hash }, timeoutMs) {
      const bytes = Buffer.from(hash, "hex").reverse();
      const fill = (params: WaitTipChanged) => {
        params._initCurrentTip(bytes.length).copyBuffer(bytes);
        writeTimeout(params, timeoutMs, layout);
      };
      // A stock node was left, and its client killed, during a wait: it lived on (run on v32).
      const options = { deadlineMs: timeoutMs + GRACE_MS, mayBeLeft: true };
      const results = await threads.call(mining, CALLS.mining.waitTipChanged, fill, options);
      return results._hasResult() ? tipOf(results.result) : undefined;
    },
  };
}

function tipOf({ hash, height }: BlockRef): Tip {
  return { hash: displayHash(hash.toUint8Array()), height };
}

/** Byte of Mining.waitTipChanged's timeout in its parameters. */
const TIMEOUT_AT = 0;
/** Layouts whose schema gives that timeout no default. Later ones have the largest double, and store the XOR with it. */
const WITHOUT_DEFAULT: readonly LayoutName[] = ["v30", "ipc-2026-02"];

function writeTimeout(params: WaitTipChanged, timeoutMs: number, layout: LayoutName): void {
  if (WITHOUT_DEFAULT.includes(layout)) utils.setFloat64(TIMEOUT_AT, timeoutMs, params);
  else params.timeout = timeoutMs;
}
