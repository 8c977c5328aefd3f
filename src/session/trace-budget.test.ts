import { beforeEach, describe, expect, test } from "bun:test";
import { TraceBudget } from "./trace-budget.ts";

const SECOND = 1000;
const HOUR = 3600 * SECOND;

let budget: TraceBudget;
let now: number;
let busyMs: number;

beforeEach(() => {
  budget = new TraceBudget(25);
  // Neither clock begins at 0.
  now = 50_000;
  busyMs = 700;
  budget.restart(now, busyMs);
});

/** Readings once a second, each with this share of the second busy. Stops at the first that is too much. */
function run(seconds: number, share: number): number | undefined {
  for (let second = 0; second < seconds; second++) {
    const excess = budget.excess(now, busyMs);
    if (excess !== undefined) return excess;
    now += SECOND;
    busyMs += share * SECOND;
  }
  return budget.excess(now, busyMs);
}

describe("the share over 10 s", () => {
  test("above the budget is reported", () => {
    expect(run(30, 0.26)).toBeCloseTo(0.26);
    expect(now).toBe(60_000);
  });

  test("at the budget is not", () => expect(run(120, 0.25)).toBeUndefined());

  test("counts the time before the registration as idle", () => {
    expect(run(2, 1)).toBeUndefined();
    expect(run(1, 1)).toBeCloseTo(0.3);
  });

  test("does not trip on the burst of one block, 2 s at full rate", () => {
    expect(run(60, 0)).toBeUndefined();
    for (let block = 0; block < 5; block++) {
      expect(run(2, 1)).toBeUndefined();
      expect(run(10, 0)).toBeUndefined();
    }
  });

  test("trips on 3 s at full rate, however quiet it was before", () => {
    expect(run(600, 0)).toBeUndefined();
    expect(run(3, 1)).toBeCloseTo(0.3);
  });

  test("ignores older readings", () => {
    expect(run(2, 1)).toBeUndefined();
    expect(run(9, 0)).toBeUndefined();
    expect(run(2, 1)).toBeUndefined();
  });

  test("is over more than 10 s when readings are late", () => {
    budget.excess(now, busyMs);
    expect(budget.excess(now + 9 * SECOND, busyMs)).toBeUndefined();
    // As after SIGSTOP: 5 s of 100.
    expect(budget.excess(now + 100 * SECOND, busyMs + 5 * SECOND)).toBeUndefined();
    expect(budget.excess(now + 110 * SECOND, busyMs + 8 * SECOND)).toBeCloseTo(0.3);
  });

  test("starts again with each registration", () => {
    expect(run(2, 1)).toBeUndefined();
    budget.restart(now, busyMs);
    expect(run(2, 1)).toBeUndefined();
  });
});

test.each([
  [1, 0.02, true],
  [1, 0.01, false],
  [99.5, 1, true],
  [100, 1, false],
])("of %p %% with %p of the time busy: %p", (percent, share, isTooMuch) => {
  budget = new TraceBudget(percent);
  expect(run(300, share) !== undefined).toBe(isTooMuch);
});

describe("a pause", () => {
  const MINUTES = [1, 2, 4, 8, 16, 32, 60, 60, 60];

  test("is a minute, and twice as long each time, up to an hour", () => {
    for (const minutes of MINUTES) {
      const pauseMs = budget.pause(now);
      expect(pauseMs).toBe(minutes * 60 * SECOND);
      expect(budget.isPaused(now)).toBe(true);
      expect(budget.isPaused(now + pauseMs - 1)).toBe(true);
      now += pauseMs;
      expect(budget.isPaused(now)).toBe(false);
      budget.restart(now, busyMs);
      now += 59 * 60 * SECOND;
    }
  });

  test("is a minute again after an hour of tracing within the budget", () => {
    budget.pause(now);
    expect(budget.pause(now)).toBe(120 * SECOND);
    budget.restart(now, busyMs);
    now += HOUR;
    expect(budget.pause(now)).toBe(60 * SECOND);
    budget.restart(now, busyMs);
    expect(budget.pause(now)).toBe(120 * SECOND);
  });

  test("is none before the first", () => expect(budget.isPaused(0)).toBe(false));

  test("is finite after thousands of pauses, too", () => {
    for (let pauses = 0; pauses < 3000; pauses++) budget.pause(now);
    budget.restart(now, busyMs);
    expect(budget.pause(now)).toBe(HOUR);
  });
});
