import { describe, expect, test } from "bun:test";
import { BusyClock } from "./busy-clock.ts";

/** The reading of the clock after these pieces of work. */
function busyMs(...pieces: readonly (readonly [start: number, end: number])[]): number {
  const clock = new BusyClock();
  for (const [start, end] of pieces) clock.record(start, end);
  return clock.busyMs;
}

describe("counts", () => {
  test("nothing before a call", () => expect(busyMs()).toBe(0));

  test("the time that calls took", () => expect(busyMs([100, 103], [200, 204])).toBe(7));

  test("the pause between calls close together", () => {
    expect(busyMs([100, 100.25], [100.5, 100.75], [101, 101.25])).toBe(1.25);
  });

  test("no pause of half a millisecond or more", () => {
    expect(busyMs([100, 101], [101.5, 102])).toBe(1.5);
    expect(busyMs([100, 101], [101.375, 102])).toBe(2);
  });

  test("no pause before the first call", () => expect(busyMs([0.125, 0.25])).toBe(0.125));
});

test("the peer is calling until 10 ms after its last call", () => {
  const clock = new BusyClock();
  expect(clock.isCalling(0)).toBe(false);
  clock.record(100, 101);
  expect(clock.isCalling(101)).toBe(true);
  expect(clock.isCalling(110)).toBe(true);
  expect(clock.isCalling(111)).toBe(false);
});

test("is monotonic and never faster than time", () => {
  const clock = new BusyClock();
  let now = 0;
  let last = 0;
  for (let call = 0; call < 1000; call++) {
    const start = now + ((call * 7) % 11) / 10;
    now = start + ((call * 5) % 13) / 100;
    clock.record(start, now);
    expect(clock.busyMs).toBeGreaterThanOrEqual(last);
    expect(clock.busyMs).toBeLessThanOrEqual(now + 1e-9);
    last = clock.busyMs;
  }
  // Pauses of 0.0 to 0.4 ms count, those of 0.5 to 1 ms do not.
  expect(last / now).toBeWithin(0.2, 0.4);
});
