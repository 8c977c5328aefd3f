import { expect, test } from "bun:test";
import { NO_MINING } from "../../test/builders/no-queries.ts";
import { SessionNode } from "../../test/builders/session-node.ts";
import {
  followingTip,
  fromMining,
  fromRpc,
  type PolledFamily,
  polledInto,
  type RpcSource,
} from "../collectors/collector.ts";
import type { RpcMethod } from "../node/calls.ts";
import { AnswerTooLargeError, isPermanent, JsonRpcError, RefusedError, type RpcOutcome } from "../node/json-rpc.ts";
import { DeadlineError, NotSentError, RpcError } from "../rpc/errors.ts";
import { choosePolledCalls } from "./polled-calls.ts";
import { Poller } from "./poller.ts";

/** What is shown of each family: its last value, or nothing after a failure or a clear. */
class Shown {
  readonly values = new Map<string, unknown>();

  family(name: string, ...sources: PolledFamily["sources"]): PolledFamily {
    const target = {
      set: (value: unknown) => void this.values.set(name, value),
      clear: () => void this.values.delete(name),
    };
    return polledInto(target, ...sources);
  }

  /** A family with the name of its method. */
  node(node: SessionNode, method: string, answer: () => unknown = () => 1): PolledFamily {
    const read = async () => {
      node.calls.push([method]);
      return answer();
    };
    return this.family(method, { kind: "node", method, read });
  }

  mining(node: SessionNode, method: string): PolledFamily {
    return this.family(
      method,
      fromMining(method, async () => node.calls.push([method])),
    );
  }

  rpc(
    method: RpcMethod,
    options: Pick<RpcSource<unknown>, "params" | "every" | "isWanted"> = {},
    name: string = method,
  ): PolledFamily {
    return this.family(
      name,
      fromRpc(method, options)((result) => result),
    );
  }
}

interface Failure {
  readonly method: string;
  readonly error: unknown;
  readonly isMissing: boolean;
}

function pollerOf(node: SessionNode, ...families: PolledFamily[]) {
  const failures: Failure[] = [];
  const answered: string[] = [];
  const poller = new Poller({
    client: node,
    calls: choosePolledCalls(families, node.kinds),
    onAnswer: (method) => answered.push(method),
    onError: (method, error) => void failures.push({ method, error, isMissing: isPermanent(error) }),
  });
  return { poller, failures, answered };
}

const missing = { error: new JsonRpcError(-32601, "Method not found") };
const refused = { error: new JsonRpcError(-1, "refused") };

test("every poll makes all calls, those of JSON-RPC in one batch", async () => {
  const node = new SessionNode("node", "jsonRpc");
  const shown = new Shown();
  const families = [
    shown.node(node, "Chain.a"),
    shown.node(node, "Node.b"),
    shown.rpc("uptime"),
    shown.rpc("getpeerinfo"),
  ];
  const { poller, answered, failures } = pollerOf(node, ...families);
  const round = [["Chain.a"], ["Node.b"], ["uptime", "getpeerinfo"]];
  await poller.poll();
  expect(node.calls).toEqual(round);
  expect(answered).toEqual(["Chain.a", "Node.b", "uptime", "getpeerinfo"]);
  await poller.poll();
  expect(node.calls).toEqual([...round, ...round]);
  expect(failures).toEqual([]);
  poller.clear();
  expect(shown.values.size).toBe(0);
});

test("a refused Mining call is repeated", async () => {
  const node = new SessionNode("mining");
  node.mining = () => Promise.reject(new RpcError("failed", "loading"));
  const shown = new Shown();
  const { poller, failures } = pollerOf(node, shown.mining(node, "Mining.getTip"));
  await poller.poll();
  expect(failures).toMatchObject([{ method: "Mining.getTip", isMissing: false }]);
  node.mining = async () => NO_MINING;
  await poller.poll();
  expect([...shown.values.keys()]).toEqual(["Mining.getTip"]);
});

test("a method that the node does not have is not called again", async () => {
  const node = new SessionNode("node", "jsonRpc");
  const shown = new Shown();
  const unimplemented = () => Promise.reject(new RpcError("unimplemented", "Method not implemented."));
  const { poller, failures } = pollerOf(
    node,
    shown.node(node, "Chain.a", unimplemented),
    shown.node(node, "Node.b"),
    shown.rpc("getindexinfo"),
    shown.rpc("uptime"),
  );
  node.outcomes.set("getindexinfo", missing);
  await poller.poll();
  expect(failures).toMatchObject([
    { method: "Chain.a", isMissing: true },
    { method: "getindexinfo", isMissing: true },
  ]);
  // Should the node support it later, another connection finds out.
  node.outcomes.clear();
  node.calls.length = 0;
  await poller.poll();
  await poller.poll();
  const round = [["Node.b"], ["uptime"]];
  expect(node.calls).toEqual([...round, ...round]);
  expect(failures).toHaveLength(2);
  expect([...shown.values.keys()].sort()).toEqual(["Node.b", "uptime"]);
});

