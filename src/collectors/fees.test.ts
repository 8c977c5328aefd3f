import { expect, test } from "bun:test";
import { ALL_EVENTS, answerRpc, callsOf, clearAll } from "../../test/builders/polled-calls.ts";
import { feed } from "../../test/builders/rpc-answers.ts";
import { samplesOf } from "../../test/builders/samples.ts";
import { Registry } from "../metrics/registry.ts";
import { feesCollector } from "./fees.ts";

test("each target has its own call; an estimator is called at every fifth poll, by its name", () => {
  const { jsonRpc } = callsOf(feesCollector(new Registry(), [2, 144]));
  const estimator = (name: string) => ({ fee_rate_estimator: name });
  expect(jsonRpc.map(({ source: { method, params, every } }) => [method, params, every])).toEqual([
    ["estimatesmartfee", [2], undefined],
    ["estimatesmartfee", [144], undefined],
    ["estimatesmartfee", [2, "economical", estimator("block_policy")], 5],
    ["estimatesmartfee", [144, "economical", estimator("block_policy")], 5],
    ["estimatesmartfee", [2, "economical", estimator("mempool_policy")], 5],
  ]);
});

test("an estimator is called only after the node has named one in this session", () => {
  const fees = feesCollector(new Registry(), [6]);
  const wanted = () => callsOf(fees).jsonRpc.map(({ source }) => source.isWanted?.() ?? true);
  expect(wanted()).toEqual([true, false, false]);
  answerRpc(fees, "estimatesmartfee", '{"errors": ["Insufficient data"], "blocks": 0}', [6]);
  answerRpc(fees, "estimatesmartfee", '{"feerate": 0.00001000, "blocks": 6}', [6]);
  expect(wanted()).toEqual([true, false, false]);
  answerRpc(fees, "estimatesmartfee", '{"feerate": 0.00001000, "estimator": "block_policy", "blocks": 6}', [6]);
  expect(wanted()).toEqual([true, true, true]);
  fees.startSession!(ALL_EVENTS);
  expect(wanted()).toEqual([true, false, false]);
});

test("the answer of a node with one estimator is that estimator's; of others, each has its own", () => {
  const registry = new Registry();
  const fees = feesCollector(registry, [6]);
  const plain = 'bitcoin_fee_estimate_satoshis_per_vbyte{target="6"}';
  const of = (estimator: string, target: number) =>
    `bitcoin_fee_estimate_by_estimator_satoshis_per_vbyte{estimator="${estimator}",target="${target}"}`;
  answerRpc(fees, "estimatesmartfee", '{"feerate": 0.00002000, "blocks": 6}', [6]);
  expect(samplesOf(registry)).toEqual({ [plain]: "2", [of("block_policy", 6)]: "2" });
  clearAll(fees);
  expect(samplesOf(registry)).toEqual({});

  answerRpc(fees, "estimatesmartfee", '{"feerate": 0.00001000, "estimator": "mempool_policy", "blocks": 2}', [6]);
  expect(samplesOf(registry)).toEqual({ [plain]: "1" });
  const params = (target: number, estimator: string) => [target, "economical", { fee_rate_estimator: estimator }];
  answerRpc(fees, "estimatesmartfee", '{"feerate": 0.00003000, "blocks": 6}', params(6, "block_policy"));
  answerRpc(fees, "estimatesmartfee", '{"feerate": 0.00001000, "blocks": 2}', params(2, "mempool_policy"));
  const all = { [plain]: "1", [of("block_policy", 6)]: "3", [of("mempool_policy", 2)]: "1" };
  expect(samplesOf(registry)).toEqual(all);
  // A plain answer without an estimate names no estimator.
  answerRpc(fees, "estimatesmartfee", '{"errors": ["mempool_policy: Mempool is unreliable"], "blocks": 2}', [6]);
  expect(samplesOf(registry)).toEqual({ [of("block_policy", 6)]: "3", [of("mempool_policy", 2)]: "1" });
  clearAll(fees);
  expect(samplesOf(registry)).toEqual({});
});

test("an estimate goes to its target", () => {
  const registry = new Registry();
  const fees = feesCollector(registry, [2, 6]);
  answerRpc(fees, "estimatesmartfee", '{"feerate": 0.00012345, "blocks": 2}', [2]);
  answerRpc(fees, "estimatesmartfee", '{"feerate": 0.00001000, "blocks": 6}', [6]);
  expect(samplesOf(registry)).toMatchObject({
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
