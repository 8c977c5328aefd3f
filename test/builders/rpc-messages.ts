// Messages of rpc.capnp as plain objects: those that a connection sent, for comparison, and those that a peer sends to it. Made and
// read with the generated classes of capnp-es only, so that nothing here depends on the code under test.

import { Message, ObjectSize, type Struct, utils } from "capnp-es";
import {
  type Call,
  Call_SendResultsTo_Which,
  type CapDescriptor,
  CapDescriptor_Which,
  type Disembargo_Context,
  Disembargo_Context_Which,
  type Exception,
  Message_Which,
  type MessageTarget,
  MessageTarget_Which,
  type Payload,
  type PromisedAnswer,
  PromisedAnswer_Op_Which,
  Resolve_Which,
  type Return,
  Return_Which,
  Message as RpcMessage,
} from "capnp-es/capnp/rpc";

// ---- what is read ----

/** A promised answer: its question, and the pointer slots that lead from the results to the capability. */
export interface Promised {
  readonly question: number;
  readonly path: readonly number[];
}

export type Target = { readonly importedCap: number } | { readonly promisedAnswer: Promised };

/** A capability descriptor. */
export type Descriptor =
  | "none"
  | { readonly senderHosted: number }
  | { readonly senderPromise: number }
  | { readonly receiverHosted: number }
  | { readonly receiverAnswer: Promised }
  | { readonly thirdPartyHosted: number };

/** A message as a plain object with one key, its kind. */
export type PlainMessage = Readonly<Record<string, unknown>>;

/** The root of the message in `frame`, a whole frame. */
export function rootOf(frame: Uint8Array): RpcMessage {
  return new Message(frame, false).getRoot(RpcMessage);
}

/** The message in `frame`, without the contents of parameters and results. */
export function plainMessage(frame: Uint8Array): PlainMessage {
  return describe(rootOf(frame));
}

function describe(root: RpcMessage): PlainMessage {
  switch (root.which()) {
    case Message_Which.UNIMPLEMENTED:
      return { unimplemented: describe(root.unimplemented) };
    case Message_Which.ABORT:
      return { abort: describeException(root.abort) };
    case Message_Which.BOOTSTRAP:
      return { bootstrap: { questionId: root.bootstrap.questionId } };
    case Message_Which.CALL:
      return { call: describeCall(root.call) };
    case Message_Which.RETURN:
      return { return: describeReturn(root.return) };
    case Message_Which.FINISH: {
      const { questionId, releaseResultCaps } = root.finish;
      return { finish: { questionId, releaseResultCaps } };
    }
    case Message_Which.RELEASE: {
      const { id, referenceCount } = root.release;
      return { release: { id, referenceCount } };
    }
    case Message_Which.RESOLVE: {
      const { promiseId } = root.resolve;
      const isCap = root.resolve.which() === Resolve_Which.CAP;
      const what = isCap
        ? { cap: describeDescriptor(root.resolve.cap) }
        : { exception: describeException(root.resolve.exception) };
      return { resolve: { promiseId, ...what } };
    }
    case Message_Which.DISEMBARGO: {
      const { context, target } = root.disembargo;
      return { disembargo: { target: describeTarget(target), ...describeContext(context) } };
    }
    default:
      return { kind: root.which() };
  }
}

function describeContext(context: Disembargo_Context): PlainMessage {
  switch (context.which()) {
    case Disembargo_Context_Which.SENDER_LOOPBACK:
      return { senderLoopback: context.senderLoopback };
    case Disembargo_Context_Which.RECEIVER_LOOPBACK:
      return { receiverLoopback: context.receiverLoopback };
    default:
      return { context: context.which() };
  }
}

function describeCall(call: Call): PlainMessage {
  return {
    questionId: call.questionId,
    target: describeTarget(call.target),
    interfaceId: call.interfaceId,
    methodId: call.methodId,
    caps: describeCaps(call.params),
  };
}

function describeReturn(body: Return): PlainMessage {
  const { answerId, releaseParamCaps, noFinishNeeded } = body;
  return { answerId, releaseParamCaps, noFinishNeeded, ...describeOutcome(body) };
}

