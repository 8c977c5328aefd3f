// The interface of a bench: a name, and a run with some effort that returns rows of the table.

import type { NativePrograms } from "./native/build.ts";
import type { Row } from "./table.ts";

export interface Effort {
  /** Share of the calls, blocks and seconds of the full run, above 0. */
  readonly share: number;
  /** The figures are medians of so many rounds. */
  readonly rounds: number;
}

export const FULL: Effort = { share: 1, rounds: 5 };
/** Only shows that every bench runs and every check passes. */
export const BRIEF: Effort = { share: 0.01, rounds: 1 };

export interface Outcome {
  readonly rows: readonly Row[];
  /** What was left out, and why. */
  readonly notes: readonly string[];
}

export interface Bench {
  readonly name: string;
  run(effort: Effort, programs: NativePrograms): Promise<Outcome>;
}

/** The program under test did not do what it should, so its time means nothing. */
export class CheckError extends Error {
  override readonly name = "CheckError";
}

/** @throws CheckError unless both are equal */
export function check(what: string, seen: unknown, expected: unknown): void {
  if (!Bun.deepEquals(seen, expected)) {
    throw new CheckError(`${what}: ${JSON.stringify(seen)} instead of ${JSON.stringify(expected)}`);
  }
}

/** The effort's share of `count`, at least 1. */
export function portion(effort: Effort, count: number): number {
  return Math.max(1, Math.round(count * effort.share));
}
