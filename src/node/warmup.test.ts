// What a node says of itself while it starts.

import { afterEach, expect, test } from "bun:test";
import { expectEmptyTables } from "../../test/builders/connections.ts";
import { closeAll, FakeNode } from "../../test/builders/fake-node.ts";
import { RpcError } from "../rpc/errors.ts";
import { CallTimeouts } from "./call-timeouts.ts";
import { handshake } from "./handshake.ts";
import { singleRpc } from "./json-rpc.ts";
import { warmupStatus } from "./warmup.ts";

afterEach(expectEmptyTables);

/** The status of a node that answers Node.executeRpc like this. */
async function statusOf(fake: FakeNode): Promise<string | undefined> {
  const capabilities = await handshake(fake.connection);
  try {
    return await warmupStatus(singleRpc(capabilities.threads, capabilities.node!, new CallTimeouts(5000)));
  } finally {
    closeAll(capabilities);
  }
}

const answering = (rpcError: string, result = "") =>
  new FakeNode({ values: { "Node.executeRpc": { rpcError, result } } });

test("a node that answers has started", async () => {
  expect(await statusOf(answering("", "12"))).toBeUndefined();
});

test.each([
  ['{"code":-28,"message":"Loading block index…"}', "Loading block index…"],
  ['{"code":-32601,"message":"Method not found"}', undefined],
  ['{"message":"no code"}', undefined],
  ['{"code":-28}', "undefined"],
])("an error of %p means %p", async (rpcError, status) => {
  expect(await statusOf(answering(rpcError))).toBe(status);
});

test.each(["no JSON", "null", "-28", '"text"', "[", "x".repeat(1000)])("an error of %p is none", async (rpcError) => {
  await expect(statusOf(answering(rpcError))).rejects.toMatchObject({
    kind: "failed",
    message: expect.stringMatching(/^uptime answered (an error that is not a JSON object|invalid JSON: .{1,100})$/),
  });
});

test("a node without that method rejects with the node's error", async () => {
  const fake = answering("");
  fake.refuse("Node.executeRpc", new RpcError("unimplemented", "Method not implemented."));
  await expect(statusOf(fake)).rejects.toMatchObject({ kind: "unimplemented" });
});