test("of two polls of a method, only the one with unsupported parameters is missing", async () => {
  const node = new SessionNode("jsonRpc");
  const shown = new Shown();
  const families = [2, 6].map((target) => shown.rpc("estimatesmartfee", { params: [target] }, `fee ${target}`));
  const answers: RpcOutcome[] = [missing, { result: true }];
  node.jsonRpcCall = async (requests) => {
    node.calls.push(requests.map(({ params }) => String(params)));
    return answers;
  };
  const { poller } = pollerOf(node, ...families);
  await poller.poll();
  answers.shift();
  await poller.poll();
  expect(node.calls).toEqual([["2", "6"], ["6"]]);
});

test("a failed call is repeated at the next poll", async () => {
  const node = new SessionNode("node", "jsonRpc");
  const shown = new Shown();
  let fails = true;
  const sometimes = () => (fails ? Promise.reject(new RpcError("failed", "not now")) : 5);
  const blocks = fromRpc("getblockchaininfo")(() => {
    throw new Error("blocks is not a number");
  });
  const { poller, failures } = pollerOf(
    node,
    shown.node(node, "Chain.a", sometimes),
    shown.node(node, "Node.b"),
    shown.family("blocks", blocks),
    shown.rpc("uptime"),
    shown.rpc("getpeerinfo"),
  );
  node.outcomes.set("uptime", refused);
  await poller.poll();
  expect(failures.map(({ method, isMissing }) => [method, isMissing])).toEqual([
    ["Chain.a", false],
    ["getblockchaininfo", false],
    ["uptime", false],
  ]);
  expect([...shown.values.keys()].sort()).toEqual(["Node.b", "getpeerinfo"]);
  fails = false;
  node.outcomes.clear();
  await poller.poll();
  expect([...shown.values.keys()].sort()).toEqual(["Chain.a", "Node.b", "getpeerinfo", "uptime"]);
});

test("a batch that fails as a whole is split at once, so that the slow method fails alone", async () => {
  const node = new SessionNode("jsonRpc");
  const shown = new Shown();
  const families = [shown.rpc("uptime"), shown.rpc("getchaintips"), shown.rpc("getpeerinfo")];
  const { poller, failures } = pollerOf(node, ...families);
  node.fatal.set("getchaintips", new DeadlineError("late"));
  await poller.poll();
  expect(node.calls).toEqual([
    ["uptime", "getchaintips", "getpeerinfo"],
    ["uptime"],
    ["getchaintips"],
    ["getpeerinfo"],
  ]);
  expect(failures).toMatchObject([{ method: "getchaintips", isMissing: false }]);
  expect([...shown.values.keys()].sort()).toEqual(["getpeerinfo", "uptime"]);
});

test("a late answer is shown when it arrives, and until then the last one is", async () => {
  const node = new SessionNode("jsonRpc", "node");
  const shown = new Shown();
  let answer: () => Promise<unknown> = async () => 1;
  const { poller, failures } = pollerOf(
    node,
    shown.node(node, "Chain.a", () => answer()),
    shown.rpc("uptime"),
  );
  await poller.poll();
  const slow = Promise.withResolvers<unknown>();
  answer = () => slow.promise;
  node.fatal.set("uptime", new DeadlineError("late"));
  await poller.poll();
  expect(failures.map(({ method, error }) => [method, (error as Error).name])).toEqual([
    ["Chain.a", "DeadlineError"],
    ["uptime", "DeadlineError"],
  ]);
  expect([...shown.values.values()]).toEqual([1, true]);
  slow.resolve(2);
  node.late.resolve({ result: false });
  await Bun.sleep(0);
  expect([...shown.values.values()]).toEqual([2, false]);
});

test("a late batch does not overwrite the newer answers of its methods", async () => {
  const node = new SessionNode("jsonRpc");
  const shown = new Shown();
  const { poller, failures } = pollerOf(node, shown.rpc("uptime"), shown.rpc("getnettotals"));
  node.fatal.set("uptime", new DeadlineError("late"));
  await poller.poll();
  expect(shown.values.get("getnettotals")).toBe(true);
  node.late.resolve({ result: false });
  await Bun.sleep(0);
  // Of the method that is late by itself, too, the late answer is the newest.
  expect(Object.fromEntries(shown.values)).toEqual({ uptime: false, getnettotals: true });
  expect(failures).toMatchObject([{ method: "uptime" }]);
});

