import { beforeEach, expect, test } from "bun:test";
import { parseJson } from "../../test/builders/json.ts";
import { callsOf, readTip } from "../../test/builders/polled-calls.ts";
import { recorded } from "../../test/builders/rpc-answers.ts";
import { samplesOf } from "../../test/builders/samples.ts";
import { Registry } from "../metrics/registry.ts";
import type { JsonValue } from "../node/json.ts";
import type { RpcRequest } from "../node/json-rpc.ts";
import { utxoSetCollector } from "./utxo-set.ts";

const TIP = { hash: "1a629d1de18e8005d308f62fafeb3a57ec6f32b4122db93d59aa7a39a99ad946", height: 135 };

let registry: Registry;
/** The requests, in order. */
let requests: RpcRequest[];
beforeEach(() => {
  registry = new Registry();
  requests = [];
});

/** Polls a node with this answer to getindexinfo, and with the recorded set of v32. */
async function poll(indexes: JsonValue): Promise<Record<string, string>> {
  const { block } = callsOf(utxoSetCollector(registry), "block");
  const errors = await readTip(
    block,
    {
      async callAll([request]) {
        requests.push(request!);
        return [{ result: request!.method === "getindexinfo" ? indexes : recorded(request!, "v32")! }];
      },
    },
    TIP,
  );
  expect(errors).toEqual([]);
  return samplesOf(registry);
}

test("with a synced index, the set at the new tip is requested by the tip's hash", async () => {
  expect(await poll(recorded({ method: "getindexinfo" }, "v32")!)).toEqual({
    bitcoin_utxo_set_height: "135",
    bitcoin_utxo_set_coins: "254",
    bitcoin_utxo_set_amount_satoshis: "674999899960",
    bitcoin_utxo_set_bogosize: "21336",
  });
  expect(requests).toEqual([
    { method: "getindexinfo", params: ["coinstatsindex"] },
    { method: "gettxoutsetinfo", params: ["none", TIP.hash] },
  ]);
});

test.each([
  ["no index", "{}"],
  ["another index", '{"txindex": {"synced": true, "best_block_height": 135}}'],
  ["an index that is not synced", '{"coinstatsindex": {"synced": false, "best_block_height": 100}}'],
  ["an index without the field", '{"coinstatsindex": {"best_block_height": 135}}'],
])("with %s, gettxoutsetinfo is never called", async (_, indexes) => {
  expect(await poll(parseJson(indexes))).toEqual({});
  expect(requests.map(({ method }) => method)).toEqual(["getindexinfo"]);
});
