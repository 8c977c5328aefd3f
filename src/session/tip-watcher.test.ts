import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { ancestor } from "../../test/builders/block-tree.ts";
import { SessionNode } from "../../test/builders/session-node.ts";
import { eventually } from "../../test/eventually.ts";
import { JsonRpcError } from "../node/json-rpc.ts";
import { RpcError } from "../rpc/errors.ts";
import { IDLE_MS, watchTips } from "./tip-watcher.ts";

let node: SessionNode;
/** The reports, in order. */
let reports: string[];
/** Heights of the tips that just became one. */
let newHeights: number[];
let errors: [method: string, error: unknown][];
let isSyncing: boolean;
let watching: Promise<void>;
/** The watcher's pauses, in milliseconds, without those between two waits. They take no time. */
let pauses: number[];

beforeEach(() => {
  node = new SessionNode("block");
  node.tree.extend(100);
  reports = [];
  newHeights = [];
  errors = [];
  pauses = [];
  isSyncing = false;
});

afterEach(async () => {
  node.leave();
  await watching;
});

function watch(pollEveryMs?: number): void {
  watching = watchTips({
    client: node,
    async sleep(durationMs) {
      if (durationMs !== IDLE_MS) pauses.push(durationMs);
      await new Promise((resolve) => setTimeout(resolve, 0));
    },
    pollEveryMs,
    events: {
      startCountingBlocks: () => reports.push("counting"),
      tipChanged: () => reports.push("updated"),
      blocksCounted: ({ connected, disconnected }, height) =>
        reports.push(`-${disconnected} +${connected} to ${height}`),
      tipSeen: (height, heightBefore) => reports.push(`seen ${height} after ${heightBefore}`),
    },
    isSyncing: () => isSyncing,
    onTip({ hash, height }, isNew) {
      reports.push(`tip ${height} ${Number.parseInt(hash, 16)}`);
      if (isNew) newHeights.push(height);
    },
    onStopping: () => {
      reports.push("stopping");
      node.leave();
    },
    onError: (...error) => void errors.push(error),
  });
}

/** How many blocks were counted as connected. */
function countedBlocks(): number {
  return reports.reduce((sum, line) => sum + Number(/ \+(\d+) to /.exec(line)?.[1] ?? 0), 0);
}

/** Begins to watch, and resolves when the watcher waits for the next tip. */
async function watched(): Promise<void> {
  watch();
  await waiting(1);
  const tip = `tip 100 ${Number.parseInt(node.tree.active.hash, 16)}`;
  expect(reports).toEqual(node.jsonRpc === undefined ? [tip] : [tip, "counting"]);
  reports.length = 0;
}

/** Resolves when the watcher waits for the Nth time. */
async function waiting(count: number): Promise<void> {
  await eventually(`${count} waits`, () => node.waits.length >= count && Bun.peek.status(watching) === "pending");
  await new Promise((resolve) => setTimeout(resolve));
}

