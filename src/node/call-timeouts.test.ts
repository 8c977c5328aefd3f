import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { settled } from "../../test/builders/fake-time.ts";
import { DeadlineError } from "../rpc/errors.ts";
import { CallTimeouts } from "./call-timeouts.ts";

async function after<T>(durationMs: number, value: T): Promise<T> {
  await Bun.sleep(durationMs);
  return value;
}

const failure = (answer: Promise<unknown>) =>
  settled(answer).then(
    () => undefined,
    (error: unknown) => error,
  );

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

test("an answer in time is passed on, and so is a failure", async () => {
  const timeouts = new CallTimeouts(1000);
  expect(await settled(timeouts.wait("a", after(1, 5)))).toBe(5);
  const broken = new Error("broken");
  expect(await failure(timeouts.wait("a", Promise.reject(broken)))).toBe(broken);
});

test("a late answer is an error that has it, and the next call of that name may take longer", async () => {
  const timeouts = new CallTimeouts(20);
  const late = (await failure(timeouts.wait("a", after(60, 5)))) as DeadlineError;
  expect(late).toBeInstanceOf(DeadlineError);
  expect(late.message).toBe("a was not answered within 20 ms");
  expect(await settled(late.late!)).toBe(5);
  expect(await settled(timeouts.wait("a", after(60, 6)))).toBe(6);
  expect(await failure(timeouts.wait("b", after(60, 7)))).toBeInstanceOf(DeadlineError);
});

test("a fast answer brings the timeout back, and a slow one does not grow it without limit", async () => {
  const timeouts = new CallTimeouts(10);
  const slow = (await failure(timeouts.wait("a", after(250, 1)))) as DeadlineError;
  await settled(slow.late!);
  const error = (await failure(timeouts.wait("a", after(150, 2)))) as DeadlineError;
  expect(error.message).toBe("a was not answered within 100 ms");
  await settled(error.late!);
  expect(await settled(timeouts.wait("a", after(1, 3)))).toBe(3);
  expect(((await failure(timeouts.wait("a", after(50, 4)))) as DeadlineError).message).toContain("within 10 ms");
});
