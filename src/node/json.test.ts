import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseJson } from "../../test/builders/json.ts";
import { Decimal } from "./decimal.ts";
import { isObject, type JsonValue, MAX_DEPTH, MAX_NUMBER_BYTES, MAX_TEXT_BYTES, MAX_VALUES, readJson } from "./json.ts";

test("numbers keep their digits", () => {
  expect(parseJson('{"fee": 0.00001000, "work": 12345678901234567890, "list": [1e-8, -2]}')).toEqual({
    fee: new Decimal("0.00001000"),
    work: new Decimal("12345678901234567890"),
    list: [new Decimal("1e-8"), -2],
  });
});

test.each([
  ["0.00001000", 1000n],
  ["20999999.99999999", 2_099_999_999_999_999n],
  ["-0.00000001", -1n],
  ["0", 0n],
  ["1e-8", 1n],
  ["1.5E+1", 1_500_000_000n],
  ["0.100000000", 10_000_000n],
])("%s bitcoin is %d satoshis", (text, satoshis) => {
  expect(new Decimal(text).toSatoshis()).toBe(satoshis);
});

test.each(["0.000000001", "1e-9"])("%s bitcoin is no whole number of satoshis", (text) => {
  expect(() => new Decimal(text).toSatoshis()).toThrow(RangeError);
});

test("every amount of the money supply comes back to the satoshi", () => {
  fc.assert(
    fc.property(fc.bigInt(0n, 2_100_000_000_000_000n), (satoshis) => {
      const text = `${satoshis / 100_000_000n}.${(satoshis % 100_000_000n).toString().padStart(8, "0")}`;
      expect(new Decimal(text).toSatoshis()).toBe(satoshis);
    }),
  );
});

test("an object is distinguished from other JSON values", () => {
  expect([{}, [], null, "x", true, new Decimal("1"), undefined].map((value) => isObject(value))).toEqual([
    true,
    false,
    false,
    false,
    false,
    false,
    false,
  ]);
});

test("whole numbers are exact, whatever their size", () => {
  const whole = fc.oneof(
    fc.bigInt(-(10n ** 16n), 10n ** 16n),
    fc.bigInt(-(10n ** 60n), 10n ** 60n),
    fc.bigInt(-20n, 20n),
  );
  fc.assert(
    fc.property(whole, (value) => {
      const read = parseJson(` ${value} `);
      expect(read instanceof Decimal ? BigInt(read.text) : BigInt(read as number)).toBe(value);
      expect(typeof read === "number").toBe(value > -(10n ** 15n) && value < 10n ** 15n);
    }),
  );
});

const WHOLE = /^(0|-?[1-9]\d{0,14})$/;

/** What JSON.parse makes of the text, with each number that is not a whole one of 15 digits at most as its text. */
function expected(text: string): unknown {
  const reviver = (_: string, value: unknown, context?: { source: string }) =>
    typeof value === "number" && !WHOLE.test(context!.source) ? new Decimal(context!.source) : value;
  return JSON.parse(text, reviver as (key: string, value: unknown) => unknown);
}

