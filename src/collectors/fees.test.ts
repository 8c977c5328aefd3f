import { expect, test } from "bun:test";
import { recorded } from "../../test/builders/rpc-answers.ts";
import { samplesOf } from "../../test/builders/samples.ts";
import { Registry } from "../metrics/registry.ts";
import { parseJson } from "../node/json.ts";
import { DEFAULT_FEE_TARGETS, feesCollector, MAX_FEE_TARGET, MIN_FEE_TARGET } from "./fees.ts";

test("each target is asked for on its own", () => {
  const { rpcPolls } = feesCollector(new Registry());
  expect(rpcPolls!.map(({ method, params }) => [method, params])).toEqual(
    DEFAULT_FEE_TARGETS.map((target) => ["estimatesmartfee", [target]]),
  );
  expect(Math.min(...DEFAULT_FEE_TARGETS)).toBeGreaterThanOrEqual(MIN_FEE_TARGET);
  expect(Math.max(...DEFAULT_FEE_TARGETS)).toBeLessThanOrEqual(MAX_FEE_TARGET);
});

test("an estimate goes to its target", () => {
  const registry = new Registry();
  const [two, six] = feesCollector(registry, [2, 6]).rpcPolls!;
  two!.read(parseJson('{"feerate": 0.00012345, "blocks": 2}'), true);
  six!.read(parseJson('{"feerate": 0.00001000, "blocks": 6}'), true);
  expect(samplesOf(registry)).toEqual({
    'bitcoin_fee_estimate_satoshis_per_vbyte{target="2"}': "12.345",
    'bitcoin_fee_estimate_satoshis_per_vbyte{target="6"}': "1",
  });
});

test("a node without data has no estimate, and that is no error", () => {
  const registry = new Registry();
  const [six] = feesCollector(registry, [6]).rpcPolls!;
  six!.read(recorded(six!, "master")!, true);
  expect(samplesOf(registry)).not.toEqual({});
  six!.read(recorded(six!, "master, new")!, true);
  expect(samplesOf(registry)).toEqual({});
});
