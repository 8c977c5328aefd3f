// Interfaces that a test needs but whose methods nothing calls.

import type { MiningQueries } from "../../src/node/mining.ts";
import type { NodeQueries } from "../../src/node/node-queries.ts";

const unexpected = () => Promise.reject(new Error("unexpected query"));

export const NO_QUERIES: NodeQueries = {
  getHeight: unexpected,
  isInitialBlockDownload: unexpected,
  getHeaderTip: unexpected,
  getVerificationProgress: unexpected,
  getMempoolSize: unexpected,
  getMempoolDynamicUsage: unexpected,
  getMempoolMaxUsage: unexpected,
  getNodeCount: unexpected,
  getTotalBytesRecv: unexpected,
  getTotalBytesSent: unexpected,
};

export const NO_MINING: MiningQueries = {
  getTip: unexpected,
  isInitialBlockDownload: unexpected,
  isTestChain: unexpected,
  waitTipChanged: unexpected,
};
