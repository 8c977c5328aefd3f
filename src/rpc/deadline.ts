// A deadline for an answer that may still be used when it is late. Calls that are canceled at their deadline have one of their
// own (question.ts).

import { DeadlineError } from "./errors.ts";

/** Resolves or rejects as `answer`, or rejects after `deadlineMs` with a DeadlineError that has it. `name` says what of. */
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
