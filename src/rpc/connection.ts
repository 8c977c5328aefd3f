// A two-party vat on one stream: asks questions, answers calls, counts references. It owns the four tables of rpc.capnp
// and ends them together. Whoever owns the socket feeds it chunks and tells it when the stream is over.
//
// It speaks level 1 with one simplification: a promise of the peer that resolves to a capability is not shortened. Calls
// go on through the promise, which the peer forwards in order, so no embargo is ever needed.

import { type Client, Message, type Method, Server, type Struct, utils } from "capnp-es";
import {
  type Bootstrap,
  type Call,
  Call_SendResultsTo_Which,
  type CapDescriptor,
  type Disembargo,
  Disembargo_Context_Which,
  type Exception,
  type Finish,
  Message_Which,
  type MessageTarget,
  MessageTarget_Which,
  type Payload,
  type PromisedAnswer,
  PromisedAnswer_Op_Which,
  type Release,
  type Resolve,
  Resolve_Which,
  type Return,
  Return_Which,
  Message as RpcMessage,
} from "capnp-es/capnp/rpc";
import type { Frame } from "../wire/frame.ts";
import { FRAME_LIMITS, type FrameLimits, FrameReader } from "../wire/frame-reader.ts";
import { FrameWriter } from "../wire/frame-writer.ts";
import { ProtocolError } from "../wire/protocol-error.ts";
import { Answer } from "./answer.ts";
import {
  capabilitiesOf,
  type DescriptorReader,
  readCapTable,
  readDescriptor,
  setCapabilities,
  writeCapTable,
} from "./cap-table.ts";
import { type CapabilityHost, ImportedCapability } from "./capability.ts";
import { errorText, kindOfType, RpcError } from "./errors.ts";
import { ExportTable } from "./exports.ts";
import { HotPath, type HotReader, type HotTables } from "./hot-path.ts";
import { IdTable } from "./id-table.ts";
import { ImportTable } from "./imports.ts";
import * as messages from "./messages.ts";
import { type CallOptions, type OpenQuestion, Question } from "./question.ts";

/** The stream, as the connection sees it. */
export interface Transport {
  /** Sends what fits now and returns how many bytes that was. After less than all, Connection.drained is due. */
  write(bytes: Uint8Array): number;
  /** Ends the stream, after a last attempt to send `rest`. */
  close(rest: Uint8Array): void;
}

/** Bytes that may wait for a peer that does not read. Our messages are small: a node that takes none of this is stuck. */
export const MAX_UNSENT_BYTES = 4 * 1024 * 1024;

export interface ConnectionOptions {
  readonly transport: Transport;
  /** What the peer gets when it asks for our bootstrap capability. */
  readonly bootstrap?: Server;
  /** Deadline of calls that name none, in milliseconds. */
  readonly deadlineMs: number;
  /** Called once, when the connection has ended, with why. Every question has been rejected by then. */
  readonly onEnd: (reason: Error) => void;
  readonly limits?: FrameLimits;
}

/** The id of a question that is never sent. */
const NO_ID = -1;

/** How many entries each table holds. */
export interface TableSizes {
  readonly questions: number;
  readonly answers: number;
  readonly imports: number;
  readonly exports: number;
}

