// The errors that a caller of the RPC layer can act on, and their form on the wire (Exception of rpc.capnp).

import { type Exception, Exception_Type } from "capnp-es/capnp/rpc";

/** The four kinds of Exception.Type in rpc.capnp. */
export type RpcErrorKind = "failed" | "overloaded" | "disconnected" | "unimplemented";

const KIND_OF_TYPE = new Map<Exception_Type, RpcErrorKind>([
  [Exception_Type.FAILED, "failed"],
  [Exception_Type.OVERLOADED, "overloaded"],
  [Exception_Type.DISCONNECTED, "disconnected"],
  [Exception_Type.UNIMPLEMENTED, "unimplemented"],
]);
const TYPE_OF_KIND = new Map([...KIND_OF_TYPE].map(([type, kind]) => [kind, type]));

/** A call that ended with an exception: the peer's own, or `disconnected` when the connection ended first. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly kind: RpcErrorKind;

  constructor(kind: RpcErrorKind, reason: string) {
    super(reason);
    this.kind = kind;
  }
}

/** A call that was not answered in time. The peer may still be working on it: see Question.returned. */
export class DeadlineError extends Error {
  override readonly name = "DeadlineError";
}

/** Characters of a peer's reason that are kept: a frame would take 64 MiB of them, and they go into the log. */
export const MAX_REASON_LENGTH = 500;

/** A peer's exception. A type that rpc.capnp does not name yet counts as `failed`, as rpc.capnp asks. */
export function errorOf(exception: Exception, prefix = ""): RpcError {
  return new RpcError(KIND_OF_TYPE.get(exception.type) ?? "failed", prefix + oneLine(exception.reason));
}

/** The begin of a reason, without its line breaks. */
function oneLine(reason: string): string {
  const line = reason.slice(0, MAX_REASON_LENGTH).replaceAll(/[\r\n]+/g, " ");
  // A copy, as a slice would keep the whole text, which may be as long as a frame.
  return Buffer.from(line).toString();
}

/** The wire type and reason that tell a peer of `error`. Anything but an RpcError is `failed`. */
export function toException(error: unknown): { type: Exception_Type; reason: string } {
  const kind = error instanceof RpcError ? error.kind : "failed";
  return { type: TYPE_OF_KIND.get(kind) ?? Exception_Type.FAILED, reason: errorText(error) };
}

/** What was thrown, as a text. Never throws, whatever it was. */
export function errorText(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error);
  } catch {
    return "what was thrown has no text";
  }
}
