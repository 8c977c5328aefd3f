// The way from a fresh connection to a node's interfaces.

import { afterEach, describe, expect, test } from "bun:test";
import { connectPair, expectEmptyTables } from "../../test/builders/connections.ts";
import { FakeNode } from "../../test/builders/fake-node.ts";
import { DeadlineError, RpcError } from "../rpc/errors.ts";
import { handshake } from "./handshake.ts";

afterEach(expectEmptyTables);

const STEPS = ["Init.construct", "ThreadMap.makeThread", "Init.makeChain", "Init.makeNode", "Init.makeTracing"];

test("asks for each interface in turn, on one thread, and gets them all", async () => {
  const fake = new FakeNode();
  const { init, threads, chain, node, tracing } = await handshake(fake.connection);
  expect(fake.asked).toEqual(STEPS);
  expect(fake.threadNames).toEqual(["bitcoind-ipc-exporter"]);
  expect(new Set([init, chain, node, tracing].map((owned) => owned?.importId)).size).toBe(4);
  for (const owned of [init, threads, chain, node, tracing]) owned?.close();
});

describe.each(STEPS)("when %s", (step) => {
  test("is refused, nothing more is asked", async () => {
    const fake = new FakeNode();
    fake.refuse(step, new RpcError("unimplemented", "Method not implemented."));
    await expect(handshake(fake.connection)).rejects.toMatchObject({
      name: "RpcError",
      kind: "unimplemented",
      message: "Method not implemented.",
    });
    expect(fake.asked).toEqual(STEPS.slice(0, STEPS.indexOf(step) + 1));
    fake.connection.close();
  });

  test("gives no capability, that is the error", async () => {
    const fake = new FakeNode();
    fake.givesNull.add(step);
    await expect(handshake(fake.connection)).rejects.toMatchObject({ name: "RpcError", kind: "failed" });
    fake.connection.close();
  });

  test("is not answered, the deadline ends it", async () => {
    const fake = new FakeNode({ deadlineMs: 2 });
    fake.hold(step);
    await expect(handshake(fake.connection)).rejects.toBeInstanceOf(DeadlineError);
    fake.connection.close();
  });

  test("is where the node goes away", async () => {
    const fake = new FakeNode();
    fake.hold(step);
    const arrived = fake.nextCallOf(step);
    const shaken = handshake(fake.connection);
    await arrived;
    fake.pair.server.close();
    await expect(shaken).rejects.toMatchObject({ kind: "disconnected" });
  });
});

test("a peer that offers nothing", async () => {
  const { client } = connectPair();
  await expect(handshake(client)).rejects.toMatchObject({ kind: "unimplemented" });
});
