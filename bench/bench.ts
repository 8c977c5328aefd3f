// What every bench is: a name and a run that gives rows for the table. How much it does is said by the effort.

import type { NativePrograms } from "./native/build.ts";
import type { Row } from "./table.ts";

export interface Effort {
  /** Share of the calls, blocks and seconds of the full run, above 0. */
  readonly share: number;
  /** Of which the median is taken. */
  readonly rounds: number;
}

export const FULL: Effort = { share: 1, rounds: 5 };
/** Just enough to see that every bench runs and every check holds. */
export const BRIEF: Effort = { share: 0.01, rounds: 1 };

export interface Outcome {
  readonly rows: readonly Row[];
  /** What was left out, and why: for whoever reads the table. */
  readonly notes: readonly string[];
}

export interface Bench {
  readonly name: string;
  run(effort: Effort, programs: NativePrograms): Promise<Outcome>;
}

/** What was to be timed did not do what it should: its time says nothing. */
export class CheckError extends Error {
  override readonly name = "CheckError";
}

/** @throws CheckError unless both are the same. */
export function check(what: string, seen: unknown, expected: unknown): void {
  if (!Bun.deepEquals(seen, expected)) {
    throw new CheckError(`${what}: ${JSON.stringify(seen)} instead of ${JSON.stringify(expected)}`);
  }
}

/** The effort's share of `count`, at least 1. */
export function portion(effort: Effort, count: number): number {
  return Math.max(1, Math.round(count * effort.share));
}
