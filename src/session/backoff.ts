// How long to wait before the next attempt to connect.

const FIRST_MS = 500;
const LONGEST_MS = 30_000;
/** Random share added to the delay, so that several exporters on a host do not retry at the same time. */
const JITTER = 0.25;

/** Milliseconds to wait after `failures` failed attempts in a row, 1 or more: 0.5 s doubling to 30 s. `random` is in [0, 1). */
export function backoffMs(failures: number, random = Math.random()): number {
  const delay = FIRST_MS * 2 ** (failures - 1) * (1 + JITTER * random);
  return Math.min(delay, LONGEST_MS);
}
