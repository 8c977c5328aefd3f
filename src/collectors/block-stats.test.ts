import { beforeEach, expect, test } from "bun:test";
import { askBlock, type Questions, questionsOf } from "../../test/builders/questions.ts";
import { type RecordedNode, recorded } from "../../test/builders/rpc-answers.ts";
import { samplesOf } from "../../test/builders/samples.ts";
import { Registry } from "../metrics/registry.ts";
import { Decimal, isObject, parseJson } from "../node/json.ts";
import { type JsonRpc, JsonRpcError, type RpcRequest } from "../node/json-rpc.ts";
import type { Tip } from "../node/mining.ts";
import { blockStatsCollector } from "./block-stats.ts";
import { text } from "./result.ts";

const TIP: Tip = { hash: "3e886197662866b642f68ff4f77b616ac651006f2bd85e357cc373108210cd4b", height: 213 };
const GENESIS: Tip = { hash: "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206", height: 0 };

let registry: Registry;
let questions: Questions["block"];
beforeEach(() => {
  registry = new Registry();
  questions = questionsOf(blockStatsCollector(registry), "block").block;
});
const samples = () => samplesOf(registry);

/** Answers as the recorded node did, and keeps what it was asked. */
function recordedRpc(node: RecordedNode): JsonRpc & { readonly asked: RpcRequest[] } {
  const asked: RpcRequest[] = [];
  return {
    asked,
    async callAll(requests) {
      asked.push(...requests);
      return requests.map((request) => {
        const answer = recorded(request, node);
        if (answer === undefined) return { error: new JsonRpcError(-5, `${request.method}: Block not found`) };
        // The file has the error itself where the node answered one.
        const code = isObject(answer) ? answer["code"] : undefined;
        if (!(code instanceof Decimal)) return { result: answer };
        return { error: new JsonRpcError(code.toNumber(), `${request.method}: ${text(answer, "message")}`) };
      });
    },
  };
}

const SHOWN = {
  bitcoin_last_block_height: "213",
  bitcoin_last_block_transactions: "7",
  bitcoin_last_block_size_bytes: "1212",
  bitcoin_last_block_weight: "3924",
  bitcoin_last_block_inputs: "8",
  bitcoin_last_block_outputs: "14",
  bitcoin_last_block_total_fee_satoshis: "13296",
  // 1795358589 less 1795358572.
  bitcoin_last_block_interval_seconds: "17",
};

test.each(["master", "pr/trace"] as const)("a block of %s, with three small questions", async (node) => {
  const rpc = recordedRpc(node);
  expect(await askBlock(questions, rpc, TIP)).toEqual([]);
  expect(samples()).toEqual(SHOWN);
  expect(rpc.asked).toEqual([
    {
      method: "getblockstats",
      params: [TIP.hash, ["height", "txs", "total_size", "total_weight", "ins", "outs", "totalfee"]],
    },
    { method: "getblockheader", params: [TIP.hash] },
    { method: "getblockheader", params: ["4d3b2997147861bcfc234a3f3c2412d641d1401e3f68826a1958b92e1eabceea"] },
  ]);
});

test("the first block of a chain comes after none", async () => {
  await askBlock(questions, recordedRpc("master"), TIP);
  await askBlock(questions, recordedRpc("master, new"), GENESIS);
  expect(samples()).toEqual({
    bitcoin_last_block_height: "0",
    bitcoin_last_block_transactions: "1",
    bitcoin_last_block_size_bytes: "0",
    bitcoin_last_block_weight: "0",
    bitcoin_last_block_inputs: "0",
    bitcoin_last_block_outputs: "1",
    bitcoin_last_block_total_fee_satoshis: "0",
  });
});

test("a block that the node has pruned is no error: its contents are not known, its time is", async () => {
  await askBlock(questions, recordedRpc("master"), TIP);
  await askBlock(questions, recordedRpc("master, pruned"), TIP);
  expect(samples()).toEqual({ bitcoin_last_block_interval_seconds: "17" });
});

test("a node that fails shows nothing of an older block", async () => {
  await askBlock(questions, recordedRpc("master"), TIP);
  const failing: JsonRpc = { callAll: () => Promise.reject(new Error("too slow")) };
  expect(await askBlock(questions, failing, TIP)).toEqual(["too slow", "too slow"]);
  expect(samples()).toEqual({});
});

test("another error of the same code is an error", async () => {
  const broken = new JsonRpcError(-1, "getblockstats: Block not found on disk");
  expect(await askBlock(questions, { callAll: async () => [{ error: broken }] }, TIP)).toContain(broken.message);
});

test("a field of another type removes its own sample only", async () => {
  const answer = parseJson('{"txs": "many", "ins": 3}');
  expect(await askBlock(questions, { callAll: async () => [{ result: answer }] }, TIP)).toEqual([
    'getblockstats: "txs" is not a count: "many"',
  ]);
  expect(samples()).toEqual({ bitcoin_last_block_inputs: "3" });
});
