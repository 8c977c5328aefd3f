// The mempool as chunks of transactions that would be mined together, from the highest fee rate to the lowest.

import { type Transaction, weightOf } from "./chain.ts";

/** A sum over the chunks so far. */
interface Point {
  readonly weight: number;
  readonly feeSat: number;
}

/** The points of the diagram, the first at 0. `transactions` are in the order in which they would be mined. */
export function feeDiagram(transactions: readonly Transaction[]): Point[] {
  const chunks: { weight: number; feeSat: number }[] = [];
  for (const transaction of transactions) {
    let chunk = { weight: weightOf(transaction), feeSat: Number(transaction.feeSat) };
    // A transaction that pays for its parents is in one chunk with them.
    for (let last = chunks.at(-1); last !== undefined && rateOf(last) < rateOf(chunk); last = chunks.at(-1)) {
      chunk = { weight: last.weight + chunk.weight, feeSat: last.feeSat + chunk.feeSat };
      chunks.pop();
    }
    chunks.push(chunk);
  }
  const points = [{ weight: 0, feeSat: 0 }];
  for (const { weight, feeSat } of chunks) {
    const last = points.at(-1)!;
    points.push({ weight: last.weight + weight, feeSat: last.feeSat + feeSat });
  }
  return points;
}

function rateOf({ weight, feeSat }: Point): number {
  return feeSat / weight;
}
