// Reads results of JSON-RPC methods. Releases differ, so a missing field reads as undefined. A field of an unexpected type is an
// error that names it.

import { Decimal } from "../node/decimal.ts";
import { isObject, type JsonObject, type JsonValue } from "../node/json.ts";

/** @throws Error when the value is not an object. */
export function asObject(value: JsonValue): JsonObject {
  return isObject(value) ? value : wrong("the result", "an object", value);
}

/** @throws Error when the value is not a list. */
export function asList(value: JsonValue): readonly JsonValue[] {
  return Array.isArray(value) ? value : wrong("the result", "a list", value);
}

/** A result that is a whole number, not negative. @throws Error when it is not. */
export function asCount(value: JsonValue): bigint {
  return toCount("the result", value);
}

// Fields of a result that is an object. Each function throws an Error when the result is no object, or the field has another type.

/** A whole number, not negative. */
export function count(result: JsonValue, name: string): bigint | undefined {
  return field(result, name, toCount);
}

/** A height; undefined for -1, which the node reports if there is no such block. */
export function height(result: JsonValue, name: string): bigint | undefined {
  return field(result, name, (what, value) => (value === -1 ? undefined : toCount(what, value)));
}

/** A whole number of either sign. */
export function integer(result: JsonValue, name: string): bigint | undefined {
  return field(result, name, (what, value) => wholeNumber(value) ?? wrong(what, "a whole number", value));
}

/** Any number. */
export function number(result: JsonValue, name: string): number | undefined {
  return field(result, name, (what, value) => {
    if (typeof value === "number") return value;
    return value instanceof Decimal ? value.toNumber() : wrong(what, "a number", value);
  });
}

export function flag(result: JsonValue, name: string): boolean | undefined {
  return field(result, name, (what, value) =>
    typeof value === "boolean" ? value : wrong(what, "true or false", value),
  );
}

export function text(result: JsonValue, name: string): string | undefined {
  return field(result, name, (what, value) => (typeof value === "string" ? value : wrong(what, "a text", value)));
}

export function list(result: JsonValue, name: string): readonly JsonValue[] | undefined {
  return field(result, name, (what, value) => (Array.isArray(value) ? value : wrong(what, "a list", value)));
}

/** A list of whole numbers, not negative. */
export function counts(result: JsonValue, name: string): readonly bigint[] | undefined {
  return list(result, name)?.map((value) => toCount(`"${name}"`, value));
}

export function object(result: JsonValue, name: string): JsonObject | undefined {
  return field(result, name, (what, value) => (isObject(value) ? value : wrong(what, "an object", value)));
}

/** Reads a field of the object in the field `outer`; undefined without that object. */
export function within<T>(outer: string, read: (result: JsonValue, name: string) => T | undefined) {
  return (result: JsonValue, name: string): T | undefined => {
    const inner = object(result, outer);
    return inner && read(inner, name);
  };
}

/** Satoshis of an amount in bitcoin, exact. */
export function satoshis(result: JsonValue, name: string): bigint | undefined {
  return field(result, name, (what, value) => {
    try {
      if (typeof value === "number") return BigInt(value) * SATOSHIS_PER_COIN;
      if (value instanceof Decimal) return value.toSatoshis();
    } catch {
      // Not a whole number of satoshis.
    }
    return wrong(what, "an amount", value);
  });
}

const SATOSHIS_PER_COIN = 100_000_000n;
const VBYTES_PER_KVB = 1000;

/**
 * Satoshis per virtual byte of a fee rate in bitcoin per 1000 virtual bytes. Its text is exact: it has few decimals, and the
 * nearest double prints as the same number.
 */
export function feeRate(result: JsonValue, name: string): number | undefined {
  const perKvb = satoshis(result, name);
  return perKvb === undefined ? undefined : Number(perKvb) / VBYTES_PER_KVB;
}

/** The number of warnings. The node reports a list; up to v27, and with -deprecatedrpc=warnings, a text with the last one. */
export function warningCount(result: JsonValue, name: string): number | undefined {
  return field(result, name, (what, value) => {
    if (typeof value === "string") return value === "" ? 0 : 1;
    return Array.isArray(value) ? value.length : wrong(what, "a list or a text", value);
  });
}

function field<T>(result: JsonValue, name: string, read: (what: string, value: JsonValue) => T): T | undefined {
  const value = asObject(result)[name];
  return value === undefined || value === null ? undefined : read(`"${name}"`, value);
}

function toCount(what: string, value: JsonValue): bigint {
  const whole = wholeNumber(value);
  return whole !== undefined && whole >= 0 ? whole : wrong(what, "a count", value);
}

/** Undefined if the value is not a whole number. */
function wholeNumber(value: JsonValue): bigint | undefined {
  if (typeof value === "number") return BigInt(value);
  return value instanceof Decimal && /^-?\d+$/.test(value.text) ? BigInt(value.text) : undefined;
}

/** An error shows at most this many characters of an unexpected value. */
const SHOWN_CHARACTERS = 60;

function wrong(what: string, expected: string, value: JsonValue): never {
  throw new Error(`${what} is not ${expected}: ${JSON.stringify(value).slice(0, SHOWN_CHARACTERS)}`);
}
