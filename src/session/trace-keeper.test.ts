import { afterEach, beforeEach, describe, expect, mock, spyOn, test } from "bun:test";
import { SessionNode } from "../../test/builders/session-node.ts";
import { BusyClock } from "../rpc/busy-clock.ts";
import { DeadlineError, RpcError } from "../rpc/errors.ts";
import { TraceBudget } from "./trace-budget.ts";
import { TraceKeeper } from "./trace-keeper.ts";

const DEADLINE_MS = 10_000;
const RETRY_MS = 60_000;
const SECOND = 1000;

const REFUSED = new RpcError("failed", "for the test");

let node: SessionNode;
let budget: TraceBudget;
let clock: BusyClock;
let mayBeSyncing: boolean;
/** What the gauge was set to, in order. */
let active: boolean[];
let errors: [method: string, error: unknown][];
let lines: string[];
let now: number;
let keeper: TraceKeeper;

beforeEach(() => {
  budget = new TraceBudget(25);
  clock = new BusyClock();
  mayBeSyncing = false;
  active = [];
  errors = [];
  lines = [];
  now = 1_000_000;
  spyOn(performance, "now").mockImplementation(() => now);
  meetNode();
});
afterEach(() => {
  mock.restore();
  for (const deadlineMs of node.traceDeadlinesMs) expect(deadlineMs).toBe(DEADLINE_MS);
});

/** A new connection. */
function meetNode(): void {
  node = new SessionNode();
  keeper = new TraceKeeper({
    client: node,
    budget,
    clock,
    deadlineMs: DEADLINE_MS,
    retryMs: RETRY_MS,
    mayBeSyncing: () => mayBeSyncing,
    setActive: (isActive) => active.push(isActive),
    onError: (...error) => errors.push(error),
    log: (line) => lines.push(line),
    debug: (line) => lines.push(`debug: ${line}`),
  });
}

/** Tends once a second for so long, callbacks keeping the node busy for this share of it; stops when the node is called. */
async function pass(seconds: number, share = 0): Promise<void> {
  for (let second = 0; second < seconds && !node.isWaiting; second++) {
    now += SECOND;
    clock.record(now - share * SECOND, now);
    void keeper.tend();
    await settle();
  }
}

async function settle(): Promise<void> {
  for (let tick = 0; tick < 20; tick++) await Promise.resolve();
}

async function answered(): Promise<void> {
  node.answer();
  await settle();
}

async function refused(error: Error): Promise<void> {
  node.refuse(error);
  await settle();
}

/** Registers, without anything else to be seen. */
async function traced(): Promise<void> {
  await pass(1);
  await answered();
  expect(node.traceCalls).toEqual(["trace"]);
  expect(active).toEqual([false, true]);
  expect(lines.splice(0)).toEqual(["debug: tracing the UTXO cache"]);
  node.traceCalls.length = active.length = 0;
}

/** Uses up the budget until the keeper ends the trace. */
async function overspent(): Promise<void> {
  await pass(15, 0.5);
  expect(node.traceCalls).toEqual(["end"]);
  node.traceCalls.length = 0;
}

test("the next check waits for a late registration, and not only the one after a refusal", async () => {
  await pass(1);
  await refused(new DeadlineError("Tracing.traceUtxoCache was not answered within 10000 ms"));
  expect(errors).toHaveLength(1);
  await pass(1);
  expect(node.traceCalls).toEqual(["trace", "trace"]);
  await answered();
  expect(active).toEqual([false, true]);
});

describe("a late registration is awaited, and then kept within the budget,", () => {
  const LATE = new DeadlineError("Tracing.traceUtxoCache was not answered within 10000 ms");

  test("though the node may have begun to sync meanwhile", async () => {
    await pass(1);
    await refused(LATE);
    mayBeSyncing = true;
    await pass(1);
    expect(node.traceCalls).toEqual(["trace", "trace"]);
    await refused(LATE);
    await pass(1);
    await answered();
    expect(active).toEqual([false, true]);
    node.traceCalls.length = 0;
    await overspent();
    await answered();
    expect(active).toEqual([false, true, false]);
    // Ended, it waits as ever.
    await pass(500);
    expect(node.traceCalls).toEqual([]);
  });

  test("whatever the budget is meanwhile", async () => {
    await pass(1);
    await refused(LATE);
    budget.pause(now);
    await pass(1);
    await answered();
    expect(active).toEqual([false, true]);
  });

  test("unless the node refuses it after all: then it is requested again as usual", async () => {
    await pass(1);
    await refused(LATE);
    mayBeSyncing = true;
    await pass(1);
    await refused(REFUSED);
    await pass(500);
    expect(node.traceCalls).toEqual(["trace", "trace"]);
    mayBeSyncing = false;
    await pass(1);
    expect(node.traceCalls).toEqual(["trace", "trace", "trace"]);
  });
});

const PAUSED = (share: number, pauseS: number) =>
  `paused the UTXO trace for ${pauseS} s: callbacks used ${share} % of the node's time, over the budget of 25 %`;

