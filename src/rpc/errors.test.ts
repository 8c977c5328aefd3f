// The errors that callers see, and what a peer is told of ours.

import { expect, test } from "bun:test";
import type { Exception } from "capnp-es/capnp/rpc";
import { abortFrame, rootOf } from "../../test/builders/rpc-messages.ts";
import { ProtocolError } from "../wire/protocol-error.ts";
import { DeadlineError, errorOf, errorText, RpcError, type RpcErrorKind, toException } from "./errors.ts";

/** Exception.Type of rpc.capnp. */
const TYPES: [RpcErrorKind, number][] = [
  ["failed", 0],
  ["overloaded", 1],
  ["disconnected", 2],
  ["unimplemented", 3],
];

/** An Exception as a peer sent it. */
function received(type: number, reason: string): Exception {
  return rootOf(abortFrame(type, reason)).abort;
}

test.each(TYPES)("%s is type %p both ways", (kind, type) => {
  const error = errorOf(received(type, "why"));
  expect(error).toBeInstanceOf(RpcError);
  expect(error).toMatchObject({ kind, message: "why" });
  expect(toException(error)).toEqual({ type, reason: "why" } as never);
});

test.each([4, 65535])("type %p, which rpc.capnp does not name, counts as failed", (type) => {
  expect(errorOf(received(type, "why"), "the peer says: ")).toMatchObject({
    kind: "failed",
    message: "the peer says: why",
  });
});

test.each<[unknown, string]>([
  [new TypeError("no function"), "no function"],
  [new ProtocolError("broke the wire"), "broke the wire"],
  [new DeadlineError("too late"), "too late"],
  ["a text", "a text"],
  [undefined, "undefined"],
  [null, "null"],
  [Symbol("odd"), "Symbol(odd)"],
])("%p is told as failed, with its text", (thrown, reason) => {
  expect(errorText(thrown)).toBe(reason);
  expect(toException(thrown)).toEqual({ type: 0, reason });
});

test("what cannot be made a text is told all the same", () => {
  const odd = Object.create(null);
  expect(() => errorText(odd)).not.toThrow();
});
