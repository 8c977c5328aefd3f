// The questions that polls ask of a pr/trace node, in plain numbers. Every one runs on a thread of the node.

import { Chain$Client } from "../schema/chain.ts";
import { Node$Client } from "../schema/node.ts";
import type { NodeCapabilities } from "./handshake.ts";

/** Methods of Chain and Node that are called, by their ordinals in the schema. */
const CHAIN = {
  getHeight: Chain$Client.methods[1],
  isInitialBlockDownload: Chain$Client.methods[33],
} as const;
const NODE = {
  getNodeCount: Node$Client.methods[18],
  getTotalBytesRecv: Node$Client.methods[26],
  getTotalBytesSent: Node$Client.methods[27],
  getMempoolSize: Node$Client.methods[28],
  getMempoolDynamicUsage: Node$Client.methods[29],
  getMempoolMaxUsage: Node$Client.methods[30],
  getHeaderTip: Node$Client.methods[31],
  getVerificationProgress: Node$Client.methods[36],
} as const;

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
  /** Memory that the mempool takes, in bytes. */
  getMempoolDynamicUsage(): Promise<bigint>;
  /** Memory that the mempool may take, in bytes. */
  getMempoolMaxUsage(): Promise<bigint>;
  /** Connected peers, inbound and outbound. */
  getNodeCount(): Promise<bigint>;
  /** Bytes received from peers since the node started. */
  getTotalBytesRecv(): Promise<bigint>;
  /** Bytes sent to peers since the node started. */
  getTotalBytesSent(): Promise<bigint>;
}

export function nodeQueries({ threads, chain, node }: NodeCapabilities): NodeQueries {
  return {
    async getHeight() {
      const { result, hasResult } = await threads.call(chain, CHAIN.getHeight);
      return hasResult ? result : undefined;
    },
    async isInitialBlockDownload() {
      return (await threads.call(chain, CHAIN.isInitialBlockDownload)).result;
    },
    async getHeaderTip() {
      const { height, result } = await threads.call(node, NODE.getHeaderTip);
      return result ? height : undefined;
    },
    async getVerificationProgress() {
      return (await threads.call(node, NODE.getVerificationProgress)).result;
    },
    async getMempoolSize() {
      return (await threads.call(node, NODE.getMempoolSize)).result;
    },
    async getMempoolDynamicUsage() {
      return (await threads.call(node, NODE.getMempoolDynamicUsage)).result;
    },
    async getMempoolMaxUsage() {
      return (await threads.call(node, NODE.getMempoolMaxUsage)).result;
    },
    async getNodeCount() {
      const fill = (params: { flags: number }) => {
        params.flags = BOTH_DIRECTIONS;
      };
      return (await threads.call(node, NODE.getNodeCount, fill)).result;
    },
    async getTotalBytesRecv() {
      return (await threads.call(node, NODE.getTotalBytesRecv)).result;
    },
    async getTotalBytesSent() {
      return (await threads.call(node, NODE.getTotalBytesSent)).result;
    },
  };
}
