// A deadline for an answer that may still be used when it is late. The deadline of question.ts cancels the call instead.

import { DeadlineError } from "./errors.ts";

/** Settles as `answer` does, or rejects after `deadlineMs` with a DeadlineError that has it. `name` is the call's, for the error. */
export async function within<T>(deadlineMs: number, answer: Promise<T>, name: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const error = new DeadlineError(`${name} was not answered within ${Math.round(deadlineMs)} ms`, answer);
  const timer = setTimeout(() => reject(error), deadlineMs);
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
