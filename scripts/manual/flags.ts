// The table of flags as the man page and the completions list it: a switch that is on by default is two flags.

import { FLAGS, type Flag } from "../../src/flags.ts";

export interface ListedFlag extends Omit<Flag, "type" | "default" | "alias" | "negativeDescription"> {
  /** With its dashes. */
  readonly spelling: string;
  /** Undefined for a switch. */
  readonly value?: string;
  readonly default?: string;
  /** One letter with its dash. */
  readonly short?: string;
  /** The spelling of the switch that does the opposite. */
  readonly opposite?: string;
}

export const LISTED_FLAGS: readonly ListedFlag[] = Object.entries<Flag>(FLAGS).flatMap(([name, flag]): ListedFlag[] => {
  const { type, default: standard, alias, negativeDescription = "", valueHint, ...rest } = flag;
  const on = `--${name}`;
  const off = `--no-${name}`;
  if (type === "positional") return [];
  if (type === "string") {
    const value = valueHint ?? "VALUE";
    return [{ ...rest, spelling: on, value, ...(standard !== undefined && { default: String(standard) }) }];
  }
  if (standard !== true) return [{ ...rest, spelling: on, ...(alias !== undefined && { short: `-${alias}` }) }];
  return [
    { ...rest, spelling: on, opposite: off },
    { ...rest, spelling: off, opposite: on, description: negativeDescription },
  ];
});
