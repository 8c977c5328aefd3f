// The calls to Chain and Node that polls make, with plain numbers as results. Each runs on a thread of the node.

import type { ImportedCapability } from "../rpc/capability.ts";
import { RpcError } from "../rpc/errors.ts";
import { CALLS } from "./calls.ts";
import type { Threads } from "./server-threads.ts";

/** ConnectionDirection::Both of Bitcoin Core: inbound (1) and outbound (2) peers. */
const BOTH_DIRECTIONS = 3;

/** Rejects as ServerThreads.call does. `undefined`: the node has no such value yet. */
export interface NodeQueries {
  /** Height of the active chain's tip. */
  getHeight(): Promise<number | undefined>;
  isInitialBlockDownload(): Promise<boolean>;
  /** Height of the best header. */
  getHeaderTip(): Promise<number | undefined>;
  /** From 0 to 1, as the node estimates it. */
  getVerificationProgress(): Promise<number>;
  /** Transactions in the mempool. */
  getMempoolSize(): Promise<bigint>;
  /** Memory that the mempool uses, in bytes. */
  getMempoolDynamicUsage(): Promise<bigint>;
  /** Memory that the mempool may use, in bytes. */
  getMempoolMaxUsage(): Promise<bigint>;
  /** Connected peers, inbound and outbound. */
  getNodeCount(): Promise<bigint>;
  /** Bytes received from peers since the node started. */
  getTotalBytesRecv(): Promise<bigint>;
  /** Bytes sent to peers since the node started. */
  getTotalBytesSent(): Promise<bigint>;
}

export function nodeQueries(threads: Threads, chain: ImportedCapability, node: ImportedCapability): NodeQueries {
  return {
    async getHeight() {
      const { result, hasResult } = await threads.call(chain, CALLS.chain.getHeight);
      return hasResult ? result : undefined;
    },
    async isInitialBlockDownload() {
      return (await threads.call(chain, CALLS.chain.isInitialBlockDownload)).result;
    },
    async getHeaderTip() {
      const { height, result } = await threads.call(node, CALLS.node.getHeaderTip);
      return result ? height : undefined;
    },
    async getVerificationProgress() {
      return (await threads.call(node, CALLS.node.getVerificationProgress)).result;
    },
    async getMempoolSize() {
      return (await threads.call(node, CALLS.node.getMempoolSize)).result;
    },
    async getMempoolDynamicUsage() {
      return (await threads.call(node, CALLS.node.getMempoolDynamicUsage)).result;
    },
    async getMempoolMaxUsage() {
      return (await threads.call(node, CALLS.node.getMempoolMaxUsage)).result;
    },
    async getNodeCount() {
      const fill = (params: { flags: number }) => {
        params.flags = BOTH_DIRECTIONS;
      };
      return (await threads.call(node, CALLS.node.getNodeCount, fill)).result;
    },
    async getTotalBytesRecv() {
      return toCount("Node.getTotalBytesRecv", (await threads.call(node, CALLS.node.getTotalBytesRecv)).result);
    },
    async getTotalBytesSent() {
      return toCount("Node.getTotalBytesSent", (await threads.call(node, CALLS.node.getTotalBytesSent)).result);
    },
  };
}

/** Refuses a negative count, which Prometheus cannot read as a counter. */
function toCount(method: string, value: bigint): bigint {
  if (value >= 0n) return value;
  throw new RpcError("failed", `${method} answered ${value}, which is not a count`);
}
