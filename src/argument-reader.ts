// Reads the arguments of a command line by a table of flags, and refuses what the table lacks. node:util alone accepts any flag.
// citty also accepts other spellings: noCollector, and any text except "false" as true.

import { parseArgs } from "node:util";

/** The part of a flag's or a positional argument's definition that the reader needs; citty has the same fields. */
export interface FlagDefinition {
  readonly type: "string" | "boolean" | "positional";
  readonly default?: string | boolean;
  /** One letter. */
  readonly alias?: string;
}

export type FlagTable = Readonly<Record<string, FlagDefinition>>;

/** The values of the arguments, by the names of the table. */
export interface Arguments {
  readonly positionals: readonly string[];
  /** The values of each flag that has some, in the order of the arguments. No value is empty. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  /** The last of `--NAME` and `--no-NAME`. */
  readonly switches: ReadonlyMap<string, boolean>;
}

/** A fault of the command line, in one line. */
export class UsageError extends Error {
  override readonly name = "UsageError";

  /** A quoted URL in the message is removed, because it may contain a password. */
  constructor(message: string) {
    super(message.replace(/".*:\/\/.*"/s, "(a URL)"));
  }
}

/**
 * `--no-NAME` exists for each switch that is on by default. What follows `--` is positional.
 * @throws UsageError for an unknown flag, a flag without its value, and a switch with one.
 */
export function readArguments(rawArgs: readonly string[], table: FlagTable): Arguments {
  const known = knownFlags(table);
  const options = Object.fromEntries([...known].map(([name, { option }]) => [name, option]));
  const { tokens } = parseArgs({ args: [...rawArgs], options, strict: false, allowPositionals: true, tokens: true });
  const positionals: string[] = [];
  const values = new Map<string, readonly string[]>();
  const switches = new Map<string, boolean>();
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const flag = known.get(token.name);
    if (flag === undefined) throw new UsageError(`unknown flag ${token.rawName}`);
    if (flag.option.type === "string") {
      // A value that looks like a flag is a forgotten value, unless an equals sign joins them.
      if (!token.value || (!token.inlineValue && token.value.startsWith("--")))
        throw new UsageError(`${token.rawName} needs a value`);
      values.set(flag.name, [...(values.get(flag.name) ?? []), token.value]);
    } else {
      if (token.value !== undefined)
        throw new UsageError(`${token.rawName} does not accept a value; remove "=${token.value}"`);
      switches.set(flag.name, flag.isOn);
    }
  }
  return { positionals, values, switches };
}

/** A number without sign and exponent; NaN for any other text. */
export function readDecimal(text: string): number {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
}

interface KnownFlag {
  /** In the table. */
  readonly name: string;
  /** The value that a switch of this spelling sets. */
  readonly isOn: boolean;
  readonly option: { readonly type: "string" | "boolean"; readonly short?: string };
}

/** By each spelling without its dashes. */
function knownFlags(table: FlagTable): ReadonlyMap<string, KnownFlag> {
  const known = new Map<string, KnownFlag>();
  for (const [name, { type, alias, default: isOn }] of Object.entries(table)) {
    if (type === "positional") continue;
    known.set(name, { name, isOn: true, option: { type, ...(alias !== undefined && { short: alias }) } });
    if (isOn === true) known.set(`no-${name}`, { name, isOn: false, option: { type } });
  }
  return known;
}
