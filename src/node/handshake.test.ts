// The way from a fresh connection to a node's interfaces.

import { afterEach, describe, expect, test } from "bun:test";
import { connectPair, expectEmptyTables } from "../../test/builders/connections.ts";
import { closeAll, FakeNode } from "../../test/builders/fake-node.ts";
import { DeadlineError, RpcError } from "../rpc/errors.ts";
import { handshake } from "./handshake.ts";

afterEach(expectEmptyTables);

/** The calls to a pr/trace node: its layout, then the rest. */
const STEPS = [
  "Init.construct",
  "ThreadMap.makeThread",
  "Init.makeEcho",
  "Init.makeChain",
  "Chain.shutdownRequested",
  "Init.makeNode",
  "Init.makeTracing",
];
/** Those that hand something out. makeEcho may fail: only that it runs matters. */
const HANDS_OUT = STEPS.filter((step) => step !== "Chain.shutdownRequested" && step !== "Init.makeEcho");

test("requests each interface in turn, on one thread, and gets them all", async () => {
  const fake = new FakeNode();
  const capabilities = await handshake(fake.connection);
  expect(fake.calls).toEqual(STEPS);
  expect(fake.threadNames).toEqual(["bitcoind-ipc-exporter"]);
  const { layout, init, chain, node, tracing } = capabilities;
  expect(layout).toBe("pr/trace");
  expect(new Set([init, chain, node, tracing].map((owned) => owned?.importId)).size).toBe(4);
  closeAll(capabilities);
});

// Init.makeChain refused is a node of another layout: layouts.test.ts has those.
test("a node without Tracing provides the rest", async () => {
  const fake = new FakeNode();
  fake.refuse("Init.makeTracing", new RpcError("unimplemented", "Method not implemented."));
  const capabilities = await handshake(fake.connection);
  expect(capabilities.tracing).toBeUndefined();
  expect(capabilities.node).toBeDefined();
  closeAll(capabilities);
});

test.each(["Init.construct", "ThreadMap.makeThread", "Init.makeNode"])(
  "when %s is refused, no further call is made",
  async (step) => {
    const fake = new FakeNode();
    fake.refuse(step, new RpcError("unimplemented", "Method not implemented."));
    await expect(handshake(fake.connection)).rejects.toMatchObject({
      name: "RpcError",
      kind: "unimplemented",
      message: "Method not implemented.",
    });
    expect(fake.calls).toEqual(STEPS.slice(0, STEPS.indexOf(step) + 1));
    fake.connection.close();
  },
);

test.each(HANDS_OUT)("when %s returns no capability, that is the error", async (step) => {
  const fake = new FakeNode();
  fake.givesNull.add(step);
  await expect(handshake(fake.connection)).rejects.toMatchObject({ message: expect.stringMatching(/capability/) });
  fake.connection.close();
});

describe.each(STEPS)("when %s", (step) => {
  test("is not answered, the deadline ends it", async () => {
    const fake = new FakeNode({ deadlineMs: 2 });
    fake.hold(step);
    await expect(handshake(fake.connection)).rejects.toBeInstanceOf(DeadlineError);
    fake.connection.close();
  });

  test("ends with the connection", async () => {
    const fake = new FakeNode();
    const { arrived } = fake.hold(step);
    const shaken = handshake(fake.connection);
    await arrived;
    fake.pair.server.close();
    await expect(shaken).rejects.toMatchObject({ kind: "disconnected" });
  });
});

test("a peer without a bootstrap", async () => {
  const { client } = connectPair();
  await expect(handshake(client)).rejects.toMatchObject({ kind: "unimplemented" });
});
