// Every polled metric equals the node's answer, digit by digit.

import { expect, test } from "bun:test";
import { eventually } from "../eventually.ts";
import { failedCalls } from "../exporter-process.ts";
import { type Int64, ReferenceNode } from "../reference-node/reference-node.ts";
import { compileFirst, POLLS, session } from "./sessions.ts";

compileFirst();

/** Undefined: the node has no tip. */
type Value = Int64 | boolean | undefined;

/** What the node answers, by metric. */
type State = Readonly<Record<string, Value>>;

/** The results of a method that reports `value`. */
function resultsOf(method: string, value: Value): Record<string, Value> {
  if (method === "Chain.getHeight") return { result: value ?? 0, hasResult: value !== undefined };
  if (method === "Node.getHeaderTip") return { height: value ?? 0, result: value !== undefined };
  return { result: value };
}

function textOf(value: Value): string | undefined {
  return value === undefined ? undefined : String(typeof value === "boolean" ? Number(value) : value);
}

const FRESH: State = {
  bitcoin_chain_height: 0,
  bitcoin_header_height: 0,
  bitcoin_ibd: true,
  bitcoin_verification_progress: 0,
  bitcoin_mempool_size: 0,
  bitcoin_mempool_bytes: 0,
  bitcoin_mempool_max_bytes: 300_000_000,
  bitcoin_peers: 0,
  bitcoin_bytes_recv_total: 0,
  bitcoin_bytes_sent_total: 0,
};

const MAINNET: State = {
  bitcoin_chain_height: 924_612,
  bitcoin_header_height: 924_613,
  bitcoin_ibd: false,
  bitcoin_verification_progress: 0.9999971234567891,
  bitcoin_mempool_size: 81_234,
  bitcoin_mempool_bytes: 212_345_678,
  bitcoin_mempool_max_bytes: 300_000_000,
  bitcoin_peers: 125,
  bitcoin_bytes_recv_total: 812_345_678_901,
  bitcoin_bytes_sent_total: 9_123_456_789_012,
};

const EXTREME: State = {
  bitcoin_chain_height: 2_147_483_647,
  bitcoin_header_height: 2_147_483_647,
  bitcoin_ibd: false,
  bitcoin_verification_progress: 1,
  bitcoin_mempool_size: "9007199254740993",
  bitcoin_mempool_bytes: "9223372036854775807",
  // Past an int64, which Prometheus would round too: the nearest double.
  bitcoin_mempool_max_bytes: "18446744073709551615",
  bitcoin_peers: "4294967296",
  bitcoin_bytes_recv_total: "9223372036854775807",
  bitcoin_bytes_sent_total: "9007199254740993",
};

const EXTREME_SAMPLES = { bitcoin_mempool_max_bytes: "18446744073709552000" };

const NEGATIVE: State = {
  ...MAINNET,
  bitcoin_chain_height: -2_147_483_648,
  bitcoin_header_height: -1,
  bitcoin_bytes_sent_total: "-9223372036854775808",
};

const WITHOUT_TIP: State = { ...FRESH, bitcoin_chain_height: undefined, bitcoin_header_height: undefined };

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
  for (const [method, name] of POLLS) await node.answer(method, resultsOf(method, state[name]));
  const samples = Object.fromEntries(Object.entries(state).map(([name, value]) => [name, textOf(value)]));
  const expected: Record<string, string | undefined> = { ...samples, ...exceptions };
  let actual: Record<string, string | undefined> = {};
  await eventually(
    "the metrics equal the node's answers",
    async () => {
      const page = await exporter.samples();
      actual = Object.fromEntries(Object.keys(expected).map((name) => [name, page.get(name)]));
      return Bun.deepEquals(actual, expected);
    },
    { describe: () => JSON.stringify({ actual, expected }, undefined, 2) },
  );
  const isNegative = "bitcoin_bytes_sent_total" in exceptions;
  expect(Object.keys(failedCalls(await exporter.metrics()))).toEqual(isNegative ? ["Node.getTotalBytesSent"] : []);
  expect((await node.stats()).threadViolations).toBe(0);
});
