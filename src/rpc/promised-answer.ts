// A capability in the results of a call, named before or after they exist: PromisedAnswer of rpc.capnp.

import { type Client, Server, type Struct, utils } from "capnp-es";
import { type Payload, type PromisedAnswer, PromisedAnswer_Op_Which } from "capnp-es/capnp/rpc";
import { ProtocolError } from "../wire/protocol-error.ts";
import type { Answer } from "./answer.ts";
import { checkListLength } from "./list-limit.ts";

/** Maximum number of steps from an answer's results to a capability in them. */
const MAX_TRANSFORM = 64;
/** Pointer slot of PromisedAnswer.transform. */
const TRANSFORM = 0;

/**
 * The pointer slots that lead from the results to the capability.
 * @throws ProtocolError when there are too many.
 */
export function readPath(promised: PromisedAnswer): number[] {
  checkListLength(utils.getPointer(TRANSFORM, promised), MAX_TRANSFORM, "transform of a promised answer");
  const fields = promised.transform.toArray().filter((op) => op.which() === PromisedAnswer_Op_Which.GET_POINTER_FIELD);
  return fields.map((op) => op.getPointerField);
}

/**
 * The capability that `promised` names in the results of one of the peer's calls.
 * @throws ProtocolError when that call has not returned results; an error of capnp-es when the path does not exist.
 */
export function promisedClient(promised: PromisedAnswer, answers: ReadonlyMap<number, Answer>): Client {
  const payload = answers.get(promised.questionId)?.payload;
  if (payload === undefined) throw new ProtocolError(`promised answer ${promised.questionId} has no results`);
  return clientAt(payload, readPath(promised));
}

/** The object of ours at `path` in the results, or undefined if there is none. */
export function serverAt(payload: Payload, path: readonly number[]): Server | undefined {
  try {
    const client = clientAt(payload, path);
    return client instanceof Server ? client : undefined;
  } catch {
    return undefined;
  }
}

/** @throws an error of capnp-es when the path does not exist. */
function clientAt(payload: Payload, path: readonly number[]): Client {
  const pointer = path.reduce((at, slot) => utils.getPointer(slot, at as Struct), utils.getPointer(0, payload));
  return utils.getInterfaceClientOrNull(pointer);
}