describe("with JSON-RPC", () => {
  test("the first tip is reported, and is not a change", async () => {
    await watched();
    expect(node.waits).toEqual([60_000]);
    expect(errors).toEqual([]);
  });

  test.each<[string, () => void, newHeight: number, counted: string, hash: number]>([
    ["one more block", () => node.extend(1), 101, "-0 +1 to 101", 102],
    ["several blocks at once", () => node.extend(3), 103, "-0 +3 to 103", 104],
    [
      "another branch, blocks disconnected and connected",
      () => node.extend(3, ancestor(node.tree.active, 98)),
      101,
      "-2 +3 to 101",
      104,
    ],
    [
      "a tip that the node's operator invalidated",
      () => {
        node.tree.active = ancestor(node.tree.active, 98);
        node.wake();
      },
      98,
      "-2 +0 to 98",
      99,
    ],
  ])("%s", async (_, change, newHeight, counted, hash) => {
    await watched();
    expect(newHeights).toEqual([]);
    change();
    await waiting(2);
    expect(newHeights).toEqual([newHeight]);
    expect(reports).toEqual([counted, "updated", `tip ${newHeight} ${hash}`]);
  });

  test("a wait that ends with the same tip reports nothing", async () => {
    await watched();
    node.wake();
    await waiting(2);
    expect(reports).toEqual([]);
    expect(pauses).toEqual([]);
  });

  test("while blocks arrive faster than they are reported, none is lost and none is reported twice", async () => {
    await watched();
    for (let round = 0; round < 50; round++) {
      node.extend(1 + (round % 3));
      if (round % 7 === 0) await new Promise((resolve) => setTimeout(resolve));
    }
    const last = node.tree.active.height;
    await eventually("the last tip", () => reports.some((line) => line.startsWith(`tip ${last} `)));
    expect(countedBlocks()).toBe(last - 100);
    expect(reports.some((line) => /^-[1-9]/.test(line))).toBe(false);
  });

  test("blocks that cannot be counted are reported later, all of them", async () => {
    await watched();
    const callAll = node.tree.callAll.bind(node.tree);
    node.tree.callAll = async (requests) => requests.map(() => ({ error: new JsonRpcError(-1, "not now") }));
    node.extend(2);
    await waiting(2);
    // The known part is reported at once; the wait for the next tip ends sooner, to try again.
    expect(reports).toEqual(["seen 102 after 100", "updated", "tip 102 103"]);
    expect(node.waits.at(-1)).toBe(5000);
    node.wake();
    await waiting(3);
    expect(errors).toMatchObject([
      ["getblockheader", { code: -1 }],
      ["getblockheader", { code: -1 }],
    ]);
    reports.length = 0;
    node.tree.callAll = callAll;
    node.extend(1);
    await waiting(4);
    expect(reports).toEqual(["-0 +3 to 103", "updated", "tip 103 104"]);
    expect(node.waits.at(-1)).toBe(60_000);
  });

  test("without getblockheader that is logged once, and only heights are reported", async () => {
    await watched();
    node.tree.callAll = async (requests) =>
      requests.map(() => ({ error: new JsonRpcError(-32601, "Method not found") }));
    node.extend(2);
    await waiting(2);
    node.extend(1);
    await waiting(3);
    expect(errors).toMatchObject([["getblockheader", { code: -32601 }]]);
    expect(reports).toEqual([
      ...["seen 102 after 100", "updated", "tip 102 103"],
      ...["seen 103 after 102", "updated", "tip 103 104"],
    ]);
  });
});

describe("blocks are counted only once the node has answered what counting needs", () => {
  test("a node that refuses it is watched without counting", async () => {
    node.tree.callAll = async (requests) =>
      requests.map(() => ({ error: new JsonRpcError(-32601, "Method not found") }));
    watch();
    await waiting(1);
    node.extend(1);
    await waiting(2);
    expect(reports).toEqual(["tip 100 101", "seen 101 after 100", "updated", "tip 101 102"]);
    expect(errors).toMatchObject([["getblockheader", { code: -32601 }]]);
    expect(node.waits).toEqual([60_000, 60_000]);
  });

  test("one that does not answer is called again after five seconds, and blocks are counted from then on", async () => {
    const callAll = node.tree.callAll.bind(node.tree);
    node.tree.callAll = async (requests) => requests.map(() => ({ error: new JsonRpcError(-1, "not now") }));
    watch();
    await waiting(1);
    expect([reports, node.waits]).toEqual([["tip 100 101"], [5000]]);
    node.extend(1);
    await waiting(2);
    expect(reports.splice(0)).toEqual(["tip 100 101", "seen 101 after 100", "updated", "tip 101 102"]);
    node.tree.callAll = callAll;
    node.wake();
    await waiting(3);
    node.extend(2);
    await waiting(4);
    expect(reports).toEqual(["counting", "-0 +2 to 103", "updated", "tip 103 104"]);
  });
});

test("without JSON-RPC, only the change and the height are reported", async () => {
  node = new SessionNode();
  node.tree.extend(100);
  await watched();
  const fork = node.tree.active;
  node.extend(2);
  await waiting(2);
  node.extend(3, fork);
  await waiting(3);
  node.tree.active = ancestor(node.tree.active, 98);
  node.wake();
  await waiting(4);
  node.extend(1);
  await waiting(5);
  expect(reports).toEqual([
    ...["seen 102 after 100", "updated", "tip 102 103"],
    ...["seen 103 after 102", "updated", "tip 103 106"],
    ...["seen 98 after 103", "updated", "tip 98 99"],
    ...["seen 99 after 98", "updated", "tip 99 107"],
  ]);
});

test("a node without a tip is polled every second", async () => {
  node.hasTip = false;
  watch();
  await eventually("three pauses", () => pauses.length >= 3);
  expect(new Set(pauses)).toEqual(new Set([1000]));
  expect(node.waits).toEqual([]);
  node.hasTip = true;
  await waiting(1);
  expect(reports).toEqual(["tip 100 101", "counting"]);
});

