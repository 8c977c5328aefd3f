// Lets bun:test's fake time pass. With it, tests of timeouts need no real time, and a busy machine does not change their result.

import { jest } from "bun:test";

/** Microtasks after each millisecond: more than a chain of promises in a test has. */
const MICROTASKS = 20;

/** Lets fake time pass, millisecond by millisecond, until `promise` has settled. Settles as `promise` does. */
export async function settled<T>(promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const end = () => {
    isSettled = true;
  };
  promise.then(end, end);
  await microtasks();
  while (!isSettled) {
    jest.advanceTimersByTime(1);
    await microtasks();
  }
  return promise;
}

async function microtasks(): Promise<void> {
  for (let index = 0; index < MICROTASKS; index++) await Promise.resolve();
}