describe("reads what JSON.parse reads", () => {
  const json = fc.json({ maxDepth: 6, stringUnit: "binary" });
  const spaced = json.map((text) => JSON.stringify(JSON.parse(text), null, "\t \r"));

  test.each([json, spaced])("any value", (texts) => {
    fc.assert(
      fc.property(texts, (text) => expect(parseJson(text)).toEqual(expected(text) as JsonValue)),
      { numRuns: 500 },
    );
  });

  test.each([
    '"\\ud83d\\ude42 \\ud83d"',
    '"\\u0000\\/"',
    '" \u{1F642} "',
    " [ ] ",
    "{ }",
    '{"":{"":[[]]}}',
    "-0",
    "1E+2",
  ])("%s", (text) => expect(parseJson(text)).toEqual(expected(text) as JsonValue));

  test("short texts that repeat, of any hash", () => {
    const short = fc.string({ unit: fc.constantFrom("a", "b", "\u007f", "é"), maxLength: 40 });
    const pairs = fc.array(fc.tuple(short, short), { minLength: 20, maxLength: 2000, size: "max" });
    fc.assert(
      fc.property(pairs, (texts) => {
        const text = JSON.stringify(texts.map(([key, value]) => ({ [key]: value, [value]: key })));
        expect(parseJson(text)).toEqual(JSON.parse(text));
      }),
      { numRuns: 50 },
    );
  });

  test("a key may be the name of an object's prototype", () => {
    const value = parseJson('{"__proto__": {"a": 1}, "constructor": 2}');
    expect(Object.keys(value as object)).toEqual(["__proto__", "constructor"]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  test("and nothing else", () => {
    const broken = [
      "",
      " ",
      "[",
      "{",
      "]",
      "[1,]",
      "[,1]",
      "[1 2]",
      '{"a"}',
      '{"a":}',
      '{"a":1,}',
      "{1:2}",
      "01",
      "1.",
      ".5",
      "1e",
      "+1",
      "--1",
      "nul",
      "truefalse",
      "True",
      "[1]]",
      '"',
      '"\\',
      '"\\x"',
      '"\\u12"',
      '"\n"',
      "'a'",
      "NaN",
      "\uFEFF1",
      "[1}",
      '{"a":1]',
      "1 1",
    ];
    for (const text of broken) expect(() => parseJson(text), text).toThrow(SyntaxError);
    const damaged = fc.tuple(json, fc.nat(), fc.integer({ min: 0x20, max: 0x7e }));
    fc.assert(
      fc.property(damaged, ([text, position, code]) => {
        const at = position % text.length;
        const other = (text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1)).toWellFormed();
        expect(outcome(() => parseJson(other))).toEqual(outcome(() => expected(other)));
      }),
      { numRuns: 2000 },
    );
  });
});

function outcome(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    return (error as Error).name;
  }
}

describe("limits", () => {
  const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
  const text = (bytes: number) => `"${"x".repeat(bytes)}"`;
  const many = (values: number) => `[${"0,".repeat(values - 1)}0]`;

  test.each([
    ["levels", nested(MAX_DEPTH), nested(MAX_DEPTH + 1)],
    ["bytes of a text", text(MAX_TEXT_BYTES), text(MAX_TEXT_BYTES + 1)],
    ["bytes of a key", `{${text(MAX_TEXT_BYTES)}:0}`, `{${text(MAX_TEXT_BYTES + 1)}:0}`],
    ["digits", "1".repeat(MAX_NUMBER_BYTES), "1".repeat(MAX_NUMBER_BYTES + 1)],
    ["values", many(MAX_VALUES), many(MAX_VALUES + 1)],
    ["white space", `${" ".repeat(MAX_TEXT_BYTES)}1`, `${" ".repeat(MAX_TEXT_BYTES + 1)}1`],
  ])("%s", (_, most, tooMuch) => {
    parseJson(most);
    expect(() => parseJson(tooMuch)).toThrow(RangeError);
  });
});

describe("a list item by item", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const reply = bytes('{"jsonrpc": "2.0", "a": [9], "result": [{"x": [1, "\\n"]}, [], "y", 2.50], "id": 0}');

  test("is counted", async () => {
    expect(await readJson(bytes("[]"), { items: "count" })).toEqual(0);
    expect(await readJson(bytes('[[1, [2]], {"a": {"b": []}}, "\\"]", -1, true]'), { items: "count" })).toEqual(5);
    expect(await readJson(reply, { items: "count", listKey: "result" })).toEqual({
      jsonrpc: "2.0",
      a: [9],
      result: 4,
      id: 0,
    });
  });

  test("is passed on", async () => {
    const items: JsonValue[] = [];
    const value = await readJson(reply, { items: (item) => items.push(item), listKey: "result" });
    expect(value).toMatchObject({ result: 4 });
    expect(items).toEqual([{ x: [1, "\n"] }, [], "y", new Decimal("2.50")]);
  });

  test("is no other value", async () => {
    for (const text of ['{"a": [1]}', "null", '"x"']) {
      expect(await readJson(bytes(text), { items: "count" })).toEqual(parseJson(text));
      expect(await readJson(bytes(`{"result": ${text}}`), { items: "count", listKey: "result" })).toEqual({
        result: parseJson(text),
      });
    }
  });

  test("has to be JSON", async () => {
    for (const text of ["[1 2]", "[}", "[{1}]", '["]', "[x]", "[[]"])
      await expect(readJson(bytes(text), { items: "count" })).rejects.toThrow(SyntaxError);
  });

  test("may have more items than an answer may have values", async () => {
    const long = bytes(`[${"[0],".repeat(MAX_VALUES)}[0]]`);
    let count = 0;
    await readJson(long, { items: () => count++ });
    expect(count).toBe(MAX_VALUES + 1);
  });
});

test("other work is done between the slices of a long text", async () => {
  const long = new TextEncoder().encode(`[${'{"address":"192.0.2.1/32","ban_created":1764300000},'.repeat(50_000)}0]`);
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  await readJson(long);
  clearInterval(timer);
  expect(turns).toBeGreaterThan(2);
});