test("a syncing node is polled once a second", async () => {
  isSyncing = true;
  watch();
  await waiting(1);
  expect(pauses).toEqual([1000]);
  node.extend(40);
  await waiting(2);
  expect(pauses).toEqual([1000, 1000]);
  isSyncing = false;
  node.extend(1);
  await waiting(3);
  expect(pauses).toEqual([1000, 1000]);
  expect(countedBlocks()).toBe(41);
});

test("tips too far apart are not counted, and not requested again", async () => {
  await watched();
  const callAll = node.tree.callAll.bind(node.tree);
  // The node denies that its new tip is on the active chain, so that only a walk would lead to the fork.
  node.tree.callAll = async (requests) =>
    requests.map(() => ({ error: new JsonRpcError(-8, "Block height out of range") }));
  const far = { ...node.extend(1), height: 2_147_483_647 };
  node.tree.active = far;
  node.wake();
  await waiting(2);
  expect(errors).toMatchObject([["getblockheader", { name: "TooFarApartError" }]]);
  expect(reports.slice(0, 2)).toEqual(["seen 2147483647 after 100", "updated"]);
  node.tree.callAll = callAll;
  node.wake();
  await waiting(3);
  expect(errors).toHaveLength(1);
});

describe("polling the tip", () => {
  const EVERY_MS = 30_000;
  /** It is slept in pieces, the longest of them this long. */
  const PIECE_MS = 5000;
  const PIECES = EVERY_MS / PIECE_MS;

  /** Lets so many more looks pass. */
  async function looks(count: number): Promise<void> {
    const before = pauses.length;
    await eventually(`${count} looks`, () => pauses.length >= before + count * PIECES);
  }

  test("never leaves a call waiting in the node", async () => {
    watch(EVERY_MS);
    await looks(5);
    expect(new Set(pauses)).toEqual(new Set([PIECE_MS]));
    expect(node.waits).toEqual([]);
    expect(reports).toEqual(["tip 100 101", "counting"]);
  });

  test("counts the blocks between two polls, connected and disconnected", async () => {
    watch(EVERY_MS);
    await looks(2);
    const fork = node.tree.active;
    reports.length = 0;
    node.extend(2);
    await looks(2);
    node.extend(3, fork);
    await looks(2);
    expect(reports.filter((line) => !line.startsWith("tip "))).toEqual([
      ...["-0 +2 to 102", "updated"],
      ...["-2 +3 to 103", "updated"],
    ]);
    expect(node.waits).toEqual([]);
    // When they became the tip is not known.
    expect(newHeights).toEqual([]);
  });

  test("is no more frequent while the node syncs", async () => {
    isSyncing = true;
    watch(EVERY_MS);
    await looks(3);
    expect(new Set(pauses)).toEqual(new Set([PIECE_MS]));
  });

  test("continues after a failure", async () => {
    watch(EVERY_MS);
    await looks(1);
    node.failures.push(new RpcError("failed", "for the test"));
    await looks(3);
    expect(errors).toMatchObject([["Mining.getTip", { kind: "failed" }]]);
  });

  test("ends with the client, however long the interval", async () => {
    watch(24 * 60 * 60 * 1000);
    await eventually("it sleeps", () => pauses.length > 0);
    node.leave();
    await watching;
    expect(pauses.length).toBeLessThan(100);
  });
});

test("a failed call is logged, and repeated after a pause", async () => {
  await watched();
  node.failures.push(new RpcError("overloaded", "all 4 threads of the node are stuck in earlier calls"));
  node.extend(1);
  await eventually("the tip", () => reports.at(-1) === "tip 101 102");
  expect(errors).toMatchObject([["Mining.waitTipChanged", { kind: "overloaded" }]]);
  expect(pauses).toEqual([5000]);
});

test("a stopping node answers a wait without a tip: that is reported, and counts nothing", async () => {
  await watched();
  node.isStopping = true;
  node.wake();
  // As if the tip were another, which the fake node answers at once.
  node.tree.extend(1);
  await watching;
  expect(reports).toEqual(["stopping"]);
  expect(errors).toEqual([]);
});

test("ends with the client, without a log line", async () => {
  await watched();
  node.failures.push(new RpcError("disconnected", "the node closed the socket"));
  node.leave();
  await watching;
  expect(reports).toEqual([]);
  expect(errors).toEqual([]);
  expect(pauses).toEqual([]);
});
