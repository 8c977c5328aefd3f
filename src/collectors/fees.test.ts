import { expect, test } from "bun:test";
import { answerRpc, questionsOf } from "../../test/builders/questions.ts";
import { feed } from "../../test/builders/rpc-answers.ts";
import { samplesOf } from "../../test/builders/samples.ts";
import { Registry } from "../metrics/registry.ts";
import { feesCollector } from "./fees.ts";

test("each target is a call of its own", () => {
  const { jsonRpc } = questionsOf(feesCollector(new Registry(), [2, 144]));
  expect(jsonRpc.map(({ source: { method, params } }) => [method, params])).toEqual([
    ["estimatesmartfee", [2]],
    ["estimatesmartfee", [144]],
  ]);
});

test("an estimate goes to its target", () => {
  const registry = new Registry();
  const fees = feesCollector(registry, [2, 6]);
  answerRpc(fees, "estimatesmartfee", '{"feerate": 0.00012345, "blocks": 2}', [2]);
  answerRpc(fees, "estimatesmartfee", '{"feerate": 0.00001000, "blocks": 6}', [6]);
  expect(samplesOf(registry)).toEqual({
    'bitcoin_fee_estimate_satoshis_per_vbyte{target="2"}': "12.345",
    'bitcoin_fee_estimate_satoshis_per_vbyte{target="6"}': "1",
  });
});

test("a node without data has no estimate, and that is no error", () => {
  const registry = new Registry();
  const fees = feesCollector(registry, [6]);
  feed(fees, "master");
  expect(samplesOf(registry)).not.toEqual({});
  feed(fees, "master, new");
  expect(samplesOf(registry)).toEqual({});
});
