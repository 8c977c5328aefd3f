// The errors that a caller of the RPC layer can act on, and their encoding (Exception of rpc.capnp).

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

/** A call that ended with an exception: the peer's, or `disconnected` if the connection ended first. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly kind: RpcErrorKind;

  constructor(kind: RpcErrorKind, reason: string) {
    super(reason);
    this.kind = kind;
  }
}

/** A call that passed its deadline. The peer may still be running it: see Question.returned. */
export class DeadlineError extends Error {
  override readonly name = "DeadlineError";
  /** The answer, which may still arrive; undefined if the call was canceled. */
  readonly late: Promise<unknown> | undefined;

  constructor(message: string, late?: Promise<unknown>) {
    super(message);
    this.late = late;
  }
}

/** A call that was not sent, because the node is still processing earlier ones. Its last answer may still be valid. */
export class NotSentError extends RpcError {
  constructor(reason: string) {
    super("overloaded", reason);
  }
}

/** Results beyond the limit of this connection, of which all but the head was dropped. */
export class ResultsTooLargeError extends RpcError {
  readonly sizeBytes: number;

  constructor(reason: string, sizeBytes: number) {
    super("failed", reason);
    this.sizeBytes = sizeBytes;
  }
}

/** Limit of a peer's reason in characters: it goes into the log and may be as long as a frame, 64 MiB. */
export const MAX_REASON_LENGTH = 500;

/** A peer's exception. An unknown type counts as `failed`, as rpc.capnp requires. */
export function errorOf(exception: Exception, prefix = ""): RpcError {
  return new RpcError(KIND_OF_TYPE.get(exception.type) ?? "failed", prefix + oneLine(exception.reason));
}

/** The start of a reason, without line breaks. */
function oneLine(reason: string): string {
  const line = reason.slice(0, MAX_REASON_LENGTH).replaceAll(/[\r\n]+/g, " ");
  // A copy: a slice would keep the whole text in memory.
  return Buffer.from(line).toString();
}

/** The type and reason that report `error` to a peer. Anything but an RpcError is `failed`. */
export function toException(error: unknown): { type: Exception_Type; reason: string } {
  const kind = error instanceof RpcError ? error.kind : "failed";
  return { type: TYPE_OF_KIND.get(kind) ?? Exception_Type.FAILED, reason: errorText(error) };
}

/** The message of an Error, or the text of any other thrown value. Never throws. */
export function errorText(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error);
  } catch {
    return "the thrown value has no text";
  }
}
