import { expect, test } from "bun:test";
import { join } from "node:path";
import type { RpcMethod } from "../../src/node/calls.ts";
import { SimulatedChain } from "./chain.ts";
import { ANSWERED_METHODS, answerRpc, RpcFailure } from "./json-rpc.ts";
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

/** Fields and types; of a list those of the first entry, of an empty list none. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? {} : { entry: shapeOf(value[0]) };
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, shapeOf(field)]));
}

test.each(ANSWERED_METHODS.filter((method) => method !== "getblockhash"))(
  "answers %s with fields that a real node has",
  async (method) => {
    const state = busyNode();
    const answer = shapeOf(answerRpc(state, method, paramsFor(state, method)));
    const recorded = await Bun.file(join(RECORDED, `${method}.json`)).json();
    let real = recorded["master"] ?? Object.values(recorded)[0];
    if (method === "estimatesmartfee") real = real["6"];
    if (typeof real === "object") expect(shapeOf(real)).toMatchObject(answer as object);
    else expect(shapeOf(real)).toBe(answer);
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