export class Connection implements CapabilityHost, DescriptorReader, HotTables {
  readonly #options: ConnectionOptions;
  readonly #reader: FrameReader;
  readonly #writer = new FrameWriter();
  readonly #hotPath: HotPath;
  /** Our calls. An entry is removed by the peer's Return, as its id may not be used again before. */
  readonly #questions = new IdTable<OpenQuestion>();
  /** The peer's calls, by the peer's id. Removed when both our Return and, unless it is not needed, its Finish are through. */
  readonly #answers = new Map<number, Answer>();
  readonly #imports: ImportTable;
  readonly #exports = new ExportTable();
  /** While a chunk is read, frames are collected to leave in one write. */
  #reading = false;
  #ended: Error | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#reader = new FrameReader((frame) => this.#handleFrame(frame), options.limits ?? FRAME_LIMITS);
    this.#imports = new ImportTable(this, (id, references) => this.#send(messages.release(id, references)));
    this.#hotPath = new HotPath(this, this.#writer);
  }

  get sizes(): TableSizes {
    return {
      questions: this.#questions.size,
      answers: this.#answers.size,
      imports: this.#imports.size,
      exports: this.#exports.size,
    };
  }

  /** Why the connection ended, once it has. */
  get ended(): Error | undefined {
    return this.#ended;
  }

  /** Calls that the hot path answered. */
  get hotCalls(): number {
    return this.#hotPath.answered;
  }

  /** Lets `reader` answer the calls on `server` that it can read. To be said before `server` is first sent. */
  setHotReader(server: Server, reader: HotReader): void {
    this.#exports.setHotReader(server, reader);
  }

  /** Resolves when the peer holds no object of ours: at once, when it released the last, or when the connection ends. */
  exportsReleased(): Promise<void> {
    return this.#exports.empty();
  }

  // ---- the stream ----

  /** Handles the next bytes of the stream. Never throws: a peer that breaks the protocol ends the connection. */
  receive(chunk: Uint8Array): void {
    if (this.#ended !== undefined) return;
    this.#reading = true;
    try {
      this.#reader.read(chunk);
    } catch (error) {
      this.#fail(error);
    }
    this.#reading = false;
    this.#flush();
  }

  /** The stream takes bytes again. */
  drained(): void {
    this.#flush();
  }

  /** The stream is over: it was closed or broke. */
  disconnected(reason: string): void {
    this.#end(new RpcError("disconnected", reason));
  }

  /** Closes the stream. What should be released or answered first is the caller's to do. */
  close(): void {
    this.#end(new RpcError("disconnected", "connection closed by us"));
  }

  #send(message: Message): void {
    if (this.#ended !== undefined) return;
    this.#writer.append(new Uint8Array(message.toArrayBuffer()));
    if (!this.#reading) this.#flush();
  }

  #flush(): void {
    if (this.#writer.isEmpty || this.#ended !== undefined) return;
    this.#writer.sent(this.#options.transport.write(this.#writer.unsent));
    const waiting = this.#writer.unsent.length;
    if (waiting <= MAX_UNSENT_BYTES) return;
    this.#fail(
      new ProtocolError(`${waiting} pending bytes are over the limit of ${MAX_UNSENT_BYTES} bytes: peer does not read`),
    );
  }

  /** The peer broke the protocol, or a message made us fail: say why and end. */
  #fail(error: unknown): void {
    const reason = error instanceof ProtocolError ? error : new ProtocolError(`malformed message: ${errorText(error)}`);
    this.#writer.append(new Uint8Array(messages.abort(reason).toArrayBuffer()));
    this.#end(reason);
  }

  #end(reason: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    for (const question of this.#questions.clear()) this.#disconnect(question, reason);
    this.#answers.clear();
    this.#imports.clear();
    this.#exports.clear();
    this.#options.transport.close(this.#writer.unsent);
    this.#options.onEnd(reason);
  }

  // ---- what we ask ----

  /** Asks the peer for its bootstrap capability. The caller closes it. Rejects as Question.results does. */
  bootstrap(options: CallOptions = {}): Promise<ImportedCapability> {
    const question = this.#addQuestion("bootstrap", options, (payload) => {
      const client = utils.getInterfaceClientOrNull(utils.getPointer(0, payload));
      if (client instanceof ImportedCapability) return client;
      throw new RpcError("failed", "the peer offers no capability");
    });
    this.#send(messages.bootstrap(question.id).message);
    return question.results;
  }

  ask<P extends Struct, R extends Struct>(
    capability: ImportedCapability,
    method: Method<P, R>,
    fill: (params: P) => void,
    options: CallOptions,
  ): Question<R> {
    const question = this.#addQuestion(methodName(method), options, (payload) =>
      utils.getStruct(0, method.ResultsClass, payload),
    );
    try {
      this.#checkCall(capability, options);
      const { message, body } = messages.call(question.id, method.interfaceId, method.methodId);
      body._initTarget().importedCap = capability.importId;
      const payload = body._initParams();
      fill(utils.initStructAt(0, method.ParamsClass, payload));
      question.paramExports = writeCapTable(payload, capabilitiesOf(payload), this.#exports);
      this.#send(message);
    } catch (error) {
      // It was not sent, so no Return will come for it.
      this.#questions.remove(question.id);
      question.reject(error);
      question.end();
    }
    return question;
  }

  #addQuestion<T>(name: string, options: CallOptions, read: (payload: Payload) => T): Question<T> {
    const make = (id: number) =>
      new Question(id, {
        name,
        read,
        sendCancel: () => this.#send(messages.finish(id, true)),
        deadlineMs: this.#options.deadlineMs,
        ...options,
      });
    if (this.#ended === undefined) return this.#questions.add(make);
    const question = make(NO_ID);
    this.#disconnect(question, this.#ended);
    return question;
  }

  /** Throws why a call on `capability` cannot be sent, if so. */
  #checkCall(capability: ImportedCapability, options: CallOptions): void {
    options.signal?.throwIfAborted();
    if (this.#ended !== undefined) throw new RpcError("disconnected", this.#ended.message);
    if (capability.host !== this) throw new RpcError("failed", "the capability belongs to another connection");
    if (!capability.isOpen) throw new RpcError("failed", "the capability was closed");
    if (capability.broken !== undefined) throw capability.broken;
  }

  #disconnect(question: OpenQuestion, reason: Error): void {
    question.reject(new RpcError("disconnected", `${question.name}: ${reason.message}`));
    question.end();
  }

  closeImport(capability: ImportedCapability): void {
    this.#imports.close(capability);
  }

  // ---- what the hot path and the capability table ask ----

  hotReader(exportId: number): HotReader | undefined {
    return this.#exports.hotReader(exportId);
  }

  hasAnswer(answerId: number): boolean {
    return this.#answers.has(answerId);
  }

  hasImport(importId: number): boolean {
    return this.#imports.has(importId);
  }

  receiveImport(importId: number): ImportedCapability {
    return this.#imports.receive(importId);
  }

  hostedExport(exportId: number): Client {
    const server = this.#exports.server(exportId);
    if (server === undefined) throw new ProtocolError(`capability descriptor names unknown export ${exportId}`);
    return server;
  }

  hostedAnswer(descriptor: CapDescriptor): Client {
    return this.#promisedClient(descriptor.receiverAnswer);
  }

  // ---- what comes in ----

  #handleFrame(frame: Frame): void {
    if (this.#ended !== undefined || this.#hotPath.handle(frame)) return;
    const message = new Message(frame.bytes.subarray(frame.start, frame.end), false).getRoot(RpcMessage);
    switch (message.which()) {
      case Message_Which.RETURN:
        return this.#handleReturn(message.return);
      case Message_Which.CALL:
        return this.#handleCall(message.call);
      case Message_Which.FINISH:
        return this.#handleFinish(message.finish);
      case Message_Which.RESOLVE:
        return this.#handleResolve(message.resolve);
      case Message_Which.RELEASE:
        return this.#handleRelease(message.release);
      case Message_Which.BOOTSTRAP:
        return this.#handleBootstrap(message.bootstrap);
      case Message_Which.DISEMBARGO:
        return this.#handleDisembargo(message);
      case Message_Which.UNIMPLEMENTED:
        return this.#handleUnimplemented(message.unimplemented);
      case Message_Which.ABORT:
        return this.#end(errorOf(message.abort, "the peer aborted the connection: "));
      default:
        return this.#send(messages.unimplemented(message));
    }
  }

  #handleReturn(body: Return): void {
    const question = this.#questions.get(body.answerId);
    if (question === undefined) throw new ProtocolError(`return for unknown question ${body.answerId}`);
    this.#questions.remove(question.id);
    if (body.releaseParamCaps) for (const exportId of question.paramExports) this.#exports.release(exportId, 1);
    // A canceled question had its Finish, with releaseResultCaps: nothing in this Return is ours to release.
    if (!question.canceled) {
      this.#settle(question, body);
      if (!body.noFinishNeeded) this.#send(messages.finish(question.id, false));
    }
    question.end();
  }

  #settle(question: OpenQuestion, body: Return): void {
    switch (body.which()) {
      case Return_Which.RESULTS:
        setCapabilities(body.results, readCapTable(body.results, this));
        return question.resolve(body.results);
      case Return_Which.EXCEPTION:
        return question.reject(errorOf(body.exception, ""));
      case Return_Which.CANCELED:
        return question.reject(new RpcError("failed", `${question.name}: canceled by the peer`));
      case Return_Which.TAKE_FROM_OTHER_QUESTION:
        return this.#takeFromAnswer(question, body.takeFromOtherQuestion);
      case Return_Which.RESULTS_SENT_ELSEWHERE:
        return question.reject(new ProtocolError(`${question.name}: results sent elsewhere, which was not asked for`));
      default:
        return question.reject(
          new RpcError("unimplemented", `${question.name}: return of unknown kind ${body.which()}`),
        );
    }
  }

  /** The peer forwarded our call to us and points at our own answer for its results. */
  #takeFromAnswer(question: OpenQuestion, answerId: number): void {
    const answer = this.#answers.get(answerId);
    if (answer === undefined) throw new ProtocolError(`return takes from unknown answer ${answerId}`);
    answer.results.then(
      (payload) => question.resolve(payload),
      (error) => question.reject(error),
    );
  }

  #handleCall(body: Call): void {
    const answer = this.#addAnswer(body.questionId);
    const payload = body.params;
    const clients = readCapTable(payload, this);
    setCapabilities(payload, clients);
    answer.paramImports = clients.filter((client) => client instanceof ImportedCapability);
    answer.toYourself = body.sendResultsTo.which() === Call_SendResultsTo_Which.YOURSELF;
    if (body.sendResultsTo.which() === Call_SendResultsTo_Which.THIRD_PARTY) {
      return this.#returnError(answer, new RpcError("unimplemented", "results for a third party are not supported"));
    }
    const target = body.target;
    if (target.which() !== MessageTarget_Which.PROMISED_ANSWER) {
      return this.#dispatch(answer, body, this.#exports.server(target.importedCap), `export ${target.importedCap}`);
    }
    const promised = this.#answers.get(target.promisedAnswer.questionId);
    if (promised === undefined) return this.#dispatch(answer, body, undefined, "a promised answer that is not there");
    // A promised answer may still be on its way, and the call waits for it.
    promised.results.then(
      () => this.#dispatch(answer, body, this.#targetOf(target), "a promised answer that is not hosted here"),
      (error) => this.#returnError(answer, error),
    );
  }

  #targetOf(target: MessageTarget): Server | undefined {
    try {
      const client = this.#promisedClient(target.promisedAnswer);
      return client instanceof Server ? client : undefined;
    } catch {
      return undefined;
    }
  }

  /** Runs the method that a Call names and answers it. Every way out of here sends a Return. */
  #dispatch(answer: Answer, body: Call, server: Server | undefined, targetName: string): void {
    if (server === undefined) {
      return this.#returnError(answer, new RpcError("failed", `call on ${targetName}: no such capability`));
    }
    const { interfaceId, methodId } = body;
    const ofInterface = server.methods.filter((method) => method.interfaceId === interfaceId);
    const method = ofInterface.find((candidate) => candidate.methodId === methodId);
    if (method === undefined) {
      const what = ofInterface.length === 0 ? "interface" : "method";
      const reason = `${what} not implemented: interface 0x${interfaceId.toString(16)} method ${methodId}`;
      return this.#returnError(answer, new RpcError("unimplemented", reason));
    }
    const outgoing = messages.returnOf(answer.id);
    new Promise<void>((resolve) => {
      const params = utils.getStruct(0, method.ParamsClass, body.params);
      const results = utils.initStructAt(0, method.ResultsClass, outgoing.body._initResults());
      resolve(method.impl.call(server.target, params, results));
    }).then(
      () => this.#returnResults(answer, outgoing),
      (error) => this.#returnError(answer, error),
    );
  }

  #addAnswer(answerId: number): Answer {
    if (this.#answers.has(answerId)) throw new ProtocolError(`call reuses question ${answerId} before it was finished`);
    const answer = new Answer(answerId);
    this.#answers.set(answerId, answer);
    return answer;
  }

  #returnResults(answer: Answer, { message, body }: messages.Outgoing<Return>): void {
    if (this.#ended !== undefined) return;
    const payload = body.results;
    try {
      const clients = capabilitiesOf(payload);
      answer.resultExports = writeCapTable(payload, clients, this.#exports);
      body.noFinishNeeded = clients.length === 0 && !answer.toYourself;
    } catch (error) {
      return this.#returnError(answer, error);
    }
    body.releaseParamCaps = this.#giveBackParams(answer);
    answer.resolve(payload);
    if (answer.toYourself) {
      const elsewhere = messages.returnOf(answer.id);
      elsewhere.body.resultsSentElsewhere = true;
      elsewhere.body.releaseParamCaps = body.releaseParamCaps;
      this.#send(elsewhere.message);
    } else {
      this.#send(message);
    }
    if (body.noFinishNeeded || answer.finished) this.#removeAnswer(answer);
  }

  #returnError(answer: Answer, error: unknown): void {
    if (this.#ended !== undefined) return;
    const { message, body } = messages.returnException(answer.id, error);
    body.releaseParamCaps = this.#giveBackParams(answer);
    answer.reject(error);
    this.#answers.delete(answer.id);
    this.#send(message);
  }

  /**
   * Gives back the parameters' capabilities that the method did not keep. True when that was all of them, so that the
   * Return says it with releaseParamCaps; otherwise each goes with a Release of its own.
   */
  #giveBackParams(answer: Answer): boolean {
    const open = answer.paramImports.filter((capability) => capability.isOpen && !capability.isRetained);
    const all = open.length === answer.paramImports.length;
    if (all) this.#imports.giveBack(open);
    else for (const capability of open) capability.close();
    return all;
  }

  #removeAnswer(answer: Answer): void {
    this.#answers.delete(answer.id);
    if (answer.releaseResults) for (const exportId of answer.resultExports) this.#exports.release(exportId, 1);
  }

  #handleFinish(body: Finish): void {
    const answer = this.#answers.get(body.questionId);
    // An answer that needed no Finish is gone already (rpc.capnp, Return.noFinishNeeded).
    if (answer === undefined) return;
    answer.finished = true;
    answer.releaseResults = body.releaseResultCaps;
    if (answer.isReturned) this.#removeAnswer(answer);
  }

  #handleResolve(body: Resolve): void {
    if (body.which() === Resolve_Which.CAP) {
      // Not shortened, so what the promise became is given back at once, known promise or not.
      const client = readDescriptor(body.cap, this);
      if (client instanceof ImportedCapability) client.close();
    } else if (body.which() === Resolve_Which.EXCEPTION) {
      this.#imports.break(body.promiseId, errorOf(body.exception, ""));
    }
  }

  #handleRelease(body: Release): void {
    if (this.#exports.release(body.id, body.referenceCount)) return;
    throw new ProtocolError(
      `release of ${body.referenceCount} references to export ${body.id}, which it does not hold`,
    );
  }

  #handleBootstrap(body: Bootstrap): void {
    const answer = this.#addAnswer(body.questionId);
    const { bootstrap } = this.#options;
    if (bootstrap === undefined) {
      return this.#returnError(answer, new RpcError("unimplemented", "no bootstrap capability is offered here"));
    }
    const outgoing = messages.returnOf(answer.id);
    const payload = outgoing.body._initResults();
    utils.setInterfacePointer(payload.segment.message.addCap(bootstrap), utils.getPointer(0, payload));
    this.#returnResults(answer, outgoing);
  }

  #handleDisembargo(message: RpcMessage): void {
    const body: Disembargo = message.disembargo;
    if (body.context.which() !== Disembargo_Context_Which.SENDER_LOOPBACK) {
      if (body.context.which() !== Disembargo_Context_Which.RECEIVER_LOOPBACK) {
        return this.#send(messages.unimplemented(message));
      }
      throw new ProtocolError("disembargo for an embargo that was never set");
    }
    const target = body.target;
    const client =
      target.which() === MessageTarget_Which.PROMISED_ANSWER
        ? this.#promisedClient(target.promisedAnswer)
        : this.#exports.server(target.importedCap);
    if (!(client instanceof ImportedCapability)) {
      throw new ProtocolError("disembargo of a target that does not lead back to its sender");
    }
    this.#send(messages.disembargoReply(body.context.senderLoopback, client.importId));
  }

  #handleUnimplemented(message: RpcMessage): void {
    const questionId =
      message.which() === Message_Which.CALL
        ? message.call.questionId
        : message.which() === Message_Which.BOOTSTRAP
          ? message.bootstrap.questionId
          : undefined;
    // Of what else we send, nothing needs undoing: the peer keeps a reference longer, and the connection goes on.
    if (questionId === undefined) return;
    const question = this.#questions.get(questionId);
    if (question === undefined) throw new ProtocolError(`unimplemented for unknown question ${questionId}`);
    this.#questions.remove(questionId);
    for (const exportId of question.paramExports) this.#exports.release(exportId, 1);
    question.reject(new RpcError("unimplemented", `${question.name}: the peer does not know this kind of message`));
    question.end();
  }

  /** The capability in the results of one of our answers that `promised` names by a path of pointers. */
  #promisedClient(promised: PromisedAnswer): Client {
    const payload = this.#answers.get(promised.questionId)?.payload;
    if (payload === undefined) throw new ProtocolError(`promised answer ${promised.questionId} has no results`);
    let pointer = utils.getPointer(0, payload);
    for (const op of promised.transform.toArray()) {
      if (op.which() !== PromisedAnswer_Op_Which.GET_POINTER_FIELD) continue;
      pointer = utils.getPointer(op.getPointerField, pointer as Struct);
    }
    return utils.getInterfaceClientOrNull(pointer);
  }
}

function methodName(method: Method<Struct, Struct>): string {
  return `${method.interfaceName?.split(":").pop()}.${method.methodName}`;
}

function errorOf(exception: Exception, prefix: string): RpcError {
  return new RpcError(kindOfType(exception.type), prefix + exception.reason);
}
