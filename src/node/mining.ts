// Mining: the tip, and waiting for the next one. v30 and v31 expose no other interface.

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

/** No block has this hash, so a wait for a tip other than this one returns at once. */
export const NO_TIP: Tip = { hash: "00".repeat(32), height: -1 };

export type MiningQueries = ReturnType<typeof miningQueries>;

type WaitTipChanged = Mining_WaitTipChanged$Params;

/** Time that the answer may take beyond the timeout in the request. */
const GRACE_MS = 10_000;

/** Each query rejects as ServerThreads.call does. */
export function miningQueries(threads: Threads, mining: ImportedCapability, layout: LayoutName) {
  return {
    /** The tip, or undefined while the node has none. */
    async getTip(): Promise<Tip | undefined> {
      const results = await threads.call(mining, CALLS.mining.getTip);
      return results.hasResult ? tipOf(results.result) : undefined;
    },
    async isInitialBlockDownload(): Promise<boolean> {
      return (await threads.call(mining, CALLS.mining.isInitialBlockDownload)).result;
    },
    /** Whether the chain is a test chain. */
    async isTestChain(): Promise<boolean> {
      return (await threads.call(mining, CALLS.mining.isTestChain)).result;
    },
    /** Resolves to the tip once it differs from `tip`, to `tip` itself after `timeoutMs`, to undefined if the node is stopping. */
    async waitTipChanged({ hash }: Tip, timeoutMs: number): Promise<Tip | undefined> {
      const bytes = Buffer.from(hash, "hex").reverse();
      const fill = (params: WaitTipChanged) => {
        params._initCurrentTip(bytes.length).copyBuffer(bytes);
        writeTimeout(params, timeoutMs, layout);
      };
      // Run on v32: the node survives a client that disconnects, or is killed, during the wait.
      const options = { deadlineMs: timeoutMs + GRACE_MS, endsWithConnection: true };
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
/** Layouts whose schema has no default for that timeout. Later ones default to the largest double, and store the XOR with it. */
const WITHOUT_DEFAULT: readonly LayoutName[] = ["v30", "ipc-2026-02"];

function writeTimeout(params: WaitTipChanged, timeoutMs: number, layout: LayoutName): void {
  if (WITHOUT_DEFAULT.includes(layout)) utils.setFloat64(TIMEOUT_AT, timeoutMs, params);
  else params.timeout = timeoutMs;
}
