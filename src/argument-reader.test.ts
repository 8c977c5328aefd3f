import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type FlagTable, readArguments, UsageError } from "./argument-reader.ts";

const TABLE = {
  path: { type: "positional" },
  "metrics-addr": { type: "string", default: "127.0.0.1:9332" },
  "no-collector": { type: "string" },
  "utxo-trace": { type: "boolean", default: true },
  debug: { type: "boolean" },
  help: { type: "boolean", alias: "h" },
} as const satisfies FlagTable;

/** Every spelling that sets something, without its value. */
const SPELLINGS = [
  "--metrics-addr",
  "--no-collector",
  "--utxo-trace",
  "--no-utxo-trace",
  "--debug",
  "--help",
  "-h",
] as const;

function read(...args: string[]) {
  const { positionals, values, switches } = readArguments(args, TABLE);
  return { positionals, values: Object.fromEntries(values), switches: Object.fromEntries(switches) };
}

function faultOf(...args: string[]): string | undefined {
  try {
    read(...args);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
}

test("values, switches and positionals in any order", () => {
  expect(read("a", "--metrics-addr", "b", "--no-utxo-trace", "c", "--metrics-addr=d=e", "-h")).toEqual({
    positionals: ["a", "c"],
    values: { "metrics-addr": ["b", "d=e"] },
    switches: { "utxo-trace": false, help: true },
  });
});

test("the last of a switch and its negation counts", () => {
  expect(read("--no-utxo-trace", "--utxo-trace").switches).toEqual({ "utxo-trace": true });
  expect(read("--utxo-trace", "--no-utxo-trace").switches).toEqual({ "utxo-trace": false });
});

test("what follows -- is positional", () => {
  expect(read("--debug", "--", "--debug", "--no-collector", "-h")).toEqual({
    positionals: ["--debug", "--no-collector", "-h"],
    values: {},
    switches: { debug: true },
  });
});

test.each([
  [["--utxo-trace=no"], '--utxo-trace does not accept a value; remove "=no"'],
  [["--no-utxo-trace=true"], '--no-utxo-trace does not accept a value; remove "=true"'],
  [["--debug="], '--debug does not accept a value; remove "="'],
  [["--metrics-addr"], "--metrics-addr needs a value"],
  [["--metrics-addr="], "--metrics-addr needs a value"],
  [["--metrics-addr", ""], "--metrics-addr needs a value"],
  [["--metrics-addr", "--debug"], "--metrics-addr needs a value"],
  [["--metrics-addr", "--", "a"], "--metrics-addr needs a value"],
  [["--no-debug"], "unknown flag --no-debug"],
  [["--no-metrics-addr"], "unknown flag --no-metrics-addr"],
  [["--noCollector", "a"], "unknown flag --noCollector"],
  [["--no-no-collector", "a"], "unknown flag --no-no-collector"],
  [["--collector", "a"], "unknown flag --collector"],
  [["--utxoTrace=no"], "unknown flag --utxoTrace"],
  [["--path=a", "b"], "unknown flag --path"],
  [["--h"], "unknown flag --h"],
  [["-hd"], "unknown flag -d"],
  [["-debug"], "unknown flag -d"],
  [["--__proto__=a"], "unknown flag --__proto__"],
  [["--constructor"], "unknown flag --constructor"],
  [["--=a"], "unknown flag --=a"],
])("%j is refused", (args, message) => {
  expect(faultOf(...args)).toBe(message);
});

test("a value may start with dashes after an equals sign", () => {
  expect(read("--no-collector=--debug").values).toEqual({ "no-collector": ["--debug"] });
});

describe("of all spellings, only those of the table are accepted", () => {
  const name = fc.constantFrom(...Object.keys(TABLE));
  const asCamelCase = (text: string) => text.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  /** Ways to write a flag that some program accepts. */
  const rewritten = fc
    .tuple(
      fc.constantFrom("", "-", "--", "---", "+", "/", "--no-", "--no", "-no-", "--no-no-", "--disable-"),
      name,
      fc.constantFrom<(text: string) => string>(
        (text) => text,
        asCamelCase,
        (text) => text.replaceAll("-", "_"),
        (text) => text.replaceAll("-", ""),
        (text) => text.toUpperCase(),
        (text) => text.slice(0, -1),
        (text) => `${text}s`,
        (text) => `${text[0]!.toUpperCase()}${asCamelCase(text).slice(1)}`,
      ),
    )
    .map(([prefix, flag, rewrite]) => prefix + rewrite(flag));
  const anything = fc.string({ unit: "grapheme", maxLength: 12 }).map((text) => `--${text.replaceAll("=", "")}`);
  const spelling = fc.oneof(rewritten, anything, fc.constantFrom(...SPELLINGS));
  const isOfTable = (text: string) => (SPELLINGS as readonly string[]).includes(text);
  const RUNS = { numRuns: 3000 };

  test("alone, before a path", () => {
    fc.assert(
      fc.property(spelling, (flag) => {
        const fault = faultOf(flag, "a");
        // Not a flag at all: a path.
        if (!/^-./.test(flag) || flag === "--") expect(fault).toBeUndefined();
        else if (isOfTable(flag)) expect(fault).toBeUndefined();
        else expect(fault).toMatch(/^unknown flag -/);
      }),
      RUNS,
    );
  });

  test("with a value after an equals sign", () => {
    fc.assert(
      fc.property(spelling, fc.constantFrom("no", "yes", "true", "false", "0", "1", "x y", ""), (flag, value) => {
        const fault = faultOf(`${flag}=${value}`, "a");
        const takesValue = flag === "--metrics-addr" || flag === "--no-collector";
        if (!flag.startsWith("-") || (takesValue && value !== "")) expect(fault).toBeUndefined();
        else if (takesValue) expect(fault).toBe(`${flag} needs a value`);
        else if (isOfTable(flag) && flag !== "-h")
          expect(fault).toBe(`${flag} does not accept a value; remove "=${value}"`);
        else expect(fault).toMatch(/^unknown flag -/);
      }),
      RUNS,
    );
  });
});
