import { beforeEach, describe, expect, test } from "bun:test";
import { parseJson } from "../../test/builders/json.ts";
import { callsOf, type PolledCalls, readTip } from "../../test/builders/polled-calls.ts";
import { type RecordedNode, recorded } from "../../test/builders/rpc-answers.ts";
import { samplesOf } from "../../test/builders/samples.ts";
import { Registry } from "../metrics/registry.ts";
import { isObject, type JsonObject } from "../node/json.ts";
import { type JsonRpc, JsonRpcError, type RpcRequest } from "../node/json-rpc.ts";
import type { Tip } from "../node/mining.ts";
import { blockStatsCollector } from "./block-stats.ts";
import { text } from "./result.ts";

const TIP: Tip = { hash: "3e886197662866b642f68ff4f77b616ac651006f2bd85e357cc373108210cd4b", height: 213 };
const V32_TIP: Tip = { hash: "1a629d1de18e8005d308f62fafeb3a57ec6f32b4122db93d59aa7a39a99ad946", height: 135 };
const GENESIS: Tip = { hash: "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206", height: 0 };

let registry: Registry;
let calls: PolledCalls["block"];
beforeEach(() => {
  registry = new Registry();
  calls = callsOf(blockStatsCollector(registry), "block").block;
});

/** What is shown of the last block. */
function samples(): Record<string, string> {
  return Object.fromEntries(Object.entries(samplesOf(registry)).filter(([series]) => series.includes("_last_block_")));
}

