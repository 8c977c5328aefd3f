// Interfaces that a test needs but whose methods nothing calls.

import type { MiningQueries } from "../../src/node/mining.ts";
import type { NodeQueries } from "../../src/node/node-queries.ts";

const unasked = () => Promise.reject(new Error("nothing should ask this"));

export const NO_QUERIES: NodeQueries = {
  getHeight: unasked,
  isInitialBlockDownload: unasked,
  getHeaderTip: unasked,
  getVerificationProgress: unasked,
  getMempoolSize: unasked,
  getMempoolDynamicUsage: unasked,
  getMempoolMaxUsage: unasked,
  getNodeCount: unasked,
  getTotalBytesRecv: unasked,
  getTotalBytesSent: unasked,
};

export const NO_MINING: MiningQueries = {
  getTip: unasked,
  isInitialBlockDownload: unasked,
  isTestChain: unasked,
  waitTipChanged: unasked,
};
