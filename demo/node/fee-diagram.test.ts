import { expect, test } from "bun:test";
import { SimulatedChain, weightOf } from "./chain.ts";
import { feeDiagram } from "./fee-diagram.ts";

/** A mempool with transactions that depend on each other. */
function mempool() {
  const chain = new SimulatedChain({ seed: 3, blocks: 105 });
  for (let count = 0; count < 80; count++) chain.addTransaction();
  for (let count = 0; count < 10; count++) chain.replaceTransaction();
  return chain;
}

test("an empty mempool has one point", () => {
  expect(feeDiagram([])).toEqual([{ weight: 0, feeSat: 0 }]);
});

test("the diagram ends at the sums of the mempool, and its fee rates fall", () => {
  const chain = mempool();
  const points = feeDiagram(chain.byFeeRate());
  expect(points.at(-1)).toEqual({
    weight: chain.mempool.reduce((sum, transaction) => sum + weightOf(transaction), 0),
    feeSat: chain.mempool.reduce((sum, { feeSat }) => sum + Number(feeSat), 0),
  });
  const rates = points.slice(1).map(({ weight, feeSat }, index) => {
    const before = points[index]!;
    return (feeSat - before.feeSat) / (weight - before.weight);
  });
  expect(rates).toEqual(rates.toSorted((a, b) => b - a));
  // Some are of one chunk with their parents.
  expect(rates.length).toBeLessThan(chain.mempool.length);
});

test("parents come before their children in the order of fee rates", () => {
  const seen = new Set<string>();
  const ids = new Set(mempool().mempool.map(({ txid }) => txid.toHex()));
  for (const { txid, inputs } of mempool().byFeeRate()) {
    const parents = inputs.map((coin) => coin.txid.toHex()).filter((id) => ids.has(id));
    for (const parent of parents) expect(seen).toContain(parent);
    seen.add(txid.toHex());
  }
  expect(seen.size).toBe(ids.size);
});
