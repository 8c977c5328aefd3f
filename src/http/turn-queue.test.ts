import { expect, test } from "bun:test";
import { createTurnQueue, type TurnTaker } from "./turn-queue.ts";

/** Takers 0 … count - 1, and the order in which they took turns. */
function takers(count: number): { takers: TurnTaker[]; order: number[] } {
  const order: number[] = [];
  return { takers: Array.from({ length: count }, (_, index) => ({ takeTurn: () => order.push(index) })), order };
}

function nextRound(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test("eight turns a round, at once", async () => {
  const queue = createTurnQueue();
  expect(Array.from({ length: 10 }, () => queue.takeNow()).filter((taken) => taken)).toHaveLength(8);
  await nextRound();
  expect(queue.takeNow()).toBe(true);
});

test("who waits has one turn a round, in order, and goes before who comes later", async () => {
  const queue = createTurnQueue();
  const { takers: waiting, order } = takers(4);
  for (const taker of waiting) queue.add(taker);
  const perRound = [];
  while (order.length < 4) {
    expect(queue.takeNow()).toBe(false);
    await nextRound();
    perRound.push(order.length);
  }
  expect(perRound).toEqual([1, 2, 3, 4]);
  expect(order).toEqual(Array.from({ length: 4 }, (_, index) => index));
  expect(queue.takeNow()).toBe(true);
});

test("who asks for another turn in its turn waits behind the others", async () => {
  const queue = createTurnQueue();
  const order: string[] = [];
  const greedy = {
    takeTurn() {
      order.push("greedy");
      if (order.length < 6) queue.add(greedy);
    },
  };
  queue.add(greedy);
  queue.add({ takeTurn: () => order.push("modest") });
  while (order.length < 6) await nextRound();
  expect(order).toEqual(["greedy", "modest", "greedy", "greedy", "greedy", "greedy"]);
});
