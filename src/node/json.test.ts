import { expect, test } from "bun:test";
import fc from "fast-check";
import { Decimal, isObject, parseJson } from "./json.ts";

test("numbers keep their digits", () => {
  expect(parseJson('{"fee": 0.00001000, "work": 12345678901234567890, "list": [1e-8, -2]}')).toEqual({
    fee: new Decimal("0.00001000"),
    work: new Decimal("12345678901234567890"),
    list: [new Decimal("1e-8"), new Decimal("-2")],
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

test("an object is told from what else JSON has", () => {
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