test("a call that is refused because an earlier one is late leaves the sample", async () => {
  const node = new SessionNode("jsonRpc");
  const shown = new Shown();
  const { poller } = pollerOf(node, shown.rpc("uptime"));
  await poller.poll();
  node.outcomes.set("uptime", { error: new NotSentError("the node is still processing an earlier call") });
  await poller.poll();
  expect(shown.values.get("uptime")).toBe(true);
  node.outcomes.set("uptime", { error: new RpcError("overloaded", "the node's own answer") });
  await poller.poll();
  expect(shown.values.size).toBe(0);
});

test("a late answer after the session is not shown", async () => {
  const node = new SessionNode("jsonRpc");
  const shown = new Shown();
  const { poller } = pollerOf(node, shown.rpc("uptime"));
  node.fatal.set("uptime", new DeadlineError("late"));
  await poller.poll();
  node.isOver = true;
  node.late.resolve({ result: true });
  await Bun.sleep(0);
  expect(shown.values.size).toBe(0);
});

test("an old value has no sample", async () => {
  const node = new SessionNode("jsonRpc");
  const shown = new Shown();
  const { poller } = pollerOf(node, shown.rpc("uptime"), shown.rpc("getchaintips", { every: 10 }));
  await poller.poll();
  const asked: number[] = [];
  poller.clearOld((every) => {
    asked.push(every);
    return every === 1 ? -1 : 60_000;
  });
  expect(asked).toEqual([1, 10]);
  expect([...shown.values.keys()]).toEqual(["getchaintips"]);
});

test("a call that the node may not accept waits for the answer that shows it, and is made in the next round", async () => {
  const node = new SessionNode("jsonRpc");
  const shown = new Shown();
  let isWanted = false;
  const { poller } = pollerOf(
    node,
    shown.rpc("uptime"),
    shown.rpc("estimatesmartfee", { every: 3, isWanted: () => isWanted }),
  );
  const round = async () => {
    node.calls.length = 0;
    await poller.poll();
    return node.calls.flat();
  };
  expect(await round()).toEqual(["uptime"]);
  expect(await round()).toEqual(["uptime"]);
  isWanted = true;
  expect(await round()).toEqual(["uptime", "estimatesmartfee"]);
  // Due by its turn.
  expect(await round()).toEqual(["uptime", "estimatesmartfee"]);
  expect(await round()).toEqual(["uptime"]);
  isWanted = false;
  expect([await round(), await round()]).toEqual([["uptime"], ["uptime"]]);
});

test("what failed in a round, and what waited for one of its answers, can be asked before the next", async () => {
  const node = new SessionNode("jsonRpc");
  const shown = new Shown();
  let isWanted = false;
  const { poller } = pollerOf(
    node,
    shown.rpc("uptime"),
    shown.rpc("getchaintips"),
    shown.rpc("estimatesmartfee", { every: 3, isWanted: () => isWanted }),
    shown.rpc("getindexinfo", { isWanted: () => false }),
  );
  node.outcomes.set("getchaintips", { error: new Error("not now") });
  await poller.poll();
  isWanted = true;
  node.calls.length = 0;
  await poller.pollOverdue();
  expect(node.calls.flat()).toEqual(["getchaintips", "estimatesmartfee"]);
  expect([...shown.values.keys()].sort()).toEqual(["estimatesmartfee", "uptime"]);
});

test("after a tip only the families that follow it are polled, and rare calls do not come earlier", async () => {
  const node = new SessionNode("jsonRpc");
  const shown = new Shown();
  const families = [
    ...followingTip([shown.rpc("getblockchaininfo")]),
    shown.rpc("uptime"),
    shown.rpc("getchaintips", { every: 2 }),
  ];
  const { poller } = pollerOf(node, ...families);
  for (let round = 0; round < 3; round++) await poller.pollAfterTip();
  await poller.poll();
  const chain = ["getblockchaininfo"];
  expect(node.calls).toEqual([chain, chain, chain, ["getblockchaininfo", "uptime", "getchaintips"]]);
});

test("a call whose answer is too large is repeated after growing pauses", async () => {
  const node = new SessionNode("jsonRpc");
  const { poller } = pollerOf(node, new Shown().rpc("listbanned"));
  node.outcomes.set("listbanned", { error: new AnswerTooLargeError("listbanned", 64 * 1024 * 1024) });
  const asked: number[] = [];
  for (let round = 0; round < 40; round++) {
    const before = node.calls.length;
    await poller.poll();
    if (node.calls.length > before) asked.push(round);
  }
  expect(asked).toEqual([0, 2, 6, 14, 30]);
  node.outcomes.clear();
  for (let round = 40; round < 64; round++) await poller.poll();
  expect(node.calls.length).toBe(asked.length + 2);
});

