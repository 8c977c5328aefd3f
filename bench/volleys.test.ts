import { expect, test } from "bun:test";
import type { Fired } from "../test/reference-node/reference-node.ts";
import { CheckError } from "./bench.ts";
import type { Counts } from "./subscribers.ts";
import { COINS, fire } from "./volleys.ts";

/** A node, and how a subscriber counts its calls. */
function staged(countedPerCall: Partial<Counts>, fired: Partial<Fired> = {}) {
  const counts = { added: 5, blocks: 0, coins: 7, others: 0 };
  const node = {
    fire: async (_method: string, _params: unknown, { count = 1 } = {}): Promise<Fired> => {
      for (const name of Object.keys(counts) as (keyof Counts)[]) counts[name] += count * (countedPerCall[name] ?? 0);
      return { microseconds: Array<number>(count).fill(30), wallMicroseconds: 30 * count, ...fired };
    },
  };
  const subscriber = { pid: process.pid, counts: async () => ({ ...counts }), [Symbol.asyncDispose]: async () => {} };
  return { node, subscriber };
}

test("calls have times if all are answered and counted", async () => {
  const { node, subscriber } = staged({ coins: 1 });
  const { wallMicroseconds } = await fire(node, subscriber, COINS, 10);
  expect(wallMicroseconds).toBe(300);
});

test.each([
  ["one that is not counted", staged({})],
  ["one that is counted twice", staged({ coins: 2 })],
  ["one that is counted as another", staged({ added: 1 })],
  ["one that is counted as another, too", staged({ coins: 1, others: 1 })],
  ["one that is not answered", staged({ coins: 1 }, { microseconds: [30] })],
])("%s is no call to time", async (_, { node, subscriber }) => {
  await expect(fire(node, subscriber, COINS, 10)).rejects.toThrow(CheckError);
});