describe("a registration", () => {
  test("is reported when it exists, and no earlier", async () => {
    expect(active).toEqual([false]);
    await pass(1);
    expect(active).toEqual([false]);
    await answered();
    expect(active).toEqual([false, true]);
    expect(lines).toEqual(["debug: tracing the UTXO cache"]);
    await pass(100, 0.2);
    expect(node.traceCalls).toEqual(["trace"]);
  });

  test("waits until initial block download is over", async () => {
    mayBeSyncing = true;
    await pass(500, 1);
    expect(node.traceCalls).toEqual([]);
    mayBeSyncing = false;
    await pass(1);
    expect(node.traceCalls).toEqual(["trace"]);
  });

  test("is requested once, however long it takes", async () => {
    void keeper.tend();
    for (let second = 0; second < 100; second++) {
      now += SECOND;
      await keeper.tend();
    }
    expect(node.traceCalls).toEqual(["trace"]);
  });

  test("that is refused is requested again after a pause", async () => {
    await pass(1);
    await refused(REFUSED);
    expect(errors).toEqual([["Tracing.traceUtxoCache", REFUSED]]);
    await pass(RETRY_MS / SECOND - 1);
    expect(node.traceCalls).toEqual(["trace"]);
    await pass(1);
    expect(node.traceCalls).toEqual(["trace", "trace"]);
    expect(active).toEqual([false]);
    await answered();
    expect(active).toEqual([false, true]);
  });

  test("is not requested once the client has ended", async () => {
    node.isOver = true;
    await pass(100);
    expect(node.traceCalls).toEqual([]);
  });

  test("that fails with the end of the client is not reported", async () => {
    await pass(1);
    node.isOver = true;
    await refused(REFUSED);
    expect(errors).toEqual([]);
  });

  test("that completes after the end of the client is not reported", async () => {
    await pass(1);
    node.isOver = true;
    await answered();
    expect(active).toEqual([false]);
    expect(lines).toEqual([]);
  });
});

describe("a trace that is over the budget", () => {
  test("is ended, with a line, and registered again after a minute, then two", async () => {
    await traced();
    await overspent();
    expect(active).toEqual([]);
    await answered();
    expect(active).toEqual([false]);
    expect(lines).toEqual([PAUSED(30, 60)]);

    await pass(59, 1);
    expect(node.traceCalls).toEqual([]);
    await pass(1, 1);
    expect(node.traceCalls).toEqual(["trace"]);
    await answered();
    expect(active).toEqual([false, true]);
    await pass(15, 1);
    await answered();
    expect(lines.at(-1)).toBe(PAUSED(30, 120));
    expect(node.traceCalls).toEqual(["trace", "end"]);
    await pass(119, 1);
    expect(node.traceCalls).toHaveLength(2);
    await pass(1);
    expect(node.traceCalls).toEqual(["trace", "end", "trace"]);
  });

  test("is not registered earlier in the next client", async () => {
    await traced();
    await overspent();
    await answered();
    await pass(30);
    meetNode();
    await pass(29);
    expect(node.traceCalls).toEqual([]);
    await pass(1);
    expect(node.traceCalls).toEqual(["trace"]);
  });

  test("waits for the end of another initial block download", async () => {
    await traced();
    await overspent();
    await answered();
    mayBeSyncing = true;
    await pass(200);
    expect(node.traceCalls).toEqual([]);
    mayBeSyncing = false;
    await pass(1);
    expect(node.traceCalls).toEqual(["trace"]);
  });

  test("whose end is refused stays registered, and its end is requested every second, busy or not", async () => {
    await traced();
    await overspent();
    for (let refusal = 1; refusal <= 20; refusal++) {
      await refused(REFUSED);
      expect(errors).toHaveLength(refusal);
      await pass(1, 0);
    }
    expect(errors[0]).toEqual(["Handler.disconnect", REFUSED]);
    expect(node.traceCalls).toEqual(new Array(20).fill("end"));
    expect(active).toEqual([]);
    await answered();
    expect(active).toEqual([false]);
    // The share that it was ended for, and the pause from when it was.
    expect(lines).toEqual([PAUSED(30, 60)]);
    await pass(59);
    expect(node.traceCalls).toHaveLength(20);
    await pass(1);
    expect(node.traceCalls.at(-1)).toBe("trace");
  });

  test("is ended once, however long that takes", async () => {
    await traced();
    await overspent();
    for (let second = 0; second < 100; second++) {
      now += SECOND;
      await keeper.tend();
    }
    expect(node.traceCalls).toEqual([]);
    expect(node.isWaiting).toBe(true);
  });

  test("whose end fails with the client is not reported", async () => {
    await traced();
    await overspent();
    node.isOver = true;
    await refused(REFUSED);
    expect({ errors, active, lines }).toEqual({ errors: [], active: [], lines: [] });
    await pass(200);
    expect(node.traceCalls).toEqual([]);
  });

  test("whose end completes after the client is not reported, and starts no pause", async () => {
    await traced();
    await overspent();
    node.isOver = true;
    await answered();
    expect({ active, lines }).toEqual({ active: [], lines: [] });
    expect(budget.isPaused(now)).toBe(false);
  });
});
