import { expect, test } from "bun:test";
import type { Poll, RpcPoll } from "../collectors/collector.ts";
import type { RpcMethod } from "../node/calls.ts";
import type { NodeClient } from "../node/client.ts";
import { type JsonRpc, JsonRpcError, type RpcOutcome } from "../node/json-rpc.ts";
import type { MiningQueries } from "../node/mining.ts";
import type { NodeQueries } from "../node/node-queries.ts";
import { DeadlineError, RpcError } from "../rpc/errors.ts";
import { Poller, type Polls } from "./poller.ts";

/** Of each call that was made to a node, its methods. */
type Calls = string[][];

/** A client with a node that has these sources, which are asked nothing themselves: the polls here are fakes, too. */
class FakeNode {
  readonly calls: Calls = [];
  isOver = false;
  readonly queries: NodeQueries | undefined;
  readonly jsonRpc: JsonRpc | undefined;
  miningAsked = 0;
  /** JSON-RPC method → what becomes of it; others have the result true. */
  readonly outcomes = new Map<RpcMethod, RpcOutcome>();
  /** Methods that make a whole call fail. */
  readonly fatal = new Map<RpcMethod, Error>();
  /** Called while a call is under way. */
  during = () => {};

  constructor(...sources: ("queries" | "jsonRpc" | "mining")[]) {
    if (sources.includes("queries")) this.queries = {} as NodeQueries;
    if (sources.includes("jsonRpc")) {
      this.jsonRpc = {
        callAll: async (requests) => {
          this.calls.push(requests.map(({ method }) => method));
          this.during();
          for (const { method } of requests) if (this.fatal.has(method)) throw this.fatal.get(method)!;
          return requests.map(({ method }) => this.outcomes.get(method) ?? { result: true });
        },
      };
    }
  }

  async mining(): Promise<MiningQueries> {
    this.miningAsked++;
    return {} as MiningQueries;
  }

  get client(): NodeClient {
    return this as Pick<NodeClient, "queries" | "jsonRpc" | "isOver" | "mining"> as NodeClient;
  }
}

/** What is shown of each method: its last result, or nothing after a failure or a clear. */
class Shown {
  readonly values = new Map<string, unknown>();

  poll<Source>(method: string, calls: Calls, run: () => unknown = () => 1): Poll<Source> {
    return {
      method,
      run: async () => {
        calls.push([method]);
        this.values.delete(method);
        const value = (await run()) as number;
        this.values.set(method, value);
        return value;
      },
      clear: () => void this.values.delete(method),
    };
  }

  rpcPoll(method: RpcMethod, options: Partial<RpcPoll> = {}): RpcPoll {
    return {
      method,
      isSeedsOnly: false,
      read: (result, seeds) => void this.values.set(method, seeds ? [result, "seeds"] : [result]),
      clear: () => void this.values.delete(method),
      ...options,
    };
  }
}

interface Failure {
  readonly method: string;
  readonly error: unknown;
  readonly isMissing: boolean;
}

function pollerOf(node: FakeNode, polls: Partial<Polls>) {
  const failures: Failure[] = [];
  const answered: string[] = [];
  const all = { queryPolls: [], rpcPolls: [], miningPolls: [], ...polls };
  const poller = new Poller(node.client, all, {
    answered: (method) => answered.push(method),
    callFailed: (method, error, isMissing) => failures.push({ method, error, isMissing }),
  });
  return { poller, failures, answered };
}

const missing = { error: new JsonRpcError(-32601, "Method not found") };
const refused = { error: new JsonRpcError(-1, "refused") };

