import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseJson } from "../../test/builders/json.ts";
import * as result from "./result.ts";

const fields = parseJson(`{
  "count": 9007199254740993, "zero": 0, "none": -1, "negative": -2, "fraction": 1.5, "exponent": 1e3,
  "flag": true, "text": "main", "empty": "", "null": null, "amount": 20999999.97690000, "sliver": 0.000000001,
  "rate": 0.00001234, "list": ["a", "b"], "nothing": [], "object": {}
}`);

test("reads what is there", () => {
  expect(result.count(fields, "count")).toBe(9007199254740993n);
  expect(result.height(fields, "zero")).toBe(0n);
  expect(result.number(fields, "fraction")).toBe(1.5);
  expect(result.number(fields, "negative")).toBe(-2);
  expect(result.integer(fields, "negative")).toBe(-2n);
  expect(result.list(fields, "list")).toEqual(["a", "b"]);
  expect(result.counts(parseJson('{"heights": [7, 0]}'), "heights")).toEqual([7n, 0n]);
  expect(result.object(fields, "object")).toEqual({});
  expect(result.number(fields, "exponent")).toBe(1000);
  expect(result.flag(fields, "flag")).toBe(true);
  expect(result.text(fields, "text")).toBe("main");
  expect(result.satoshis(fields, "amount")).toBe(2_099_999_997_690_000n);
  expect(result.feeRate(fields, "rate")).toBe(1.234);
  expect(result.asCount(parseJson("320"))).toBe(320n);
  expect(result.asList(parseJson("[1]"))).toHaveLength(1);
});

test("a height of -1 is none", () => {
  expect(result.height(fields, "none")).toBeUndefined();
});

test("warnings are counted, in a list or as the one text of older nodes", () => {
  expect(result.warningCount(fields, "list")).toBe(2);
  expect(result.warningCount(fields, "nothing")).toBe(0);
  expect(result.warningCount(fields, "text")).toBe(1);
  expect(result.warningCount(fields, "empty")).toBe(0);
});

const { count, height, integer, number, flag, text, satoshis, feeRate, warningCount, list, counts } = result;
const READERS = { count, height, integer, number, flag, text, satoshis, feeRate, warningCount, list, counts };

describe.each(Object.entries(READERS))("%s", (_, read) => {
  test("a field that is not there, or null, is no value", () => {
    expect(read(fields, "missing")).toBeUndefined();
    expect(read(fields, "null")).toBeUndefined();
  });

  test("a field of another type is an error", () => {
    expect(() => read(fields, "object")).toThrow(/^"object" is not .+: \{\}$/);
  });

  test("so is a result that has no fields", () => {
    for (const other of ["3", '"text"', "null", "true", "[1]"]) {
      expect(() => read(parseJson(other), "count")).toThrow(`the result is not an object: ${other}`);
    }
  });
});

test("fields of an object in the result are read alike", () => {
  const nested = parseJson('{"outer": {"count": 3}, "text": "main"}');
  expect(result.within("outer", count)(nested, "count")).toBe(3n);
  expect(result.within("outer", count)(nested, "missing")).toBeUndefined();
  expect(result.within("missing", count)(nested, "count")).toBeUndefined();
  expect(() => result.within("text", count)(nested, "count")).toThrow('"text" is not an object: "main"');
});

test.each([
  ["counts", "list", '"list" is not a count: "a"'],
  ["integer", "fraction", '"fraction" is not a whole number: 1.5'],
  ["count", "negative", '"negative" is not a count: -2'],
  ["count", "fraction", '"fraction" is not a count: 1.5'],
  ["count", "text", '"text" is not a count: "main"'],
  ["height", "negative", '"negative" is not a count: -2'],
  ["satoshis", "sliver", '"sliver" is not an amount: 1e-9'],
  ["satoshis", "text", '"text" is not an amount: "main"'],
  ["flag", "zero", '"zero" is not true or false: 0'],
  ["warningCount", "zero", '"zero" is not a list or a text: 0'],
] as const)("%s of %s is refused", (reader, name, message) => {
  expect(() => READERS[reader](fields, name)).toThrow(message);
});

test("an error shows the beginning of a long value only", () => {
  const long = parseJson(JSON.stringify({ blocks: "x".repeat(1000) }));
  expect(() => result.count(long, "blocks")).toThrow(/^"blocks" is not a count: "x{59}$/);
});

test("a fee rate prints exactly, whatever it is", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2_100_000_000_000_000 }), (perKvb) => {
      const coins = `${Math.floor(perKvb / 1e8)}.${String(perKvb % 1e8).padStart(8, "0")}`;
      const whole = Math.floor(perKvb / 1000);
      const decimals = String(perKvb % 1000)
        .padStart(3, "0")
        .replace(/0+$/, "");
      const exact = decimals === "" ? String(whole) : `${whole}.${decimals}`;
      expect(String(result.feeRate(parseJson(`{"rate": ${coins}}`), "rate"))).toBe(exact);
    }),
  );
});
