// The calls to Chain and Node that polls make, with plain numbers as results. Each runs on a thread of the node.

import type { Method, Struct } from "capnp-es";
import type { ImportedCapability } from "../rpc/capability.ts";
import { RpcError } from "../rpc/errors.ts";
import { CALLS } from "./calls.ts";
import type { ContextParams, Threads } from "./server-threads.ts";

/** ConnectionDirection::Both of Bitcoin Core: inbound (1) and outbound (2) peers. */
const BOTH_DIRECTIONS = 3;

export type NodeQueries = ReturnType<typeof nodeQueries>;

/** Each query rejects as ServerThreads.call does. `undefined`: the node has no such value yet. */
export function nodeQueries(threads: Threads, chain: ImportedCapability, node: ImportedCapability) {
  async function resultOf<P extends ContextParams, R extends Struct & { readonly result: unknown }>(
    capability: ImportedCapability,
    method: Method<P, R>,
    fill?: (params: P) => void,
  ): Promise<R["result"]> {
    return (await threads.call(capability, method, fill)).result;
  }

  return {
    /** Height of the active chain's tip. */
    async getHeight(): Promise<number | undefined> {
      const { result, hasResult } = await threads.call(chain, CALLS.chain.getHeight);
      return hasResult ? result : undefined;
    },
    isInitialBlockDownload: () => resultOf(chain, CALLS.chain.isInitialBlockDownload),
    /** Height of the best header. */
    async getHeaderTip(): Promise<number | undefined> {
      const { height, result } = await threads.call(node, CALLS.node.getHeaderTip);
      return result ? height : undefined;
    },
    /** From 0 to 1, as the node estimates it. */
    getVerificationProgress: () => resultOf(node, CALLS.node.getVerificationProgress),
    /** Transactions in the mempool. */
    getMempoolSize: () => resultOf(node, CALLS.node.getMempoolSize),
    /** Memory that the mempool uses, in bytes. */
    getMempoolDynamicUsage: () => resultOf(node, CALLS.node.getMempoolDynamicUsage),
    /** Memory that the mempool may use, in bytes. */
    getMempoolMaxUsage: () => resultOf(node, CALLS.node.getMempoolMaxUsage),
    /** Connected peers, inbound and outbound. */
    getNodeCount: () =>
      resultOf(node, CALLS.node.getNodeCount, (params) => {
        params.flags = BOTH_DIRECTIONS;
      }),
    /** Bytes received from peers since the node started. */
    getTotalBytesRecv: async () =>
      toCount("Node.getTotalBytesRecv", await resultOf(node, CALLS.node.getTotalBytesRecv)),
    /** Bytes sent to peers since the node started. */
    getTotalBytesSent: async () =>
      toCount("Node.getTotalBytesSent", await resultOf(node, CALLS.node.getTotalBytesSent)),
  };
}

/** Refuses a negative count, which Prometheus cannot read as a counter. */
function toCount(method: string, value: bigint): bigint {
  if (value >= 0n) return value;
  throw new RpcError("failed", `${method} answered ${value}, which is not a count`);
}
