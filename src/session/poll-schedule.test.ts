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
  schedule.ended(kind, now + delayMs);
  return { kind, at: now + delayMs };
}

test("everything is polled at once, and then an interval after each end", () => {
  expect(schedule.next(1000)).toEqual({ kind: "all", delayMs: 0 });
  schedule.started("all", 1000);
  schedule.ended("all", 4000);
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
  schedule.ended("all", 121_000);
  expect(schedule.next(121_000)).toEqual({ kind: "tip", delayMs: 0 });
});
