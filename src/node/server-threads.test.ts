// Threads of a node: used by one call at a time, not reused while a call is stuck, and free again afterwards.

import { afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test";
import { expectEmptyTables } from "../../test/builders/connections.ts";
import { FakeNode } from "../../test/builders/fake-node.ts";
import { type ImportedCapability, importOf } from "../rpc/capability.ts";
import { DeadlineError, RpcError } from "../rpc/errors.ts";
import { Init$Client } from "../schema/init.ts";
import { Node$Client } from "../schema/node.ts";
import { type OnCall, readCapability } from "./calls.ts";
import { ServerThreads } from "./server-threads.ts";

const [construct, , , , , makeNode] = Init$Client.methods;
const METHODS = [
  Node$Client.methods[26],
  Node$Client.methods[27],
  Node$Client.methods[28],
  Node$Client.methods[29],
  Node$Client.methods[30],
] as const;
const NAMES = [
  "Node.getTotalBytesRecv",
  "Node.getTotalBytesSent",
  "Node.getMempoolSize",
  "Node.getMempoolDynamicUsage",
  "Node.getMempoolMaxUsage",
] as const;
const VALUES = Object.fromEntries(NAMES.map((name, index) => [name, { result: BigInt(index) }]));

let fake: FakeNode;
let init: ImportedCapability;
let threads: ServerThreads;
/** What the methods are called on, by the first thread. */
let node: ImportedCapability;
/** Calls that have ended, with what they took. */
let ended: { methods: readonly string[]; durationMs: number | undefined }[];

beforeEach(async () => {
  ended = [];
  fake = new FakeNode({ values: VALUES });
  init = await fake.connection.bootstrap();
  const onCall: OnCall = (methods, durationMs) => void ended.push({ methods, durationMs });
  threads = new ServerThreads(await threadMapOf(init), "test threads", onCall);
  await threads.start();
  node = await threads.call(init, makeNode, undefined, { read: readCapability });
});
afterEach(async () => {
  threads.close();
  for (const owned of [node, init]) owned.close();
  await expectEmptyTables();
});

function threadMapOf(init: ImportedCapability): Promise<ImportedCapability> {
  return init.ask(construct, undefined, { read: ({ threadMap }) => importOf(threadMap.client) }).results;
}

const call = (index: number, options = {}) => threads.call(node, METHODS[index]!, () => {}, options);
const resultOf = async (index: number) => (await call(index)).result;

/** Calls that the node holds, in order, with what lets each go on. */
async function stuck(indexes: readonly number[]): Promise<(() => void)[]> {
  const releases: (() => void)[] = [];
  for (const index of indexes) {
    releases.push(fake.hold(NAMES[index]!).release);
    await expect(call(index, { deadlineMs: 1 })).rejects.toBeInstanceOf(DeadlineError);
  }
  return releases;
}

test("calls one after the other share one thread", async () => {
  for (const index of [0, 1, 2, 0]) expect(await resultOf(index)).toBe(BigInt(index));
  expect(fake.threadNames).toEqual(["test threads"]);
});

test("calls at once have a thread each, and the threads serve later calls", async () => {
  // The node would answer "thread busy" to a second call on a thread.
  expect(await Promise.all([0, 1, 2].map(resultOf))).toEqual([0n, 1n, 2n]);
  expect(fake.threadNames).toHaveLength(3);
  expect(await Promise.all([2, 3, 4].map(resultOf))).toEqual([2n, 3n, 4n]);
  expect(fake.threadNames).toHaveLength(3);
});

test("a call is reported when it has ended, also after its deadline, with what it took; of a wait that is not known", async () => {
  const HELD_MS = 20;
  ended.length = 0;
  const [release] = await stuck([0]);
  await call(1);
  await call(2, { endsWithConnection: true });
  await call(3, { rpcMethods: ["uptime", "getpeerinfo"] });
  await fake.pair.settled();
  const methods = () => ended.map(({ methods }) => methods.join());
  expect(methods()).toEqual([NAMES[1], NAMES[2], "uptime,getpeerinfo"]);
  expect(ended.map(({ durationMs }) => durationMs)).toEqual([expect.any(Number), undefined, expect.any(Number)]);
  const clock = spyOn(performance, "now").mockReturnValue(performance.now() + HELD_MS);
  release!();
  await fake.pair.settled();
  clock.mockRestore();
  expect(methods().at(-1)).toBe(NAMES[0]);
  expect(ended.at(-1)!.durationMs).toBeGreaterThanOrEqual(HELD_MS - 1);
});

test("never more than four, however many are called at once", async () => {
  const outcomes = await Promise.allSettled([0, 1, 2, 3, 4].map(resultOf));
  expect(fake.threadNames.length).toBeLessThanOrEqual(4);
  const errors = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
  expect(errors).toHaveLength(1);
  expect(errors[0]).toBeInstanceOf(RpcError);
  expect(errors[0]).toMatchObject({
    kind: "overloaded",
    message: "all 4 threads of the node are stuck in earlier calls",
  });
});

describe("a call that is stuck", () => {
  test("keeps its thread until the node answers, which its deadline does not change", async () => {
    const [release] = await stuck([0]);
    expect(await resultOf(1)).toBe(1n);
    expect(fake.threadNames).toHaveLength(2);
    release!();
    await fake.pair.settled();
    await Promise.all([resultOf(0), resultOf(1)]);
    expect(fake.threadNames).toHaveLength(2);
  });

  test("on every thread: no more calls are accepted until one of them is answered", async () => {
    const releases = await stuck([0, 1, 2, 3]);
    expect(fake.threadNames).toHaveLength(4);
    await expect(call(4)).rejects.toMatchObject({ kind: "overloaded" });
    expect(fake.calls).not.toContain(NAMES[4]);
    releases[2]!();
    await fake.pair.settled();
    expect(await resultOf(4)).toBe(4n);
    for (const release of releases) release();
    await fake.pair.settled();
  });

  test("on every thread: the disconnect still makes its calls", async () => {
    const releases = await stuck([0, 1, 2, 3]);
    expect((await call(4, { isForLeaving: true })).result).toBe(4n);
    expect(fake.threadNames).toHaveLength(5);
    for (const release of releases) release();
    await fake.pair.settled();
  });

  test("on every thread: the extra thread of the disconnect makes no other calls", async () => {
    const releases = await stuck([0, 1, 2, 3]);
    for (let time = 0; time < 2; time++) {
      expect((await call(4, { isForLeaving: true })).result).toBe(4n);
      await expect(call(4)).rejects.toMatchObject({
        kind: "overloaded",
        message: "all 4 threads of the node are stuck in earlier calls",
      });
    }
    expect(fake.threadNames).toHaveLength(5);
    expect(fake.calls.filter((name) => name === NAMES[4])).toHaveLength(2);
    for (const release of releases) release();
    await fake.pair.settled();
    expect(await Promise.all([0, 1, 2, 3].map(resultOf))).toEqual([0n, 1n, 2n, 3n]);
  });

  test("on every thread, and on the disconnect's: the disconnect still makes its next call", async () => {
    const releases = await stuck([0, 1, 2, 3]);
    releases.push(fake.hold(NAMES[4]).release);
    const late = call(4, { deadlineMs: 1, isForLeaving: true });
    await expect(late).rejects.toBeInstanceOf(DeadlineError);
    fake.hold(NAMES[4]).release();
    expect((await call(4, { isForLeaving: true, rpcMethods: ["uptime"] })).result).toBe(4n);
    for (const release of releases) release();
    await fake.pair.settled();
  });

  test("is not made a second time", async () => {
    const [release] = await stuck([0]);
    await expect(call(0)).rejects.toMatchObject({ kind: "overloaded" });
    expect(fake.calls.filter((name) => name === NAMES[0])).toHaveLength(1);
    release!();
    await fake.pair.settled();
    expect(await resultOf(0)).toBe(0n);
  });

  test("is not made a second time after an equal one of the same moment was answered", async () => {
    const { release: releaseLate, arrived } = fake.hold(NAMES[0]);
    const late = call(0, { deadlineMs: 1 });
    await arrived;
    const { release } = fake.hold(NAMES[0]);
    const other = resultOf(0);
    await expect(late).rejects.toBeInstanceOf(DeadlineError);
    release();
    expect(await other).toBe(0n);
    await fake.pair.settled();
    await expect(call(0)).rejects.toMatchObject({ kind: "overloaded" });
    releaseLate();
    await fake.pair.settled();
    expect(await resultOf(0)).toBe(0n);
  });

  test("that was to wait stops further waits of its length, and no others", async () => {
    const releases: (() => void)[] = [];
    for (const deadlineMs of [1, 2]) {
      releases.push(fake.hold(NAMES[0]).release);
      const wait = () => call(0, { deadlineMs, endsWithConnection: true });
      await expect(wait()).rejects.toBeInstanceOf(DeadlineError);
      await expect(wait()).rejects.toMatchObject({ kind: "overloaded" });
    }
    for (const release of releases) release();
    await fake.pair.settled();
  });

  test("ends with the connection", async () => {
    await stuck([0]);
    const waiting = call(1);
    fake.connection.disconnected("gone");
    await expect(waiting).rejects.toMatchObject({ kind: "disconnected" });
  });
});

test("a call that fails releases its thread", async () => {
  fake.refuse("Node.getMempoolSize", new RpcError("failed", "no mempool"));
  await expect(call(2)).rejects.toMatchObject({ kind: "failed", message: "no mempool" });
  expect(await resultOf(1)).toBe(1n);
  expect(fake.threadNames).toHaveLength(1);
});

test("a call that cannot be sent releases its thread", async () => {
  const fill = () => {
    throw new Error("no parameters");
  };
  const before = ended.length;
  await expect(threads.call(node, METHODS[0], fill)).rejects.toThrow("no parameters");
  await Bun.sleep(0);
  expect(ended).toHaveLength(before);
  expect(await resultOf(0)).toBe(0n);
  expect(fake.threadNames).toHaveLength(1);
});

describe("a node that makes no thread", () => {
  const error = new RpcError("failed", "no thread for you");

  test("is found out at the start", async () => {
    fake.refuse("ThreadMap.makeThread", error);
    const others = new ServerThreads(await threadMapOf(init), "others");
    await expect(others.start()).rejects.toMatchObject({ kind: "failed", message: "no thread for you" });
    others.close();
  });

  test("for a while is requested again later, and does not count as a thread", async () => {
    fake.refuse("ThreadMap.makeThread", error);
    const { release } = fake.hold(NAMES[0]);
    const held = call(0);
    for (let attempt = 0; attempt < 5; attempt++) await expect(call(1)).rejects.toThrow("no thread for you");
    fake.refuse("ThreadMap.makeThread", undefined);
    expect(await resultOf(1)).toBe(1n);
    release();
    await held;
  });

  test("but returns null", async () => {
    fake.givesNull.add("ThreadMap.makeThread");
    const others = new ServerThreads(await threadMapOf(init), "others");
    await expect(others.start()).rejects.toMatchObject({
      name: "RpcError",
      message: "ThreadMap.makeThread: the peer sent no capability",
    });
    others.close();
  });
});

test("quiet is when the node has returned what was under way, and nothing more is begun", async () => {
  await threads.call(node, METHODS[0]);
  const { release, arrived } = fake.hold(NAMES[1]);
  const held = resultOf(1);
  await arrived;
  let isQuiet = false;
  const quiet = threads.quiet().then(() => {
    isQuiet = true;
  });
  await expect(call(2)).rejects.toMatchObject({ kind: "disconnected" });
  await fake.pair.settled();
  expect(isQuiet).toBe(false);
  expect(fake.calls).not.toContain(NAMES[2]);
  release();
  await quiet;
  expect(await held).toBe(1n);
  await threads.quiet();
});

test("all threads are released, one that is busy too", async () => {
  const [release] = await stuck([0]);
  await resultOf(1);
  threads.close();
  await fake.pair.settled();
  // What is left are Init and Node.
  expect(fake.connection.sizes.imports).toBe(2);
  release!();
  await fake.pair.settled();
});

test("during a disconnect, only its own calls start", async () => {
  threads.startLeaving();
  await expect(call(0)).rejects.toMatchObject({ kind: "disconnected" });
  expect(fake.calls).not.toContain(NAMES[0]);
  expect((await call(1, { isForLeaving: true })).result).toBe(1n);
});
