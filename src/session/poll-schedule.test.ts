import { beforeEach, expect, test } from "bun:test";
import { type DuePoll, PollSchedule } from "./poll-schedule.ts";

const INTERVAL_MS = 60_000;

let schedule: PollSchedule;
beforeEach(() => {
  schedule = new PollSchedule(INTERVAL_MS);
});

/** Runs the poll that is due next, in no time, and returns when it ran. */
function run(now: number): { kind: DuePoll["kind"]; at: number } {
  const { kind, delayMs } = schedule.next(now);
  schedule.started(kind, now + delayMs);
  expect(schedule.ended(now + delayMs)).toBe(0);
  return { kind, at: now + delayMs };
}

test("everything is polled at once, and then an interval after each end", () => {
  expect(schedule.next(1000)).toEqual({ kind: "all", delayMs: 0 });
  schedule.started("all", 1000);
  schedule.ended(4000);
  expect(schedule.next(5000)).toEqual({ kind: "all", delayMs: 59_000 });
});

test("a tip is polled after within a second", () => {
  run(0);
  schedule.tipChanged(10_000);
  expect(run(10_000)).toEqual({ kind: "tip", at: 10_250 });
  expect(run(10_250)).toEqual({ kind: "all", at: 60_000 });
});

test("a burst of tips makes a poll in 5 s", () => {
  run(0);
  const polls: number[] = [];
  for (let now = 10_000; now < 30_000; now += 100) {
    schedule.tipChanged(now);
    const { kind, delayMs } = schedule.next(now);
    if (kind === "tip" && delayMs === 0) polls.push(run(now).at);
  }
  expect(polls).toEqual([10_300, 15_300, 20_300, 25_300]);
});

test("a tip during a poll is polled after, and one before a poll of everything is in it", () => {
  run(0);
  schedule.tipChanged(59_900);
  expect(run(60_000)).toEqual({ kind: "all", at: 60_000 });
  expect(schedule.next(60_001).kind).toBe("all");
  schedule.started("all", 120_000);
  schedule.tipChanged(120_100);
  schedule.ended(121_000);
  expect(schedule.next(121_000)).toEqual({ kind: "tip", delayMs: 0 });
});

test("a poll that takes longer than the interval misses those that were due meanwhile", () => {
  schedule.started("all", 1000);
  expect(schedule.ended(1000 + INTERVAL_MS - 1)).toBe(0);
  const at = run(60_999).at;
  schedule.started("all", at + INTERVAL_MS);
  expect(schedule.ended(at + INTERVAL_MS + 3.5 * INTERVAL_MS)).toBe(3);
  expect(run(at + 4.5 * INTERVAL_MS)).toEqual({ kind: "all", at: at + 5.5 * INTERVAL_MS });
});

test("a poll after a tip delays the one that is due meanwhile, and misses those after it", () => {
  run(0);
  schedule.tipChanged(50_000);
  schedule.started("tip", 50_250);
  expect(schedule.ended(INTERVAL_MS + 5000)).toBe(0);
  expect(run(INTERVAL_MS + 5000)).toEqual({ kind: "all", at: INTERVAL_MS + 5000 });
  const due = 2 * INTERVAL_MS + 5000;
  schedule.tipChanged(due - 500);
  schedule.started("tip", due - 250);
  expect(schedule.ended(due + 2 * INTERVAL_MS)).toBe(2);
  expect(schedule.next(due + 2 * INTERVAL_MS)).toEqual({ kind: "all", delayMs: 0 });
});
