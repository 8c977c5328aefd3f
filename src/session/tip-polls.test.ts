import { afterEach, beforeEach, expect, test } from "bun:test";
import { turn } from "../../test/builders/connections.ts";
import { fromBlock, polledInto } from "../collectors/collector.ts";
import type { JsonRpc } from "../node/json-rpc.ts";
import { choosePolledCalls } from "./polled-calls.ts";
import { TipPolls } from "./tip-polls.ts";

/** The calls, such as "getblockhash 7" or "getblockstats hash of 7"; each stays open until it is answered. */
let asked: string[];
let open: (() => void)[];
let client: { isOver: boolean; jsonRpc: JsonRpc | undefined };
let mayBeSyncing: boolean;
let errors: unknown[];
let tipPolls: TipPolls;
let shown: string[];
/** When each block arrived. */
let arrivals: (number | undefined)[];

beforeEach(() => {
  asked = [];
  open = [];
  client = { isOver: false, jsonRpc };
  mayBeSyncing = false;
  errors = [];
  shown = [];
  arrivals = [];
  const blockStats = fromBlock("getblockstats", async (_, { hash, arrivedMs }) => {
    arrivals.push(arrivedMs);
    await ask(`getblockstats ${hash}`);
    return hash;
  });
  const target = { set: (hash: string) => shown.push(hash), clear() {} };
  const families = [
    polledInto(
      target,
      blockStats((hash) => hash),
    ),
  ];
  tipPolls = new TipPolls({
    client,
    calls: choosePolledCalls(families, new Set(["block"] as const)).block,
    mayBeSyncing: () => mayBeSyncing,
    onError: (_, error) => errors.push(error),
  });
});
afterEach(() => expect(errors).toEqual([]));

const jsonRpc: JsonRpc = {
  async callAll([request]) {
    const height = String(request!.params);
    await ask(`${request!.method} ${height}`);
    return [{ result: `hash of ${height}` }];
  },
};

function ask(call: string): Promise<void> {
  asked.push(call);
  const { promise, resolve } = Promise.withResolvers<void>();
  open.push(resolve);
  return promise;
}

/** Answers all calls, until there are none. */
async function answerAll(): Promise<void> {
  await turn();
  while (open.length > 0) {
    open.shift()!();
    await turn();
  }
}

/** A tip with its hash, as Mining reports it. */
const tip = (height: number) => ({ hash: `hash of ${height}`, height });

/** The calls since the last time. */
const taken = () => asked.splice(0);

test("each tip is polled by its hash, which getblockhash returns for a height", async () => {
  tipPolls.tipChanged(tip(7));
  await answerAll();
  expect(taken()).toEqual(["getblockstats hash of 7"]);
  tipPolls.tipChanged(8);
  await answerAll();
  expect(taken()).toEqual(["getblockhash 8", "getblockstats hash of 8"]);
});

test("settled resolves when no block is being asked about", async () => {
  await tipPolls.settled;
  tipPolls.tipChanged(tip(7));
  let isSettled = false;
  void tipPolls.settled.then(() => {
    isSettled = true;
  });
  await turn();
  expect(isSettled).toBe(false);
  await answerAll();
  expect(isSettled).toBe(true);
  expect(taken()).toEqual(["getblockstats hash of 7"]);
});

test("of tips that arrive during a poll, the last is next", async () => {
  for (const height of [7, 8, 9]) tipPolls.tipChanged(tip(height));
  expect(taken()).toEqual(["getblockstats hash of 7"]);
  await answerAll();
  expect(taken()).toEqual(["getblockstats hash of 9"]);
});

test("the last tip that arrived while the node was syncing is polled afterwards", async () => {
  mayBeSyncing = true;
  tipPolls.tipChanged(tip(7));
  tipPolls.tipChanged(tip(8));
  tipPolls.resume();
  await answerAll();
  expect(taken()).toEqual([]);
  mayBeSyncing = false;
  tipPolls.resume();
  await answerAll();
  expect(taken()).toEqual(["getblockstats hash of 8"]);
  tipPolls.resume();
  await answerAll();
  expect(taken()).toEqual([]);
});

test("a tip that arrived during a poll, before the node started to sync again, waits too", async () => {
  tipPolls.tipChanged(tip(7));
  tipPolls.tipChanged(tip(8));
  mayBeSyncing = true;
  await answerAll();
  expect(taken()).toEqual(["getblockstats hash of 7"]);
  mayBeSyncing = false;
  tipPolls.resume();
  await answerAll();
  expect(taken()).toEqual(["getblockstats hash of 8"]);
});

test("resumed during a poll, it still makes one call at a time", async () => {
  tipPolls.tipChanged(tip(7));
  tipPolls.tipChanged(tip(8));
  tipPolls.resume();
  expect(taken()).toEqual(["getblockstats hash of 7"]);
  await answerAll();
  expect(taken()).toEqual(["getblockstats hash of 8"]);
});

test("no call is made once the client has ended, for a cleared tip, or without JSON-RPC", async () => {
  mayBeSyncing = true;
  tipPolls.tipChanged(tip(7));
  tipPolls.clear();
  mayBeSyncing = false;
  tipPolls.resume();
  client.isOver = true;
  tipPolls.tipChanged(tip(8));
  client.isOver = false;
  tipPolls.clear();
  client.jsonRpc = undefined;
  tipPolls.tipChanged(tip(9));
  tipPolls.resume();
  await answerAll();
  expect(taken()).toEqual([]);
});

test("an answer that arrives after the session is not shown", async () => {
  tipPolls.tipChanged(tip(7));
  client.isOver = true;
  await answerAll();
  expect(shown).toEqual([]);
  client.isOver = false;
  tipPolls.tipChanged(tip(8));
  await answerAll();
  expect(shown).toEqual(["hash of 8"]);
});

test("a tip is polled with the time of its arrival, unless it is the first one or arrived in initial block download", async () => {
  tipPolls.tipChanged(tip(7));
  await answerAll();
  tipPolls.tipChanged(tip(8), 1_000_000);
  await answerAll();
  tipPolls.tipChanged(9, 2_000_000);
  await answerAll();
  mayBeSyncing = true;
  tipPolls.tipChanged(tip(10), 3_000_000);
  mayBeSyncing = false;
  tipPolls.resume();
  await answerAll();
  expect(arrivals).toEqual([undefined, 1_000_000, 2_000_000, undefined]);
});