/** Answers as the recorded node did, and records the requests. */
function recordedRpc(node: RecordedNode): JsonRpc & { readonly requests: RpcRequest[] } {
  const received: RpcRequest[] = [];
  return {
    requests: received,
    async callAll(requests) {
      received.push(...requests);
      return requests.map((request) => {
        const answer = recorded(request, node);
        // The node computes only the statistics that the request names.
        const names = request.method === "getblockstats" ? (request.params![1] as readonly string[]) : undefined;
        if (names !== undefined && isObject(answer) && !("code" in answer)) return { result: only(answer, names) };
        if (answer === undefined) return { error: new JsonRpcError(-5, `${request.method}: Block not found`) };
        // The file has the error itself where the node answered one.
        const code = isObject(answer) ? answer["code"] : undefined;
        if (typeof code !== "number") return { result: answer };
        return { error: new JsonRpcError(code, `${request.method}: ${text(answer, "message")}`) };
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

function only(answer: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(answer).filter(([name]) => names.includes(name)));
}

test.each(["master", "pr/trace"] as const)("a block of %s, with three small calls", async (node) => {
  const rpc = recordedRpc(node);
  expect(await readTip(calls, rpc, TIP)).toEqual([]);
  expect(samples()).toEqual(SHOWN);
  expect(rpc.requests).toEqual([
    {
      method: "getblockstats",
      params: [TIP.hash, expect.any(Array)],
    },
    { method: "getblockheader", params: [TIP.hash] },
    { method: "getblockheader", params: ["4d3b2997147861bcfc234a3f3c2412d641d1401e3f68826a1958b92e1eabceea"] },
  ]);
});

test("a block of v32, with all its calls", async () => {
  expect(await readTip(calls, recordedRpc("v32"), V32_TIP)).toEqual([]);
  expect(samples()).toEqual({
    bitcoin_last_block_height: "135",
    bitcoin_last_block_transactions: "5",
    bitcoin_last_block_size_bytes: "396",
    bitcoin_last_block_weight: "1524",
    bitcoin_last_block_inputs: "4",
    bitcoin_last_block_outputs: "6",
    bitcoin_last_block_total_fee_satoshis: "334348",
    bitcoin_last_block_average_fee_satoshis: "83587",
    bitcoin_last_block_median_fee_satoshis: "83587",
    'bitcoin_last_block_fee_rate_satoshis_per_vbyte{percentile="10"}': "866",
    'bitcoin_last_block_fee_rate_satoshis_per_vbyte{percentile="25"}': "866",
    'bitcoin_last_block_fee_rate_satoshis_per_vbyte{percentile="50"}': "873",
    'bitcoin_last_block_fee_rate_satoshis_per_vbyte{percentile="75"}': "881",
    'bitcoin_last_block_fee_rate_satoshis_per_vbyte{percentile="90"}': "888",
    bitcoin_last_block_subsidy_satoshis: "5000000000",
    bitcoin_last_block_total_out_satoshis: "166328984",
    bitcoin_last_block_segwit_transactions: "4",
    bitcoin_last_block_utxo_change: "1",
    bitcoin_last_block_interval_seconds: "0",
  });
});

test("each statistic that the request names is shown", async () => {
  const rpc = recordedRpc("v32");
  await readTip(calls, rpc, V32_TIP);
  const [, names] = rpc.requests[0]!.params as [string, string[]];
  const all = recorded(rpc.requests[0]!, "v32") as JsonObject;
  for (const name of names) {
    const shown = Object.keys(samples()).length;
    const answer = only(
      all,
      names.filter((other) => other !== name),
    );
    await readTip(calls, { callAll: async () => [{ result: answer }] }, V32_TIP);
    expect({ name, isMissing: Object.keys(samples()).length < shown }).toEqual({ name, isMissing: true });
    await readTip(calls, rpc, V32_TIP);
  }
});

test("a block may leave fewer outputs than it spent", async () => {
  const answer = parseJson('{"utxo_increase_actual": -4321}');
  await readTip(calls, { callAll: async () => [{ result: answer }] }, TIP);
  expect(samples()).toEqual({ bitcoin_last_block_utxo_change: "-4321" });
});

describe("arrival", () => {
  /** Buckets, sum and count as the page has them, once these seconds lay between header and arrival. */
  async function arrivals(...seconds: (number | undefined)[]): Promise<Record<string, string>> {
    const rpc = recordedRpc("master");
    for (const after of seconds) {
      const arrivedMs = after === undefined ? undefined : (TIP_TIME + after) * 1000;
      expect(await readTip(calls, rpc, { ...TIP, arrivedMs })).toEqual([]);
    }
    const all = Object.entries(samplesOf(registry));
    const own = all.filter(([series]) => series.startsWith("bitcoin_block_arrival_seconds"));
    return Object.fromEntries(
      own.map(([series, value]) => [series.slice("bitcoin_block_arrival_seconds_".length), value]),
    );
  }
  const TIP_TIME = 1_795_358_589;

  test("has no sample before the first answer, and is 0 after a block whose arrival was not observed", async () => {
    expect(samplesOf(registry)).toEqual({});
    expect(await arrivals(undefined)).toMatchObject({ 'bucket{le="+Inf"}': "0", sum: "0", count: "0" });
  });

  test("is the time from the header to the arrival; a header from the future is in the first bucket", async () => {
    expect(await arrivals(-30, 0.25, 15, 15.125, 7200)).toMatchObject({
      'bucket{le="0"}': "1",
      'bucket{le="2"}': "2",
      'bucket{le="10"}': "2",
      'bucket{le="15"}': "3",
      'bucket{le="20"}': "4",
      'bucket{le="600"}': "4",
      'bucket{le="+Inf"}': "5",
      sum: "7200.375",
      count: "5",
    });
  });

  test("stays as it is without an answer", async () => {
    const before = await arrivals(3);
    await readTip(calls, { callAll: () => Promise.reject(new Error("too slow")) }, { ...TIP, arrivedMs: 1 });
    expect(await arrivals()).toEqual(before);
  });
});

test("the first block of a chain has no interval", async () => {
  await readTip(calls, recordedRpc("master"), TIP);
  await readTip(calls, recordedRpc("master, new"), GENESIS);
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

test("a pruned block is not an error: only its time has a sample", async () => {
  await readTip(calls, recordedRpc("master"), TIP);
  await readTip(calls, recordedRpc("master, pruned"), TIP);
  expect(samples()).toEqual({ bitcoin_last_block_interval_seconds: "17" });
});

test("a failed call removes the values of the older block", async () => {
  await readTip(calls, recordedRpc("master"), TIP);
  const failing: JsonRpc = { callAll: () => Promise.reject(new Error("too slow")) };
  expect(await readTip(calls, failing, TIP)).toEqual(["too slow", "too slow"]);
  expect(samples()).toEqual({});
});

test("another error of the same code is an error", async () => {
  const broken = new JsonRpcError(-1, "getblockstats: Block not found on disk");
  expect(await readTip(calls, { callAll: async () => [{ error: broken }] }, TIP)).toContain(broken.message);
});

test("a field of another type removes its own sample only", async () => {
  const answer = parseJson('{"txs": "many", "ins": 3}');
  expect(await readTip(calls, { callAll: async () => [{ result: answer }] }, TIP)).toEqual([
    'getblockstats: "txs" is not a count: "many"',
  ]);
  expect(samples()).toEqual({ bitcoin_last_block_inputs: "3" });
});