function describeOutcome(body: Return): PlainMessage {
  switch (body.which()) {
    case Return_Which.RESULTS:
      return { results: describeCaps(body.results) };
    case Return_Which.EXCEPTION:
      return { exception: describeException(body.exception) };
    case Return_Which.RESULTS_SENT_ELSEWHERE:
      return { resultsSentElsewhere: true };
    default:
      return { kind: body.which() };
  }
}

function describeException({ type, reason }: Exception): { type: number; reason: string } {
  return { type, reason };
}

function describeTarget(target: MessageTarget): Target {
  if (target.which() === MessageTarget_Which.IMPORTED_CAP) return { importedCap: target.importedCap };
  return { promisedAnswer: describePromised(target.promisedAnswer) };
}

function describePromised({ questionId, transform }: PromisedAnswer): Promised {
  const fields = transform.toArray().filter((op) => op.which() === PromisedAnswer_Op_Which.GET_POINTER_FIELD);
  return { question: questionId, path: fields.map((op) => op.getPointerField) };
}

function describeCaps(payload: Payload): Descriptor[] {
  return payload.capTable.toArray().map(describeDescriptor);
}

function describeDescriptor(descriptor: CapDescriptor): Descriptor {
  switch (descriptor.which()) {
    case CapDescriptor_Which.SENDER_HOSTED:
      return { senderHosted: descriptor.senderHosted };
    case CapDescriptor_Which.SENDER_PROMISE:
      return { senderPromise: descriptor.senderPromise };
    case CapDescriptor_Which.RECEIVER_HOSTED:
      return { receiverHosted: descriptor.receiverHosted };
    case CapDescriptor_Which.RECEIVER_ANSWER:
      return { receiverAnswer: describePromised(descriptor.receiverAnswer) };
    case CapDescriptor_Which.THIRD_PARTY_HOSTED:
      return { thirdPartyHosted: descriptor.thirdPartyHosted.vineId };
    default:
      return "none";
  }
}

// ---- what is written ----

/** A whole frame with the message that `fill` writes. */
export function messageFrame(fill: (root: RpcMessage) => void): Uint8Array {
  const message = new Message();
  fill(message.initRoot(RpcMessage));
  return new Uint8Array(message.toArrayBuffer());
}

export function bootstrapFrame(questionId: number): Uint8Array {
  return messageFrame((root) => {
    root._initBootstrap().questionId = questionId;
  });
}

export interface CallFields {
  readonly questionId: number;
  readonly target: Target;
  readonly interfaceId: bigint;
  readonly methodId: number;
  /** The capability table of the parameters. */
  readonly caps?: readonly Descriptor[];
  /** Writes the parameters; without it their pointer is null. */
  readonly fill?: (payload: Payload) => void;
  readonly sendResultsTo?: Call_SendResultsTo_Which;
}

export function callFrame(fields: CallFields): Uint8Array {
  return messageFrame((root) => {
    const call = root._initCall();
    call.questionId = fields.questionId;
    call.interfaceId = fields.interfaceId;
    call.methodId = fields.methodId;
    writeTarget(call._initTarget(), fields.target);
    const payload = call._initParams();
    fields.fill?.(payload);
    writeCaps(payload, fields.caps ?? []);
    if (fields.sendResultsTo === Call_SendResultsTo_Which.YOURSELF) call.sendResultsTo.yourself = true;
    else if (fields.sendResultsTo !== undefined) utils.setUint16(6, fields.sendResultsTo, call);
  });
}

/** A Return; `fill` chooses its variant. releaseParamCaps is false unless `fill` sets it. */
export function returnFrame(answerId: number, fill: (body: Return) => void): Uint8Array {
  return messageFrame((root) => {
    const body = root._initReturn();
    body.answerId = answerId;
    body.releaseParamCaps = false;
    fill(body);
  });
}

