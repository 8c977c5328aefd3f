// A connection to a node, from its handshake to its end. A node crashes if a connection closes with a registration on it, so every
// registration must be ended first.

import { afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test";
import { EMPTY_TABLES, expectEmptyTables } from "../../test/builders/connections.ts";
import { type EventLog, eventLog } from "../../test/builders/event-log.ts";
import { FakeNode } from "../../test/builders/fake-node.ts";
import { DeadlineError, RpcError } from "../rpc/errors.ts";
import { ChainNotifications$Client } from "../schema/chain.ts";
import { UtxoCacheTrace$Client } from "../schema/tracing.ts";
import { NodeClient } from "./client.ts";

afterEach(expectEmptyTables);

const SUBSCRIBE = "Chain.handleNotifications";
const TRACE = "Tracing.traceUtxoCache";
const END_SUBSCRIPTION = `${SUBSCRIBE}: Handler.disconnect`;
const END_TRACE = `${TRACE}: Handler.disconnect`;

const IS_STOPPING = "Node.shutdownRequested";

const [, transactionAdded, transactionRemoved, blockConnected, , , chainStateFlushed] =
  ChainNotifications$Client.methods;
const [, add, spend] = UtxoCacheTrace$Client.methods;

/** Long enough for whatever is expected to happen, and short enough for what is not. */
const TIME_ENOUGH_MS = 5000;
const SHORT_MS = 5;
/** A wait for this deadline exceeds the time limit of every test. */
const LONGER_THAN_A_TEST_MS = 2 ** 31 - 1;

let fake: FakeNode;
let log: EventLog;

beforeEach(() => {
  fake = new FakeNode();
  log = eventLog();
});

function open(debug?: (line: string) => void): Promise<NodeClient> {
  return NodeClient.open(
    fake.connection,
    { chain: log.chain, utxoCache: log.utxoCache, debug },
    { callTimeoutMs: 10_000 },
  );
}

/** A client that has subscribed and traces. */
async function openWithBoth(debug?: (line: string) => void): Promise<NodeClient> {
  const session = await open(debug);
  await session.subscribe(TIME_ENOUGH_MS);
  await session.traceUtxoCache(TIME_ENOUGH_MS);
  return session;
}

/** The calls since the handshake, without new threads and checks whether the node is stopping. */
function laterCalls(): string[] {
  const later = fake.calls.slice(fake.calls.indexOf("Init.makeTracing") + 1);
  return later.filter((name) => name !== "ThreadMap.makeThread" && name !== IS_STOPPING);
}

describe("events", () => {
  test("of the chain and the mempool come once subscribed", async () => {
    const session = await open();
    await session.subscribe(TIME_ENOUGH_MS);
    const notifications = fake.callbackOf(SUBSCRIBE);
    await notifications.ask(transactionAdded).results;
    await notifications.ask(transactionRemoved, (params) => Object.assign(params, { reason: 5 })).results;
    await notifications.ask(blockConnected, (params) => {
      // As stored: capnp-es would write the default, -1, wrong.
      params._initBlock().segment.setInt32(params.block.segment.byteLength - 6 * 8, 121 ^ -1);
    }).results;
    expect(log.take()).toEqual([
      "transactionAddedToMempool 0",
      "transactionRemovedFromMempool 5",
      "blockConnected 121",
    ]);
    expect(fake.hotCalls).toBeGreaterThan(0);
    expect(await session.leave(TIME_ENOUGH_MS)).toBe(true);
  });

  test("of the UTXO cache come once traced", async () => {
    const session = await open();
    await session.traceUtxoCache(TIME_ENOUGH_MS);
    const trace = fake.callbackOf(TRACE);
    const value = 2n ** 53n + 1n;
    await trace.ask(add, (params) => Object.assign(params._initUtxoInfo(), { value })).results;
    await trace.ask(spend, (params) => Object.assign(params._initUtxoInfo(), { value: -1n })).results;
    expect(log.take()).toEqual([`add ${value}`, "spend -1"]);
    expect(await session.leave(TIME_ENOUGH_MS)).toBe(true);
  });

  test("are described in lines, one each, if debugging", async () => {
    const lines: string[] = [];
    const session = await openWithBoth((line) => lines.push(line));
    await fake.callbackOf(SUBSCRIBE).ask(transactionAdded).results;
    await fake.callbackOf(TRACE).ask(add, (params) => Object.assign(params._initUtxoInfo(), { value: 7n })).results;
    expect(log.take()).toEqual(["transactionAddedToMempool 0", "add 7"]);
    expect(lines).toEqual([
      expect.stringMatching(/^transaction added to mempool: txid=[0-9a-f]{64} size=0$/),
      "utxo cache add: outpoint=:0 value=7 height=0 coinbase=false",
    ]);
    expect(fake.hotCalls).toBe(0);
    await session.leave(TIME_ENOUGH_MS);
  });
});

describe("a registration", () => {
  const registrations = [
    ["subscribe", SUBSCRIBE],
    ["traceUtxoCache", TRACE],
  ] as const;

  test.each(registrations)("%s that the node refuses rejects, and leaves nothing behind", async (register, method) => {
    const session = await open();
    fake.refuse(method, new RpcError("failed", "not here"));
    await expect(session[register](TIME_ENOUGH_MS)).rejects.toMatchObject({ kind: "failed", message: "not here" });
    await fake.pair.settled();
    expect(fake.connection.sizes.exports).toBe(0);
    fake.refuse(method, undefined);
    await session[register](TIME_ENOUGH_MS);
    expect(fake.registered).toHaveLength(1);
    expect(await session.leave(TIME_ENOUGH_MS)).toBe(true);
    expect(fake.registered).toEqual([]);
  });

  test.each(registrations)("%s without a handler rejects, and the disconnect completes", async (register, method) => {
    const session = await open();
    fake.givesNull.add(method);
    await expect(session[register](TIME_ENOUGH_MS)).rejects.toMatchObject({ name: "RpcError", kind: "failed" });
    expect(await session.leave(TIME_ENOUGH_MS)).toBe(true);
  });

  test.each(registrations)("%s that is late rejects, and is ended when it came", async (register, method) => {
    const session = await open();
    const { release } = fake.hold(method);
    const error = await session[register](SHORT_MS).catch((reason) => reason);
    expect(error).toBeInstanceOf(DeadlineError);
    expect(error.message).toBe(`${method} was not answered within ${SHORT_MS} ms`);
    const left = session.leave(TIME_ENOUGH_MS);
    await fake.pair.settled();
    expect(fake.connection.ended).toBeUndefined();
    release();
    expect(await left).toBe(true);
    expect(laterCalls()).toEqual([method, `${method}: Handler.disconnect`]);
    expect(fake.registered).toEqual([]);
  });

  test("of the trace is made once, even if requested twice", async () => {
    const session = await open();
    const { release } = fake.hold(TRACE);
    await expect(session.traceUtxoCache(SHORT_MS)).rejects.toBeInstanceOf(DeadlineError);
    const again = session.traceUtxoCache(TIME_ENOUGH_MS);
    release();
    await again;
    await session.traceUtxoCache(TIME_ENOUGH_MS);
    expect(laterCalls()).toEqual([TRACE]);
    expect(await session.leave(TIME_ENOUGH_MS)).toBe(true);
  });

  test("does not start once the session disconnects", async () => {
    const session = await open();
    const left = session.leave(TIME_ENOUGH_MS);
    expect(session.isOver).toBe(true);
    await expect(session.subscribe(TIME_ENOUGH_MS)).rejects.toMatchObject({ kind: "disconnected" });
    await expect(session.traceUtxoCache(TIME_ENOUGH_MS)).rejects.toMatchObject({ kind: "disconnected" });
    expect(await left).toBe(true);
    expect(laterCalls()).toEqual([]);
  });
});

describe("the end of the trace", () => {
  test("keeps the notifications, and releases the capabilities of the trace", async () => {
    const session = await openWithBoth();
    await session.endUtxoTrace(TIME_ENOUGH_MS);
    await fake.pair.settled();
    expect(fake.registered.map(({ name }) => name)).toEqual([SUBSCRIBE]);
    expect(fake.connection.sizes).toMatchObject({ questions: 0, answers: 0, exports: 1 });
    await fake.callbackOf(SUBSCRIBE).ask(transactionAdded).results;
    expect(log.take()).toEqual(["transactionAddedToMempool 0"]);
    expect(await session.leave(TIME_ENOUGH_MS)).toBe(true);
    expect(laterCalls()).toEqual([SUBSCRIBE, TRACE, END_TRACE, END_SUBSCRIPTION]);
  });

  test("allows any number of further registrations, and the tables do not grow", async () => {
    const session = await openWithBoth();
    const { imports } = fake.connection.sizes;
    for (let turn = 0; turn < 20; turn++) {
      await session.endUtxoTrace(TIME_ENOUGH_MS);
      await session.traceUtxoCache(TIME_ENOUGH_MS);
      const value = BigInt(turn);
      await fake.callbackOf(TRACE).ask(add, (params) => Object.assign(params._initUtxoInfo(), { value })).results;
      expect(log.take()).toEqual([`add ${turn}`]);
    }
    await fake.pair.settled();
    expect(fake.connection.sizes).toEqual({ questions: 0, answers: 0, imports, exports: 2 });
    expect(fake.hotCalls).toBe(20);
    expect(await session.leave(TIME_ENOUGH_MS)).toBe(true);
  });

  test("without a registration resolves immediately", async () => {
    const session = await open();
    await session.endUtxoTrace(TIME_ENOUGH_MS);
    expect(laterCalls()).toEqual([]);
    expect(await session.leave(TIME_ENOUGH_MS)).toBe(true);
  });

  test("that the node refuses rejects, and can be requested again", async () => {
    const session = await openWithBoth();
    fake.refuse(END_TRACE, new RpcError("failed", "not now"));
    await expect(session.endUtxoTrace(TIME_ENOUGH_MS)).rejects.toMatchObject({ kind: "failed", message: "not now" });
    // It is still there, and not made twice.
    await session.traceUtxoCache(TIME_ENOUGH_MS);
    expect(fake.registered).toHaveLength(2);
    fake.refuse(END_TRACE, undefined);
    await session.endUtxoTrace(TIME_ENOUGH_MS);
    expect(fake.registered).toHaveLength(1);
    expect(laterCalls()).toEqual([SUBSCRIBE, TRACE, END_TRACE, END_TRACE]);
    expect(await session.leave(TIME_ENOUGH_MS)).toBe(true);
  });

  test("that is late rejects, is requested once, and takes effect when it completes", async () => {
    const session = await openWithBoth();
    const { release } = fake.hold(END_TRACE);
    for (let turn = 0; turn < 3; turn++) {
      const error = await session.endUtxoTrace(SHORT_MS).catch((reason) => reason);
      expect(error).toBeInstanceOf(DeadlineError);
      expect(error.message).toBe(`Handler.disconnect was not answered within ${SHORT_MS} ms`);
    }
    release();
    await fake.pair.settled();
    expect(fake.registered.map(({ name }) => name)).toEqual([SUBSCRIBE]);
    await session.endUtxoTrace(TIME_ENOUGH_MS);
    await session.traceUtxoCache(TIME_ENOUGH_MS);
    expect(laterCalls()).toEqual([SUBSCRIBE, TRACE, END_TRACE, TRACE]);
    expect(await session.leave(TIME_ENOUGH_MS)).toBe(true);
  });

  test("waits for a registration that is under way", async () => {
    const session = await open();
    const { release } = fake.hold(TRACE);
    const registering = session.traceUtxoCache(TIME_ENOUGH_MS);
    const ending = session.endUtxoTrace(TIME_ENOUGH_MS);
    await fake.pair.settled();
    release();
    await Promise.all([registering, ending]);
    expect(laterCalls()).toEqual([TRACE, END_TRACE]);
    expect(await session.leave(TIME_ENOUGH_MS)).toBe(true);
  });

  test("delays a disconnect that starts meanwhile, which does not request it again", async () => {
    const session = await openWithBoth();
    const { release, arrived } = fake.hold(END_TRACE);
    const ending = session.endUtxoTrace(TIME_ENOUGH_MS);
    await arrived;
    const left = session.leave(TIME_ENOUGH_MS);
    await fake.pair.settled();
    expect(fake.registered).toHaveLength(2);
    release();
    await ending;
    expect(await left).toBe(true);
    expect(laterCalls()).toEqual([SUBSCRIBE, TRACE, END_TRACE, END_SUBSCRIPTION]);
  });

  test("that is refused during a disconnect is requested again by the disconnect", async () => {
    const session = await openWithBoth();
    fake.refuse(END_TRACE, new RpcError("failed", "not now"));
    const { release, arrived } = fake.hold(END_TRACE);
    const ending = session.endUtxoTrace(TIME_ENOUGH_MS);
    await arrived;
    const left = session.leave(TIME_ENOUGH_MS);
    release();
    const { release: releaseAgain } = fake.hold(END_TRACE);
    await expect(ending).rejects.toMatchObject({ message: "not now" });
    fake.refuse(END_TRACE, undefined);
    releaseAgain();
    expect(await left).toBe(true);
    expect(fake.registered).toEqual([]);
  });

  test("does not start once the session disconnects or has ended", async () => {
    const session = await openWithBoth();
    const left = session.leave(TIME_ENOUGH_MS);
    await expect(session.endUtxoTrace(TIME_ENOUGH_MS)).rejects.toMatchObject({ kind: "disconnected" });
    expect(await left).toBe(true);
    expect(laterCalls()).toEqual([SUBSCRIBE, TRACE, END_TRACE, END_SUBSCRIPTION]);
  });

  test("rejects with the end of the connection", async () => {
    const session = await openWithBoth();
    const { arrived } = fake.hold(END_TRACE);
    const ending = session.endUtxoTrace(TIME_ENOUGH_MS);
    await arrived;
    fake.connection.disconnected("the node went away");
    await expect(ending).rejects.toMatchObject({ kind: "disconnected" });
    await session.leave(TIME_ENOUGH_MS);
  });
});

describe("a disconnect", () => {
  test("ends each registration, waits until the node has released everything, then closes", async () => {
    const session = await openWithBoth();
    const heldAtClose = fake.pair.clientEnded.then(() => fake.registered.length);
    const sizesAtClose = fake.pair.serverEnded.then(() => fake.pair.server.sizes);
    expect(await session.leave(TIME_ENOUGH_MS)).toBe(true);
    expect(await heldAtClose).toBe(0);
    expect(laterCalls()).toEqual([SUBSCRIBE, TRACE, END_TRACE, END_SUBSCRIPTION]);
    expect(fake.connection.ended?.message).toBe("connection closed by us");
    expect(await sizesAtClose).toEqual(EMPTY_TABLES);
  });

  test("from a stopping node that does not flush in time ends the registrations", async () => {
    const session = await openWithBoth();
    fake.isStopping = true;
    // Of this, 1.5 s are kept for ending the registration.
    expect(await session.leave(1_550)).toBe(true);
    expect(fake.registered).toEqual([]);
  });

  test("ends the registrations when a later request shortens its wait", async () => {
    const session = await openWithBoth();
    fake.isStopping = true;
    const patient = session.leave(Number.POSITIVE_INFINITY);
    await fake.pair.settled();
    expect(fake.registered.map(({ name }) => name)).toEqual([SUBSCRIBE]);
    expect(await session.leave(1_550)).toBe(true);
    expect(await patient).toBe(true);
    expect(fake.registered).toEqual([]);
  });

  test("releases every capability of the node before it closes", async () => {
    const session = await openWithBoth();
    const { exports } = fake.pair.server;
    const exported = new Set<number>();
    for (let id = 0; id < 20; id++) if (exports.server(id) !== undefined) exported.add(id);
    // Init, ThreadMap, one thread, Chain, Node, Tracing and two handlers.
    expect(exported.size).toBe(8);
    const release = exports.release.bind(exports);
    exports.release = (id, references) => {
      exported.delete(id);
      return release(id, references);
    };
    await session.leave(TIME_ENOUGH_MS);
    await fake.pair.serverEnded;
    expect(exported).toEqual(new Set());
  });

  test("without a registration closes immediately", async () => {
    const session = await open();
    expect(await session.leave(TIME_ENOUGH_MS)).toBe(true);
    expect(laterCalls()).toEqual([]);
  });

  test("waits for a registration that is under way, and ends it", async () => {
    const session = await open();
    const { release, arrived } = fake.hold(SUBSCRIBE);
    const subscribed = session.subscribe(TIME_ENOUGH_MS);
    await arrived;
    const left = session.leave(TIME_ENOUGH_MS);
    await fake.pair.settled();
    expect(fake.connection.ended).toBeUndefined();
    release();
    await subscribed;
    expect(await left).toBe(true);
    expect(laterCalls()).toEqual([SUBSCRIBE, END_SUBSCRIPTION]);
  });

  test("waits for a call that the node is executing", async () => {
    fake = new FakeNode({ values: { "Node.getMempoolSize": { result: 5n } } });
    const session = await openWithBoth();
    const { release, arrived } = fake.hold("Node.getMempoolSize");
    const size = session.queries!.getMempoolSize();
    await arrived;
    const left = session.leave(TIME_ENOUGH_MS);
    await fake.pair.settled();
    expect(fake.registered).toEqual([]);
    expect(fake.connection.ended).toBeUndefined();
    release();
    expect(await left).toBe(true);
    expect(await size).toBe(5n);
  });

  test("answers callbacks meanwhile", async () => {
    const session = await openWithBoth();
    const { release, arrived } = fake.hold(END_TRACE);
    const left = session.leave(TIME_ENOUGH_MS);
    await arrived;
    await fake.callbackOf(SUBSCRIBE).ask(transactionAdded).results;
    await fake.callbackOf(TRACE).ask(add, (params) => Object.assign(params._initUtxoInfo(), { value: 1n })).results;
    expect(log.take()).toEqual(["transactionAddedToMempool 0", "add 1"]);
    release();
    expect(await left).toBe(true);
  });

  test("from a node that never answers ends at the deadline, and reports that", async () => {
    const session = await openWithBoth();
    fake.hold(END_SUBSCRIPTION);
    fake.hold(END_TRACE);
    expect(await session.leave(SHORT_MS)).toBe(false);
    expect(fake.connection.ended?.message).toBe("connection closed by us");
    expect(fake.connection.sizes).toEqual(EMPTY_TABLES);
  });

  test("with less time than the end of a registration needs sets no negative timer", async () => {
    const session = await openWithBoth();
    using setTimer = spyOn(globalThis, "setTimeout");
    await session.leave(SHORT_MS);
    const delaysMs = setTimer.mock.calls.map(([, delayMs]) => delayMs ?? 0);
    expect(delaysMs).not.toEqual([]);
    expect(delaysMs.filter((delayMs) => delayMs < 0)).toEqual([]);
  });

  test("from a node that never answers the registration ends at the deadline", async () => {
    const session = await open();
    fake.hold(SUBSCRIBE);
    const rejection = session.subscribe(TIME_ENOUGH_MS).catch((error) => error);
    expect(await session.leave(SHORT_MS)).toBe(false);
    expect(await rejection).toMatchObject({ kind: "disconnected" });
  });

  test("ends the other registrations even if one does not end", async () => {
    fake = new FakeNode({ deadlineMs: 20 });
    const session = await openWithBoth();
    fake.hold(END_TRACE);
    const other = fake.hold(END_SUBSCRIPTION);
    const left = session.leave(TIME_ENOUGH_MS);
    await other.arrived;
    other.release();
    await fake.pair.settled();
    expect(fake.registered.map(({ name }) => name)).toEqual([TRACE]);
    fake.connection.disconnected("the node went away");
    await left;
  });

  test("from a node that refuses to end a registration ends at the deadline", async () => {
    const session = await openWithBoth();
    fake.refuse(END_TRACE, new RpcError("failed", "no"));
    expect(await session.leave(50)).toBe(false);
    expect(laterCalls()).toEqual([SUBSCRIBE, TRACE, END_TRACE, END_SUBSCRIPTION]);
    expect(fake.registered.map(({ name }) => name)).toEqual([TRACE]);
  });

  test("that is requested twice ends each registration once, and both requests get the result", async () => {
    const session = await openWithBoth();
    expect(await Promise.all([session.leave(TIME_ENOUGH_MS), session.leave(TIME_ENOUGH_MS)])).toEqual([true, true]);
    expect(laterCalls()).toEqual([SUBSCRIBE, TRACE, END_TRACE, END_SUBSCRIPTION]);
  });

  test("from a node that has disconnected does not reject", async () => {
    const session = await openWithBoth();
    fake.connection.disconnected("the node went away");
    await session.leave(TIME_ENOUGH_MS);
    expect(laterCalls()).toEqual([SUBSCRIBE, TRACE]);
  });

  test("from a node that disconnects meanwhile does not wait for the deadline", async () => {
    const session = await openWithBoth();
    const { arrived } = fake.hold(END_TRACE);
    const left = session.leave(LONGER_THAN_A_TEST_MS);
    await arrived;
    fake.pair.server.close();
    await left;
  });

  test("ends the registrations even if every thread of the node hangs", async () => {
    const stuck = ["getMempoolSize", "getMempoolMaxUsage", "getTotalBytesRecv", "getTotalBytesSent"] as const;
    const values = Object.fromEntries(stuck.map((name) => [`Node.${name}`, {}]));
    fake = new FakeNode({ deadlineMs: SHORT_MS, values });
    const session = await openWithBoth();
    const releases = stuck.map((name) => fake.hold(`Node.${name}`).release);
    const pending = stuck.map((name) => session.queries![name]());
    await fake.pair.settled();
    await expect(session.queries!.getNodeCount()).rejects.toMatchObject({ kind: "overloaded" });
    const left = session.leave(TIME_ENOUGH_MS);
    await fake.pair.settled();
    expect(fake.registered).toEqual([]);
    for (const release of releases) release();
    expect(await left).toBe(true);
    await Promise.all(pending);
  });
});

describe("a stopping node", () => {
  test("reports that", async () => {
    const session = await open();
    expect(await session.isStopping()).toBe(false);
    fake.isStopping = true;
    expect(await Promise.all([session.isStopping(), session.isStopping()])).toEqual([true, true]);
    // Two checks at the same time are one call, and a stop is final.
    expect(await session.isStopping()).toBe(true);
    expect(fake.calls.filter((name) => name === IS_STOPPING)).toHaveLength(2);
    await session.leave(TIME_ENOUGH_MS);
  });

  test("that cannot report it counts as running, and is called for it once", async () => {
    const session = await open();
    fake.refuse(IS_STOPPING, new RpcError("unimplemented", "what?"));
    expect([await session.isStopping(), await session.isStopping()]).toEqual([false, false]);
    expect(fake.calls.filter((name) => name === IS_STOPPING)).toHaveLength(1);
    await session.leave(TIME_ENOUGH_MS);
  });

  test("provides no Mining any more, on layouts that wait for the chain", async () => {
    const events = { chain: log.chain, utxoCache: log.utxoCache };
    const session = await NodeClient.open(fake.connection, events, { callTimeoutMs: TIME_ENOUGH_MS, layout: "v31" });
    expect(await session.isStopping()).toBe(true);
    await session.leave(TIME_ENOUGH_MS);
  });

  test("waits during its last flush until nothing is registered any more", async () => {
    const session = await openWithBoth();
    fake.isStopping = true;
    const { release, arrived } = fake.hold(END_TRACE);
    const flush = fake.callbackOf(SUBSCRIBE).ask(chainStateFlushed);
    let isAnswered = false;
    flush.returned.then(() => {
      isAnswered = true;
    });
    await arrived;
    await fake.pair.settled();
    expect(isAnswered).toBe(false);
    expect(session.isOver).toBe(true);
    release();
    await flush.results;
    expect(fake.registered).toEqual([]);
    expect(log.take()).toEqual(["chainStateFlushed"]);
    expect((await fake.pair.clientEnded).message).toBe("connection closed by us");
  });

  test("is checked again during a flush: an earlier check can have an outdated answer", async () => {
    const session = await open();
    await session.subscribe(TIME_ENOUGH_MS);
    const { down } = fake.pair;
    const asking = session.isStopping();
    // The node's answer to that and its last flush come at once.
    down.isHeld = true;
    await fake.pair.settled();
    fake.isStopping = true;
    const registeredWhenAnswered = fake
      .callbackOf(SUBSCRIBE)
      .ask(chainStateFlushed)
      .returned.then(() => fake.registered.length);
    await fake.pair.settled();
    down.letGo();
    expect(await asking).toBe(false);
    expect(await registeredWhenAnswered).toBe(0);
    expect((await fake.pair.clientEnded).message).toBe("connection closed by us");
    expect(fake.calls.filter((name) => name === IS_STOPPING)).toHaveLength(2);
  });

  test("is disconnected only during its last flush, so that it waits for the exporter", async () => {
    const session = await open();
    await session.subscribe(TIME_ENOUGH_MS);
    fake.isStopping = true;
    const left = session.leave(TIME_ENOUGH_MS);
    await fake.pair.settled();
    expect(fake.registered).toHaveLength(1);
    await fake.callbackOf(SUBSCRIBE).ask(chainStateFlushed).results;
    expect(await left).toBe(true);
    expect(fake.registered).toEqual([]);
  });

  test("that runs on: its flush is answered immediately", async () => {
    const session = await open();
    await session.subscribe(TIME_ENOUGH_MS);
    await fake.callbackOf(SUBSCRIBE).ask(chainStateFlushed).results;
    expect(log.take()).toEqual(["chainStateFlushed"]);
    expect(session.isOver).toBe(false);
    expect(await session.leave(TIME_ENOUGH_MS)).toBe(true);
  });
});
