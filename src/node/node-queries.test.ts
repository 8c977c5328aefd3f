// What polls ask, against a node that has an answer to each.

import { afterEach, expect, test } from "bun:test";
import { expectEmptyTables } from "../../test/builders/connections.ts";
import { closeAll, FakeNode, type Values } from "../../test/builders/fake-node.ts";
import { RpcError } from "../rpc/errors.ts";
import { handshake } from "./handshake.ts";
import { type NodeQueries, nodeQueries } from "./node-queries.ts";

afterEach(expectEmptyTables);

/** Asks `query` of a node that answers with these values. */
async function ask(values: Values, query: keyof NodeQueries): Promise<unknown> {
  const fake = new FakeNode({ values });
  const capabilities = await handshake(fake.connection);
  try {
    return await nodeQueries(capabilities.threads, capabilities.chain!, capabilities.node!)[query]();
  } finally {
    closeAll(capabilities);
  }
}

const MAX_UINT64 = 2n ** 64n - 1n;

test.each<[keyof NodeQueries, string, Record<string, unknown>, unknown]>([
  ["getHeight", "Chain", { result: 840_000, hasResult: true }, 840_000],
  ["getHeight", "Chain", { result: 0, hasResult: true }, 0],
  ["getHeight", "Chain", { result: 0, hasResult: false }, undefined],
  ["isInitialBlockDownload", "Chain", { result: true }, true],
  ["isInitialBlockDownload", "Chain", { result: false }, false],
  ["getHeaderTip", "Node", { height: 120, result: true }, 120],
  ["getHeaderTip", "Node", { height: 120, result: false }, undefined],
  ["getVerificationProgress", "Node", { result: 0.999_999_1 }, 0.999_999_1],
  ["getMempoolSize", "Node", { result: 0n }, 0n],
  ["getMempoolDynamicUsage", "Node", { result: MAX_UINT64 }, MAX_UINT64],
  ["getMempoolMaxUsage", "Node", { result: 300_000_000n }, 300_000_000n],
  ["getNodeCount", "Node", { result: 125n }, 125n],
  ["getTotalBytesRecv", "Node", { result: 2n ** 53n + 1n }, 2n ** 53n + 1n],
  ["getTotalBytesSent", "Node", { result: 1n }, 1n],
])("%s of %s %p", async (query, interfaceName, results, expected) => {
  expect(await ask({ [`${interfaceName}.${query}`]: results }, query)).toBe(expected);
});

test.each(["getTotalBytesRecv", "getTotalBytesSent"] as const)("a negative %s is an error", async (query) => {
  const answer = ask({ [`Node.${query}`]: { result: -1n } }, query);
  await expect(answer).rejects.toThrow(`Node.${query} answered -1, which is not a count`);
});

test("peers are counted in both directions", async () => {
  const answer = ({ flags }: { flags: number }) => ({ result: BigInt(flags) });
  // ConnectionDirection of Bitcoin Core: in is 1, out is 2.
  expect(await ask({ "Node.getNodeCount": answer }, "getNodeCount")).toBe(3n);
});

test("a query that the node refuses rejects with the node's reason", async () => {
  const fake = new FakeNode({ values: { "Node.getMempoolSize": { result: 1n } } });
  fake.refuse("Node.getMempoolSize", new RpcError("failed", "std::exception: no mempool"));
  const capabilities = await handshake(fake.connection);
  const query = nodeQueries(capabilities.threads, capabilities.chain!, capabilities.node!).getMempoolSize();
  await expect(query).rejects.toMatchObject({ kind: "failed", message: "std::exception: no mempool" });
  closeAll(capabilities);
});