/** A Return with capabilities: pointer slot 0 of the results refers to the first of them. */
export function returnCapsFrame(answerId: number, ...caps: Descriptor[]): Uint8Array {
  return returnFrame(answerId, (body) => {
    const payload = body._initResults();
    utils.setInterfacePointer(0, utils.getPointer(0, contentOf(payload, 0, 1)));
    writeCaps(payload, caps);
  });
}

/** The Return to a bootstrap: the content itself is the capability. */
export function returnBootstrapFrame(answerId: number, cap: Descriptor): Uint8Array {
  return returnFrame(answerId, (body) => {
    const payload = body._initResults();
    utils.setInterfacePointer(0, utils.getPointer(0, payload));
    writeCaps(payload, [cap]);
  });
}

export function returnExceptionFrame(answerId: number, type: number, reason: string): Uint8Array {
  return returnFrame(answerId, (body) => writeException(body._initException(), type, reason));
}

export function finishFrame(questionId: number, releaseResultCaps: boolean): Uint8Array {
  return messageFrame((root) => {
    Object.assign(root._initFinish(), { questionId, releaseResultCaps });
  });
}

export function releaseFrame(id: number, referenceCount: number): Uint8Array {
  return messageFrame((root) => {
    Object.assign(root._initRelease(), { id, referenceCount });
  });
}

export function resolveCapFrame(promiseId: number, cap: Descriptor): Uint8Array {
  return messageFrame((root) => {
    const body = root._initResolve();
    body.promiseId = promiseId;
    writeDescriptor(body._initCap(), cap);
  });
}

export function resolveExceptionFrame(promiseId: number, type: number, reason: string): Uint8Array {
  return messageFrame((root) => {
    const body = root._initResolve();
    body.promiseId = promiseId;
    writeException(body._initException(), type, reason);
  });
}

export function disembargoFrame(
  target: Target,
  context: { senderLoopback: number } | { receiverLoopback: number } | { accept: true } | { provide: number },
): Uint8Array {
  return messageFrame((root) => {
    const body = root._initDisembargo();
    writeTarget(body._initTarget(), target);
    Object.assign(body._initContext(), context);
  });
}

export function abortFrame(type: number, reason: string): Uint8Array {
  return messageFrame((root) => writeException(root._initAbort(), type, reason));
}

/** The answer of a peer that does not support the message in `received`. */
export function unimplementedFrame(received: Uint8Array): Uint8Array {
  return messageFrame((root) => {
    root.unimplemented = rootOf(received);
  });
}

function writeException(exception: Exception, type: number, reason: string): void {
  Object.assign(exception, { type, reason });
}

function writeTarget(target: MessageTarget, plain: Target): void {
  if ("importedCap" in plain) target.importedCap = plain.importedCap;
  else writePromised(target._initPromisedAnswer(), plain.promisedAnswer);
}

function writePromised(promised: PromisedAnswer, { question, path }: Promised): void {
  promised.questionId = question;
  const transform = promised._initTransform(path.length);
  path.forEach((field, index) => {
    transform.get(index).getPointerField = field;
  });
}

export function writeCaps(payload: Payload, caps: readonly Descriptor[]): void {
  if (caps.length === 0) return;
  const table = payload._initCapTable(caps.length);
  caps.forEach((cap, index) => {
    writeDescriptor(table.get(index), cap);
  });
}

function writeDescriptor(descriptor: CapDescriptor, plain: Descriptor): void {
  if (plain === "none") descriptor.none = true;
  else if ("receiverAnswer" in plain) writePromised(descriptor._initReceiverAnswer(), plain.receiverAnswer);
  else if ("thirdPartyHosted" in plain) descriptor._initThirdPartyHosted().vineId = plain.thirdPartyHosted;
  else Object.assign(descriptor, plain);
}

/** The content of `payload`, initialized as a struct of this size. */
export function contentOf(payload: Payload, dataWords: number, pointerCount: number): Struct {
  const pointer = utils.getPointer(0, payload) as Struct;
  utils.initStruct(new ObjectSize(dataWords * 8, pointerCount), pointer);
  return pointer;
}
