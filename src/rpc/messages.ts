// Builds the messages that we send, with the classes that capnp-es generated from rpc.capnp. Each function returns a message
// with one field of the union set; the caller fills in the rest.

import { Message, ObjectSize, PointerType, type Struct, utils } from "capnp-es";
import { type Bootstrap, type Call, type Exception, type Return, Message as RpcMessage } from "capnp-es/capnp/rpc";
import { WORD_BYTES } from "../wire/words.ts";
import { toException } from "./errors.ts";

/** A message to send, and its part for the caller to fill in. */
export interface Outgoing<T> {
  readonly message: Message;
  readonly body: T;
}

function initMessage(): { message: Message; root: RpcMessage } {
  const message = new Message();
  return { message, root: message.initRoot(RpcMessage) };
}

function writeException(exception: Exception, error: unknown): void {
  const { type, reason } = toException(error);
  exception.type = type;
  exception.reason = reason;
}

export function bootstrap(questionId: number): Outgoing<Bootstrap> {
  const { message, root } = initMessage();
  const body = root._initBootstrap();
  body.questionId = questionId;
  return { message, body };
}

export function call(questionId: number, interfaceId: bigint, methodId: number): Outgoing<Call> {
  const { message, root } = initMessage();
  const body = root._initCall();
  body.questionId = questionId;
  body.interfaceId = interfaceId;
  body.methodId = methodId;
  return { message, body };
}

/** A Return without a variant, which the caller sets. `releaseParamCaps` is false; rpc.capnp's default is true. */
export function returnOf(answerId: number): Outgoing<Return> {
  const { message, root } = initMessage();
  const body = root._initReturn();
  body.answerId = answerId;
  body.releaseParamCaps = false;
  return { message, body };
}

export function returnException(answerId: number, error: unknown): Outgoing<Return> {
  const outgoing = returnOf(answerId);
  writeException(outgoing.body._initException(), error);
  // An exception carries no capability, so the answer needs no Finish (rpc.capnp, Return.noFinishNeeded).
  outgoing.body.noFinishNeeded = true;
  return outgoing;
}

/** The Return of a call with sendResultsTo.yourself: the peer refers to the results in our answers table later. */
export function returnElsewhere(answerId: number, releaseParamCaps: boolean): Message {
  const { message, body } = returnOf(answerId);
  body.resultsSentElsewhere = true;
  body.releaseParamCaps = releaseParamCaps;
  return message;
}

export function finish(questionId: number, releaseResultCaps: boolean): Message {
  const { message, root } = initMessage();
  const body = root._initFinish();
  body.questionId = questionId;
  body.releaseResultCaps = releaseResultCaps;
  return message;
}

export function release(importId: number, references: number): Message {
  const { message, root } = initMessage();
  const body = root._initRelease();
  body.id = importId;
  body.referenceCount = references;
  return message;
}

/** The reply to a senderLoopback disembargo whose target leads back to the peer's own capability `importId`. */
export function disembargoReply(embargoId: number, importId: number): Message {
  const { message, root } = initMessage();
  const body = root._initDisembargo();
  body._initTarget().importedCap = importId;
  body._initContext().receiverLoopback = embargoId;
  return message;
}

export function abort(error: unknown): Message {
  const { message, root } = initMessage();
  writeException(root._initAbort(), error);
  return message;
}

/**
 * The reply to a message of an unknown kind: the kind and the plain values of the body, such as its question. Pointers in
 * the body are not followed: a few bytes that point at each other can form a tree of any size.
 */
export function unimplemented(received: RpcMessage): Message {
  const { message, root } = initMessage();
  const copy = root._initUnimplemented();
  utils.setUint16(0, received.which(), copy);
  const body = utils.getPointer(0, received);
  if (utils.isNull(body) || utils.getTargetPointerType(body) !== PointerType.STRUCT) return message;
  const { dataByteLength } = utils.getTargetStructSize(body);
  const bodyCopy = utils.getPointer(0, copy) as Struct;
  utils.initStruct(new ObjectSize(dataByteLength, 0), bodyCopy);
  const from = utils.getContent(body);
  const to = utils.getContent(bodyCopy);
  to.segment.copyWords(to.byteOffset, from.segment, from.byteOffset, dataByteLength / WORD_BYTES);
  return message;
}
