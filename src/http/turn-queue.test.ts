import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { createTurnQueue, type TurnTaker } from "./turn-queue.ts";

/** Takers 0 … count - 1, and the order in which they took turns. */
function takers(count: number): { takers: TurnTaker[]; order: number[] } {
  const order: number[] = [];
  return { takers: Array.from({ length: count }, (_, index) => ({ takeTurn: () => order.push(index) > 0 })), order };
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

test("one waiting taker has a turn each round, in order, before later ones", async () => {
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

test("a taker with nothing to do uses no turn", async () => {
  const queue = createTurnQueue();
  const gone = { takeTurn: () => false };
  const { takers: waiting, order } = takers(2);
  for (const taker of [gone, gone, waiting[0]!, gone, waiting[1]!, gone]) queue.add(taker);
  await nextRound();
  expect(order).toEqual([0]);
  await nextRound();
  expect(order).toEqual([0, 1]);
  await nextRound();
  expect(queue.takeNow()).toBe(true);
});

test("a taker that requests another turn during its turn waits behind the others", async () => {
  const queue = createTurnQueue();
  const order: string[] = [];
  const greedy = {
    takeTurn() {
      order.push("greedy");
      if (order.length < 6) queue.add(greedy);
      return true;
    },
  };
  queue.add(greedy);
  queue.add({ takeTurn: () => order.push("modest") > 0 });
  while (order.length < 6) await nextRound();
  expect(order).toEqual(["greedy", "modest", "greedy", "greedy", "greedy", "greedy"]);
});

describe("while something more urgent needs the thread", () => {
  /** Between two turns of waiting takers. */
  const INTERVAL_MS = 10;
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  test("turns at once are rationed, and the ration fills again with time", async () => {
    const queue = createTurnQueue(() => true);
    const taken = async (rounds: number) => {
      let count = 0;
      for (let round = 0; round < rounds; round++) {
        for (let turn = 0; turn < 8; turn++) if (queue.takeNow()) count++;
        await nextRound();
      }
      return count;
    };
    expect(await taken(4)).toBe(16);
    jest.advanceTimersByTime(4);
    expect(await taken(4)).toBe(6);
    jest.advanceTimersByTime(60_000);
    expect(await taken(4)).toBe(16);
  });

  test("waiting takers have a turn every few milliseconds", async () => {
    const queue = createTurnQueue(() => true);
    const times: number[] = [];
    const start = performance.now();
    for (let index = 0; index < 4; index++) queue.add({ takeTurn: () => times.push(performance.now() - start) > 0 });
    for (let round = 0; round < 5; round++) await nextRound();
    expect(queue.takeNow()).toBe(false);
    jest.advanceTimersByTime(4 * INTERVAL_MS);
    expect(times).toEqual([1, 2, 3, 4].map((turn) => turn * INTERVAL_MS));
    expect(queue.takeNow()).toBe(true);
  });

  test("and not after it", async () => {
    let isBusy = true;
    const queue = createTurnQueue(() => isBusy);
    const { takers: waiting, order } = takers(100);
    for (const taker of waiting) queue.add(taker);
    isBusy = false;
    jest.advanceTimersByTime(INTERVAL_MS);
    const before = order.length;
    expect(before).toBe(1);
    for (let round = 0; round < 10; round++) await nextRound();
    expect(order.length).toBeGreaterThanOrEqual(Math.min(100, before + 9));
    while (order.length < 100) await nextRound();
    let taken = 0;
    for (let round = 0; round < 10; round++) {
      for (let turn = 0; turn < 8; turn++) if (queue.takeNow()) taken++;
      await nextRound();
    }
    expect(taken).toBe(80);
  });
});
