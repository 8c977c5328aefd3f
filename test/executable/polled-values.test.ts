// Every polled metric equals the node's answer, digit by digit.

import { expect, test } from "bun:test";
import { eventually } from "../eventually.ts";
import { type Int64, ReferenceNode } from "../reference-node/reference-node.ts";
import { compileFirst, session } from "./sessions.ts";

compileFirst();

interface State {
  /** Undefined: the node has no tip. */
  readonly height: number | undefined;
  readonly headerHeight: number | undefined;
  readonly ibd: boolean;
  readonly progress: number;
  readonly mempoolSize: Int64;
  readonly mempoolBytes: Int64;
  readonly mempoolMaxBytes: Int64;
  readonly peers: Int64;
  readonly received: Int64;
  readonly sent: Int64;
}

const FRESH: State = {
  height: 0,
  headerHeight: 0,
  ibd: true,
  progress: 0,
  mempoolSize: 0,
  mempoolBytes: 0,
  mempoolMaxBytes: 300_000_000,
  peers: 0,
  received: 0,
  sent: 0,
};

const MAINNET: State = {
  height: 924_612,
  headerHeight: 924_613,
  ibd: false,
  progress: 0.9999971234567891,
  mempoolSize: 81_234,
  mempoolBytes: 212_345_678,
  mempoolMaxBytes: 300_000_000,
  peers: 125,
  received: 812_345_678_901,
  sent: 9_123_456_789_012,
};

const EXTREME: State = {
  height: 2_147_483_647,
  headerHeight: 2_147_483_647,
  ibd: false,
  progress: 1,
  mempoolSize: "9007199254740993",
  mempoolBytes: "9223372036854775807",
  // Past an int64, which Prometheus would round too: the nearest double.
  mempoolMaxBytes: "18446744073709551615",
  peers: "4294967296",
  received: "9223372036854775807",
  sent: "9007199254740993",
};

const EXTREME_SAMPLES = { bitcoin_mempool_max_bytes: "18446744073709552000" };

const NEGATIVE: State = { ...MAINNET, height: -2_147_483_648, headerHeight: -1, sent: "-9223372036854775808" };

const WITHOUT_TIP: State = { ...FRESH, height: undefined, headerHeight: undefined };

test.concurrent.each([
  ["a fresh node", FRESH, {}],
  ["a node of the main network", MAINNET, {}],
  ["a node with the largest numbers", EXTREME, EXTREME_SAMPLES],
  // Heights and progress are shown as they come; a negative count is an error.
  ["a node with negative numbers", NEGATIVE, { bitcoin_bytes_sent_total: undefined }],
  ["a node without a tip", WITHOUT_TIP, {}],
])("%s", async (_, state, exceptions) => {
  await using node = await ReferenceNode.start();
  await using exporter = await session(node);
  // The first poll also requests the block at the height. The node has no block at these heights.
  await exporter.polled();
  await answer(node, state);
  const expected = { ...samplesOf(state), ...exceptions };
  let actual: Record<string, string | undefined> = {};
  await eventually(
    "the metrics equal the node's answers",
    async () => {
      const samples = await exporter.samples();
      actual = Object.fromEntries(Object.keys(expected).map((name) => [name, samples.get(name)]));
      return Bun.deepEquals(actual, expected);
    },
    { describe: () => JSON.stringify({ actual, expected }, undefined, 2) },
  );
  const metrics = await exporter.metrics();
  const failed = [...metrics.keys()].filter((series) => series.startsWith("bitcoin_ipc_call_errors_total"));
  expect(failed).toEqual(
    "bitcoin_bytes_sent_total" in exceptions ? ['bitcoin_ipc_call_errors_total{method="Node.getTotalBytesSent"}'] : [],
  );
  expect((await node.stats()).threadViolations).toBe(0);
});

async function answer(node: ReferenceNode, state: State): Promise<void> {
  const { height, headerHeight } = state;
  await node.answer("Chain.getHeight", { result: height ?? 0, hasResult: height !== undefined });
  await node.answer("Node.getHeaderTip", { height: headerHeight ?? 0, result: headerHeight !== undefined });
  await node.answer("Chain.isInitialBlockDownload", { result: state.ibd });
  await node.answer("Node.getVerificationProgress", { result: state.progress });
  await node.answer("Node.getMempoolSize", { result: state.mempoolSize });
  await node.answer("Node.getMempoolDynamicUsage", { result: state.mempoolBytes });
  await node.answer("Node.getMempoolMaxUsage", { result: state.mempoolMaxBytes });
  await node.answer("Node.getNodeCount", { result: state.peers });
  await node.answer("Node.getTotalBytesRecv", { result: state.received });
  await node.answer("Node.getTotalBytesSent", { result: state.sent });
}

function samplesOf(state: State): Record<string, string | undefined> {
  return {
    bitcoin_chain_height: state.height?.toString(),
    bitcoin_header_height: state.headerHeight?.toString(),
    bitcoin_ibd: state.ibd ? "1" : "0",
    bitcoin_verification_progress: String(state.progress),
    bitcoin_mempool_size: String(state.mempoolSize),
    bitcoin_mempool_bytes: String(state.mempoolBytes),
    bitcoin_mempool_max_bytes: String(state.mempoolMaxBytes),
    bitcoin_peers: String(state.peers),
    bitcoin_bytes_recv_total: String(state.received),
    bitcoin_bytes_sent_total: String(state.sent),
  };
}