test("everything is asked at every poll, all of JSON-RPC at once", async () => {
  const node = new FakeNode("queries", "jsonRpc");
  const shown = new Shown();
  const { poller, answered, failures } = pollerOf(node, {
    queryPolls: [shown.poll("Chain.a", node.calls), shown.poll("Node.b", node.calls)],
    rpcPolls: [shown.rpcPoll("uptime"), shown.rpcPoll("getpeerinfo")],
  });
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

test("JSON-RPC fills the families of Chain and Node only where those are not to be had", async () => {
  for (const hasQueries of [true, false]) {
    const node = hasQueries ? new FakeNode("queries", "jsonRpc") : new FakeNode("jsonRpc");
    const shown = new Shown();
    const rpcPolls = [shown.rpcPoll("uptime"), shown.rpcPoll("getnettotals", { isSeedsOnly: true })];
    const { poller } = pollerOf(node, { queryPolls: [shown.poll("Chain.a", node.calls)], rpcPolls });
    await poller.poll();
    expect(node.calls).toEqual(hasQueries ? [["Chain.a"], ["uptime"]] : [["uptime", "getnettotals"]]);
    expect(shown.values.get("uptime")).toEqual(hasQueries ? [true] : [true, "seeds"]);
  }
});

test("what failed is cleared with the families that JSON-RPC has to fill", async () => {
  for (const hasQueries of [true, false]) {
    const node = hasQueries ? new FakeNode("queries", "jsonRpc") : new FakeNode("jsonRpc");
    const cleared: boolean[] = [];
    const poll = new Shown().rpcPoll("uptime", { clear: (seeds) => cleared.push(seeds) });
    node.outcomes.set("uptime", refused);
    const { poller } = pollerOf(node, { rpcPolls: [poll] });
    await poller.poll();
    expect(cleared).toEqual([!hasQueries]);
    // With the node, all of it goes.
    poller.clear();
    expect(cleared).toEqual([!hasQueries, true]);
  }
});

test("Mining is asked only where there is nothing else", async () => {
  for (const [sources, asked] of [
    [["mining"], 1],
    [["mining", "jsonRpc"], 0],
    [["mining", "queries"], 0],
  ] as const) {
    const node = new FakeNode(...sources);
    const { poller } = pollerOf(node, { miningPolls: [new Shown().poll("Mining.getTip", node.calls)] });
    await poller.poll();
    expect(node.miningAsked).toBe(asked);
    expect(node.calls).toHaveLength(asked);
  }
});

test("a node whose Mining is not to be had yet is asked again", async () => {
  const node = new FakeNode("mining");
  const mining = node.mining.bind(node);
  node.mining = () => Promise.reject(new RpcError("failed", "loading"));
  const shown = new Shown();
  const { poller, failures } = pollerOf(node, { miningPolls: [shown.poll("Mining.getTip", node.calls)] });
  await poller.poll();
  expect(failures).toMatchObject([{ method: "Mining.getTip", isMissing: false }]);
  node.mining = mining;
  await poller.poll();
  expect([...shown.values.keys()]).toEqual(["Mining.getTip"]);
});

test("a method that the node does not have is remembered and not asked again", async () => {
  const node = new FakeNode("queries", "jsonRpc");
  const shown = new Shown();
  const unimplemented = () => Promise.reject(new RpcError("unimplemented", "Method not implemented."));
  const { poller, failures } = pollerOf(node, {
    queryPolls: [shown.poll("Chain.a", node.calls, unimplemented), shown.poll("Node.b", node.calls)],
    rpcPolls: [shown.rpcPoll("getindexinfo"), shown.rpcPoll("uptime")],
  });
  node.outcomes.set("getindexinfo", missing);
  await poller.poll();
  expect(failures).toMatchObject([
    { method: "Chain.a", isMissing: true },
    { method: "getindexinfo", isMissing: true },
  ]);
  // Should it come to have it: another connection will see.
  node.outcomes.clear();
  node.calls.length = 0;
  await poller.poll();
  await poller.poll();
  const round = [["Node.b"], ["uptime"]];
  expect(node.calls).toEqual([...round, ...round]);
  expect(failures).toHaveLength(2);
  expect([...shown.values.keys()].sort()).toEqual(["Node.b", "uptime"]);
});

test("of two polls of a method, the one with parameters that the node does not take is the one that is missing", async () => {
  const node = new FakeNode("jsonRpc");
  const shown = new Shown();
  const rpcPolls = [2, 6].map((target) => shown.rpcPoll("estimatesmartfee", { params: [target] }));
  const answers: RpcOutcome[] = [missing, { result: true }];
  (node.jsonRpc as { callAll: JsonRpc["callAll"] }).callAll = async (requests) => {
    node.calls.push(requests.map(({ params }) => String(params)));
    return answers;
  };
  const { poller } = pollerOf(node, { rpcPolls });
  await poller.poll();
  answers.shift();
  await poller.poll();
  expect(node.calls).toEqual([["2", "6"], ["6"]]);
});

test("a failure costs that poll only, and is tried again", async () => {
  const node = new FakeNode("queries", "jsonRpc");
  const shown = new Shown();
  let fails = true;
  const sometimes = () => (fails ? Promise.reject(new RpcError("failed", "not now")) : 5);
  const { poller, failures } = pollerOf(node, {
    queryPolls: [shown.poll("Chain.a", node.calls, sometimes), shown.poll("Node.b", node.calls)],
    rpcPolls: [
      shown.rpcPoll("getblockchaininfo", {
        read() {
          throw new Error("getblockchaininfo: blocks is no number");
        },
      }),
      shown.rpcPoll("uptime"),
      shown.rpcPoll("getpeerinfo"),
    ],
  });
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

test("a batch that fails as a whole is taken apart at once, so that the slow method fails alone", async () => {
  const node = new FakeNode("jsonRpc");
  const shown = new Shown();
  const { poller, failures } = pollerOf(node, {
    rpcPolls: [shown.rpcPoll("uptime"), shown.rpcPoll("getchaintips"), shown.rpcPoll("getpeerinfo")],
  });
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

test("what succeeded alone goes back into the batch, what failed does when it succeeds", async () => {
  const node = new FakeNode("jsonRpc");
  const shown = new Shown();
  const { poller, failures } = pollerOf(node, {
    rpcPolls: [shown.rpcPoll("uptime"), shown.rpcPoll("getchaintips"), shown.rpcPoll("getpeerinfo")],
  });
  node.fatal.set("getchaintips", new RpcError("failed", "an answer that is no JSON"));
  await poller.poll();
  node.calls.length = failures.length = 0;
  await poller.poll();
  expect(node.calls).toEqual([["uptime", "getpeerinfo"], ["getchaintips"]]);
  expect(failures).toMatchObject([{ method: "getchaintips" }]);
  node.fatal.clear();
  await poller.poll();
  await poller.poll();
  expect(node.calls.slice(2)).toEqual([
    ["uptime", "getpeerinfo"],
    ["getchaintips"],
    ["uptime", "getchaintips", "getpeerinfo"],
  ]);
  expect(failures).toHaveLength(1);
  expect(shown.values.size).toBe(3);
});

test("what is asked rarely and failed is asked again at the next poll", async () => {
  const node = new FakeNode("jsonRpc");
  const shown = new Shown();
  const { poller } = pollerOf(node, { rpcPolls: [shown.rpcPoll("getchaintips", { every: 5 })] });
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
  ["is still being worked on", new RpcError("overloaded", "the node is still at an earlier call of it")],
])("what is asked rarely and %s is asked no sooner for that", async (_, error) => {
  for (const isFatal of [true, false]) {
    const node = new FakeNode("jsonRpc");
    const { poller, failures } = pollerOf(node, { rpcPolls: [new Shown().rpcPoll("getchaintips", { every: 5 })] });
    if (isFatal) node.fatal.set("getchaintips", error);
    else node.outcomes.set("getchaintips", { error });
    for (let round = 0; round < 11; round++) await poller.poll();
    // At rounds 0, 5 and 10.
    expect(failures).toHaveLength(3);
  }
});

test("what is asked rarely and failed, and then is late, is asked no sooner either", async () => {
  const node = new FakeNode("jsonRpc");
  const { poller, failures } = pollerOf(node, { rpcPolls: [new Shown().rpcPoll("getchaintips", { every: 5 })] });
  node.outcomes.set("getchaintips", refused);
  await poller.poll();
  node.outcomes.set("getchaintips", { error: new DeadlineError("late") });
  for (let round = 1; round < 6; round++) await poller.poll();
  // At rounds 0, 1 and 5.
  expect(failures).toHaveLength(3);
});

test("what costs the node more is asked at the first poll, and then rarely", async () => {
  const node = new FakeNode("jsonRpc");
  const shown = new Shown();
  const rpcPolls = [shown.rpcPoll("uptime"), shown.rpcPoll("getchaintips", { every: 3 })];
  const { poller } = pollerOf(node, { rpcPolls });
  for (let round = 0; round < 7; round++) await poller.poll();
  expect(node.calls.map((methods) => methods.includes("getchaintips"))).toEqual([
    true,
    false,
    false,
    true,
    false,
    false,
    true,
  ]);
  // In between, the last answer stands.
  await poller.poll();
  expect([...shown.values.keys()].sort()).toEqual(["getchaintips", "uptime"]);
});

test("nothing is asked when nothing is due", async () => {
  const node = new FakeNode("jsonRpc");
  const { poller } = pollerOf(node, { rpcPolls: [new Shown().rpcPoll("getchaintips", { every: 2 })] });
  await poller.poll();
  await poller.poll();
  expect(node.calls).toEqual([["getchaintips"]]);
});

test("once the client is over, nothing more is asked, and no failure is told", async () => {
  const node = new FakeNode("queries", "jsonRpc");
  const shown = new Shown();
  const gone = () => {
    node.isOver = true;
    throw new RpcError("disconnected", "the node closed the socket");
  };
  const { poller, failures } = pollerOf(node, {
    queryPolls: [shown.poll("Chain.a", node.calls, gone), shown.poll("Node.b", node.calls)],
    rpcPolls: [shown.rpcPoll("uptime")],
  });
  await poller.poll();
  expect(node.calls).toEqual([["Chain.a"]]);
  expect(failures).toEqual([]);
});

test("a client that is over between two calls of JSON-RPC is asked no second one", async () => {
  const node = new FakeNode("jsonRpc");
  const shown = new Shown();
  const { poller, failures } = pollerOf(node, { rpcPolls: [shown.rpcPoll("uptime"), shown.rpcPoll("getpeerinfo")] });
  node.fatal.set("uptime", new DeadlineError("late"));
  node.during = () => {
    node.isOver = node.calls.length === 2;
  };
  await poller.poll();
  expect(node.calls).toEqual([["uptime", "getpeerinfo"], ["uptime"]]);
  expect(failures).toEqual([]);
});
