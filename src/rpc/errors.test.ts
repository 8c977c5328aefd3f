// The errors that callers get, and the exceptions that report errors to a peer.

import { heapStats } from "bun:jsc";
import { expect, test } from "bun:test";
import type { Exception } from "capnp-es/capnp/rpc";
import { abortFrame, rootOf } from "../../test/builders/rpc-messages.ts";
import { ProtocolError } from "../wire/protocol-error.ts";
import {
  DeadlineError,
  errorOf,
  errorText,
  MAX_REASON_LENGTH,
  RpcError,
  type RpcErrorKind,
  toException,
} from "./errors.ts";

/** Exception.Type of rpc.capnp. */
const TYPES: [RpcErrorKind, number][] = [
  ["failed", 0],
  ["overloaded", 1],
  ["disconnected", 2],
  ["unimplemented", 3],
];

/** An Exception as received from a peer. */
function received(type: number, reason: string): Exception {
  return rootOf(abortFrame(type, reason)).abort;
}

test.each(TYPES)("%s is type %p both ways", (kind, type) => {
  const error = errorOf(received(type, "why"));
  expect(error).toBeInstanceOf(RpcError);
  expect(error).toMatchObject({ kind, message: "why" });
  expect<object>(toException(error)).toEqual({ type, reason: "why" });
});

test.each([4, 65535])("type %p, which rpc.capnp does not name, counts as failed", (type) => {
  expect(errorOf(received(type, "why"), "the peer says: ")).toMatchObject({
    kind: "failed",
    message: "the peer says: why",
  });
});

test("a reason is one line of limited length", () => {
  expect(errorOf(received(0, "first\nsecond\r\n\rthird"), "it says: ").message).toBe("it says: first second third");
  expect(errorOf(received(0, "x".repeat(MAX_REASON_LENGTH))).message).toHaveLength(MAX_REASON_LENGTH);
  const { message } = errorOf(received(0, `${"x".repeat(MAX_REASON_LENGTH)}y`), "it says: ");
  expect(message).toBe(`it says: ${"x".repeat(MAX_REASON_LENGTH)}`);
});

test("an error does not keep the whole text in memory", () => {
  const textBytes = 1024 * 1024;
  const count = 32;
  Bun.gc(true);
  const before = heapStats().extraMemorySize;
  const errors = Array.from({ length: count }, (_, index) => errorOf(received(0, String(index).repeat(textBytes))));
  Bun.gc(true);
  expect(heapStats().extraMemorySize - before).toBeLessThan((count * textBytes) / 2);
  expect(errors).toHaveLength(count);
});

test.each<[unknown, string]>([
  [new TypeError("no function"), "no function"],
  [new ProtocolError("broke the wire"), "broke the wire"],
  [new DeadlineError("too late"), "too late"],
  ["a text", "a text"],
  [undefined, "undefined"],
  [null, "null"],
  [Symbol("odd"), "Symbol(odd)"],
])("%p is reported as failed, with its text", (thrown, reason) => {
  expect(errorText(thrown)).toBe(reason);
  expect(toException(thrown)).toEqual({ type: 0, reason });
});

test("a value without a text is reported too", () => {
  const odd = Object.create(null);
  expect(() => errorText(odd)).not.toThrow();
});
