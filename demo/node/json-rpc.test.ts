import { expect, test } from "bun:test";
import { join } from "node:path";
import type { RpcMethod } from "../../src/node/calls.ts";
import { SimulatedChain } from "./chain.ts";
import { ANSWERED_METHODS, answerRpc } from "./json-rpc.ts";
import { RpcFailure } from "./rpc-failure.ts";
import { NodeState } from "./state.ts";

const RECORDED = join(import.meta.dirname, "../../test/fixtures/rpc");

/** A node with a block, a fork and a mempool. */
function busyNode(): NodeState {
  const chain = new SimulatedChain({ seed: 1, blocks: 110 });
  const state = new NodeState(chain);
  const play = (count: number) => Array.from({ length: count }, () => chain.addTransaction()).flat();
  const events = [...play(20), ...chain.mineBlock(), ...chain.reorg(1), ...play(10)];
  for (const event of events) state.apply(event);
  state.forks = 1;
  return state;
}

/** Parameters as the exporter sends them. */
function paramsFor(state: NodeState, method: RpcMethod): readonly unknown[] {
  const { height } = state.chain.tip;
  if (method === "estimatesmartfee") return [6];
  if (method === "getblockhash") return [height];
  const isOfBlock = method === "getblockheader" || method === "getblockstats";
  return isOfBlock ? [answerRpc(state, "getblockhash", [height])] : [];
}

/** Nodes whose answers are compared, of the version that the simulated node reports. */
const NODES = ["v32", "master"];

/** Fields that real nodes have and none of the recorded ones. */
const UNRECORDED: Readonly<Record<string, readonly string[]>> = {
  // With -asmap; while a ping or a request for a block is not answered; of peers that send what these did not.
  getpeerinfo: [
    "[].mapped_as: number",
    "[].pingwait: number",
    "[].bytesrecv_per_msg.tx: number",
    "[].bytesrecv_per_msg.cmpctblock: number",
    "[].inflight[]: number",
  ],
  // In versions after the recorded one.
  getprivatebroadcastinfo: ["transactions[].attempts_remaining: number"],
};

/** Every field and its type, in all entries of lists. */
function fieldsOf(value: unknown, at = ""): string[] {
  if (Array.isArray(value)) return value.flatMap((entry) => fieldsOf(entry, `${at}[]`));
  if (typeof value !== "object" || value === null) return [`${at}: ${typeof value}`];
  return Object.entries(value).flatMap(([name, field]) => fieldsOf(field, at === "" ? name : `${at}.${name}`));
}

/** The fields of real nodes' answers. */
async function recordedFields(method: RpcMethod): Promise<Set<string>> {
  const recorded: Record<string, object> = await Bun.file(join(RECORDED, `${method}.json`)).json();
  // This file is by block, the other by node and parameter.
  const answers = method === "getblockheader" ? Object.values(recorded) : NODES.map((node) => recorded[node] ?? {});
  const isByTarget = method === "estimatesmartfee";
  return new Set(
    answers.flatMap((answer) => (isByTarget ? Object.values(answer) : [answer])).flatMap((answer) => fieldsOf(answer)),
  );
}

test.each(ANSWERED_METHODS.filter((method) => method !== "getblockhash"))(
  "answers %s with fields that a real node has",
  async (method) => {
    const state = busyNode();
    const real = (await recordedFields(method)).union(new Set(UNRECORDED[method]));
    // Of several heights, because some fields are there only at times.
    for (let block = 0; block < 12; block++) {
      for (const event of state.chain.mineBlock()) state.apply(event);
      const fields = fieldsOf(answerRpc(state, method, paramsFor(state, method)));
      expect(fields.filter((field) => !real.has(field))).toEqual([]);
    }
  },
);

test("counts transactions and bytes as blocks come and go", () => {
  const chain = new SimulatedChain({ seed: 1, blocks: 110 });
  const state = new NodeState(chain);
  expect(answerRpc(state, "getchaintxstats", [])).toMatchObject({ txcount: 110 });
  const { diskBytes } = state;
  for (let count = 0; count < 4; count++) for (const event of chain.addTransaction()) state.apply(event);
  for (const event of chain.mineBlock()) state.apply(event);
  const mined = chain.tip.transactions.length;
  expect(mined).toBeGreaterThan(1);
  expect(answerRpc(state, "getchaintxstats", [])).toMatchObject({ txcount: 110 + mined });
  expect(state.diskBytes).toBe(diskBytes + chain.tip.bytes.length);
  const hash = answerRpc(state, "getblockhash", [chain.tip.height]);
  const paid = chain.tip.transactions.reduce((sum, { feeSat }) => sum + feeSat, 0n);
  expect(answerRpc(state, "getblockstats", [hash])).toMatchObject({ txs: mined, totalfee: Number(paid) });
  for (const event of chain.reorg(1)) state.apply(event);
  const active = Array.from({ length: chain.tip.height + 1 }, (_, height) => chain.block(height)!.transactions.length);
  expect(state.confirmedTransactions).toBe(active.reduce((sum, count) => sum + count));
});

test.each([
  ["stop", [], -32601],
  ["getblockhash", [100_000], -8],
  ["getblockheader", ["00"], -5],
] as const)("answers %s %j with an error", (method, params, code) => {
  expect(() => answerRpc(busyNode(), method, params)).toThrow(expect.objectContaining({ code }));
});

test("answers with an error while it starts", () => {
  const state = busyNode();
  state.startStep = "Loading block index…";
  expect(() => answerRpc(state, "uptime", [])).toThrow(new RpcFailure(-28, "Loading block index…"));
});