test("a method that the node's options disable is called once", async () => {
  const node = new SessionNode("jsonRpc");
  const { poller } = pollerOf(node, new Shown().rpc("estimatesmartfee"), new Shown().rpc("uptime"));
  node.outcomes.set("estimatesmartfee", { error: new JsonRpcError(-32603, "Fee estimation disabled") });
  node.outcomes.set("uptime", { error: new RefusedError("uptime: refused by the node's RPC whitelist", "") });
  await poller.poll();
  await poller.poll();
  expect(node.calls).toEqual([["estimatesmartfee", "uptime"]]);
});

test("a rare call that failed is repeated at the next poll", async () => {
  const node = new SessionNode("jsonRpc");
  const shown = new Shown();
  const { poller } = pollerOf(node, shown.rpc("getchaintips", { every: 5 }));
  node.outcomes.set("getchaintips", refused);
  await poller.poll();
  await poller.poll();
  node.outcomes.clear();
  for (let round = 2; round < 6; round++) await poller.poll();
  // At rounds 0, 1, 2 and 5.
  expect(node.calls).toHaveLength(4);
  expect(shown.values.size).toBe(1);
});

test.each([
  ["is late", new DeadlineError("late")],
  ["is still being worked on", new RpcError("overloaded", "the node is still processing an earlier call")],
])("a rare call that %s is not repeated earlier", async (_, error) => {
  for (const isFatal of [true, false]) {
    const node = new SessionNode("jsonRpc");
    const { poller, failures } = pollerOf(node, new Shown().rpc("getchaintips", { every: 5 }));
    if (isFatal) node.fatal.set("getchaintips", error);
    else node.outcomes.set("getchaintips", { error });
    for (let round = 0; round < 11; round++) await poller.poll();
    // At rounds 0, 5 and 10.
    expect(failures).toHaveLength(3);
  }
});

test("a rare call that failed and then is late is not repeated earlier", async () => {
  const node = new SessionNode("jsonRpc");
  const { poller, failures } = pollerOf(node, new Shown().rpc("getchaintips", { every: 5 }));
  node.outcomes.set("getchaintips", refused);
  await poller.poll();
  node.outcomes.set("getchaintips", { error: new DeadlineError("late") });
  for (let round = 1; round < 6; round++) await poller.poll();
  // At rounds 0, 1 and 5.
  expect(failures).toHaveLength(3);
});

test("an expensive call is made at the first poll, and then rarely", async () => {
  const node = new SessionNode("jsonRpc");
  const shown = new Shown();
  const { poller } = pollerOf(node, shown.rpc("uptime"), shown.rpc("getchaintips", { every: 3 }));
  for (let round = 0; round < 7; round++) await poller.poll();
  const rounds = node.calls.flatMap((methods, round) => (methods.includes("getchaintips") ? [round] : []));
  expect(rounds).toEqual([0, 3, 6]);
  // In between, the last answer stands.
  await poller.poll();
  expect([...shown.values.keys()].sort()).toEqual(["getchaintips", "uptime"]);
});

test("no call is made when none is due", async () => {
  const node = new SessionNode("jsonRpc");
  const { poller } = pollerOf(node, new Shown().rpc("getchaintips", { every: 2 }));
  await poller.poll();
  await poller.poll();
  expect(node.calls).toEqual([["getchaintips"]]);
});

test("once the client has ended, no call is made and no failure reported", async () => {
  const node = new SessionNode("node", "jsonRpc");
  const shown = new Shown();
  const gone = () => {
    node.isOver = true;
    throw new RpcError("disconnected", "the node closed the socket");
  };
  const families = [shown.node(node, "Chain.a", gone), shown.node(node, "Node.b"), shown.rpc("uptime")];
  const { poller, failures } = pollerOf(node, ...families);
  await poller.poll();
  expect(node.calls).toEqual([["Chain.a"]]);
  expect(failures).toEqual([]);
});

test("a client that ends between two calls of JSON-RPC gets no second one", async () => {
  const node = new SessionNode("jsonRpc");
  const shown = new Shown();
  const { poller, failures } = pollerOf(node, shown.rpc("uptime"), shown.rpc("getpeerinfo"));
  node.fatal.set("uptime", new DeadlineError("late"));
  node.during = () => {
    node.isOver = node.calls.length === 2;
  };
  await poller.poll();
  expect(node.calls).toEqual([["uptime", "getpeerinfo"], ["uptime"]]);
  expect(failures).toEqual([]);
});
