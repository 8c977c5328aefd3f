// The command line of `bun run bench`.

import { parseArgs } from "node:util";
import { BRIEF, type Effort, FULL } from "./bench.ts";

export interface Options {
  readonly effort: Effort;
  /** Of the benches to run; all when empty. */
  readonly only: readonly string[];
  /** Whether RESULTS.md is written. */
  readonly write: boolean;
}

export const USAGE = `usage: bun run bench [--only NAME]… [--brief | --share SHARE --rounds ROUNDS] [--write]

  --only NAME    run this bench; may be repeated
  --brief        one round of a hundredth of the calls: only shows that the benches work
  --share SHARE  this share of the full run's calls, above 0 and up to 1
  --rounds N     medians of N rounds, 5 by default
  --write        write the results to bench/RESULTS.md

Exits with 1 when a check fails. A missed target is not a failure.`;

/** What is wrong with the command line, in one line. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/**
 * @param names of the benches
 * @throws UsageError
 */
export function readOptions(args: string[], names: readonly string[]): Options {
  const { only = [], brief = false, share, rounds, write = false } = parse(args);
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new UsageError(`unknown bench "${unknown}": expected one of ${names.join(", ")}`);
  if (brief && (share !== undefined || rounds !== undefined)) {
    throw new UsageError("--brief sets the share and the rounds: leave out --share and --rounds");
  }
  if (write && (brief || only.length > 0)) {
    throw new UsageError("--write needs a full run: leave out --brief and --only");
  }
  return {
    effort: brief ? BRIEF : { share: readShare(share), rounds: readRounds(rounds) },
    only,
    write,
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        only: { type: "string", multiple: true },
        brief: { type: "boolean" },
        share: { type: "string" },
        rounds: { type: "string" },
        write: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function readShare(text: string | undefined): number {
  if (text === undefined) return FULL.share;
  const share = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (share > 0 && share <= 1) return share;
  throw new UsageError(`bad value "${text}" for --share: expected a number above 0 and up to 1`);
}

function readRounds(text: string | undefined): number {
  if (text === undefined) return FULL.rounds;
  if (/^[1-9]\d?$/.test(text)) return Number(text);
  throw new UsageError(`bad value "${text}" for --rounds: expected a number from 1 to 99`);
}
