// A two-party vat on one stream: asks questions, answers calls, counts references. It owns the four tables of rpc.capnp
// and ends them together. Whoever owns the socket feeds it chunks and tells it when the stream is over.
//
// It speaks level 1 with one simplification: a promise of the peer that resolves to a capability is not shortened. Calls
// go on through the promise, which the peer forwards in order, so no embargo is ever needed.

import "./capnp-es-faults.ts";
import { type Client, Message, type Method, type Server, type Struct } from "capnp-es";
import {
  type CapDescriptor,
  Disembargo_Context_Which,
  Message_Which,
  MessageTarget_Which,
  type Payload,
  type Release,
  type Resolve,
  Resolve_Which,
  Message as RpcMessage,
} from "capnp-es/capnp/rpc";
import type { Frame } from "../wire/frame.ts";
import { FRAME_LIMITS, type FrameLimits, FrameReader } from "../wire/frame-reader.ts";
import { FrameWriter } from "../wire/frame-writer.ts";
import { ProtocolError } from "../wire/protocol-error.ts";
import { Answers } from "./answers.ts";
import type { BusyClock } from "./busy-clock.ts";
import { type DescriptorReader, readCapTable, readDescriptor, setCapabilities } from "./cap-table.ts";
import { type CapabilityHost, ImportedCapability } from "./capability.ts";
import { errorOf, errorText, RpcError } from "./errors.ts";
import { ExportTable } from "./exports.ts";
import { HotPath, type HotReader, type HotTables } from "./hot-path.ts";
import { ImportTable } from "./imports.ts";
import * as messages from "./messages.ts";
import type { CallOptions, Question } from "./question.ts";
import { Questions } from "./questions.ts";
import type { Vat } from "./vat.ts";

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
  /** Counts how long the peer's calls keep the connection busy. */
  readonly busyClock?: BusyClock;
}

/** How many entries each table holds. */
export interface TableSizes {
  readonly questions: number;
  readonly answers: number;
  readonly imports: number;
  readonly exports: number;
}

export class Connection implements CapabilityHost, DescriptorReader, HotTables, Vat {
  readonly #options: ConnectionOptions;
  readonly #reader: FrameReader;
  readonly #writer = new FrameWriter();
  readonly #hotPath = new HotPath(this, this.#writer);
  readonly #questions: Questions;
  readonly #answers: Answers;
  readonly imports: ImportTable;
  readonly exports = new ExportTable();
  /** Calls that the slow path took. */
  #slowCalls = 0;
  /** While a chunk is read, frames are collected to leave in one write. */
  #reading = false;
  #ended: Error | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#reader = new FrameReader(
      (frame) => this.#handleFrame(frame),
      options.limits ?? FRAME_LIMITS,
      (head) => this.#hotPath.canHandle(head),
    );
    this.#questions = new Questions(this, options.deadlineMs);
    this.#answers = new Answers(this, options.bootstrap);
    this.imports = new ImportTable(this, (id, references) => this.send(messages.release(id, references)));
  }

  get sizes(): TableSizes {
    return {
      questions: this.#questions.size,
      answers: this.#answers.size,
      imports: this.imports.size,
      exports: this.exports.size,
    };
  }

  get ended(): Error | undefined {
    return this.#ended;
  }

  /** Calls that the hot path answered. */
  get hotCalls(): number {
    return this.#hotPath.answered;
  }

  /** Lets `reader` answer the calls on `server` that it can read. To be said before `server` is first sent. */
  setHotReader(server: Server, reader: HotReader): void {
    this.exports.setHotReader(server, reader);
  }

  /** Resolves when the peer holds no object of ours: at once, when it released the last, or when the connection ends. */
  exportsReleased(): Promise<void> {
    return this.exports.empty();
  }

  /** Resolves when the peer has returned every call that is open now, late ones too, or the connection has ended. */
  questionsReturned(): Promise<void> {
    return this.#questions.returned();
  }

  /** Asks the peer for its bootstrap capability. The caller closes it. Rejects as Question.results does. */
  bootstrap(options: CallOptions = {}): Promise<ImportedCapability> {
    return this.#questions.bootstrap(options);
  }

  ask<P extends Struct, R extends Struct>(
    capability: ImportedCapability,
    method: Method<P, R>,
    fill: (params: P) => void,
    options: CallOptions,
  ): Question<R> {
    return this.#questions.ask(capability, method, fill, options);
  }

  closeImport(capability: ImportedCapability): void {
    this.imports.close(capability);
  }

  // ---- the stream ----

  /**
   * Handles the next bytes of the stream. Never throws: a peer that breaks the protocol ends the connection. Nothing of the
   * chunk is kept, so the caller may use its memory again.
   */
  receive(chunk: Uint8Array): void {
    if (this.#ended !== undefined) return;
    const start = performance.now();
    const calls = this.#calls;
    this.#reading = true;
    try {
      this.#reader.read(chunk);
    } catch (error) {
      this.#fail(error);
    }
    this.#reading = false;
    this.#flush();
    // A call that came, or a large one that is coming in several chunks.
    if (this.#calls > calls || this.#reader.isDropping) {
      this.#options.busyClock?.record(start, performance.now());
    }
  }

  /** Whether a large message is coming of which no more is needed: its bytes are dropped as they come. */
  get isDropping(): boolean {
    return this.#ended === undefined && this.#reader.isDropping;
  }

  get #calls(): number {
    return this.#hotPath.answered + this.#slowCalls;
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

  send(message: Message): void {
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
    this.#questions.disconnect(reason);
    this.#answers.disconnect(reason);
    this.imports.clear();
    this.exports.clear();
    this.#options.transport.close(this.#writer.unsent);
    this.#options.onEnd(reason);
  }

  // ---- what comes in ----

  #handleFrame(frame: Frame): void {
    if (this.#ended !== undefined || this.#hotPath.handle(frame)) return;
    if (!frame.isWhole) return this.#refuseHead(frame);
    const message = new Message(frame.bytes.subarray(frame.start, frame.end), false).getRoot(RpcMessage);
    switch (message.which()) {
      case Message_Which.RETURN:
        return this.#questions.handleReturn(message.return);
      case Message_Which.CALL:
        this.#slowCalls++;
        return this.#answers.handleCall(message.call);
      case Message_Which.FINISH:
        return this.#answers.handleFinish(message.finish);
      case Message_Which.RESOLVE:
        return this.#handleResolve(message.resolve);
      case Message_Which.RELEASE:
        return this.#handleRelease(message.release);
      case Message_Which.BOOTSTRAP:
        return this.#answers.handleBootstrap(message.bootstrap);
      case Message_Which.DISEMBARGO:
        return this.#handleDisembargo(message);
      case Message_Which.UNIMPLEMENTED:
        return this.#questions.handleUnimplemented(message.unimplemented);
      case Message_Which.ABORT:
        return this.#end(errorOf(message.abort, "the peer aborted the connection: "));
      default:
        return this.send(messages.unimplemented(message));
    }
  }

  /** Its reader threw. The slow path cannot take the call, as the rest is dropped, but the peer waits for an answer. */
  #refuseHead(head: Frame): void {
    this.#slowCalls++;
    const error = new RpcError("failed", "the call could not be read");
    const { message, body } = messages.returnException(this.#hotPath.questionId(head), error);
    body.releaseParamCaps = true;
    this.send(message);
  }

  #handleResolve(body: Resolve): void {
    if (body.which() === Resolve_Which.CAP) {
      // Not shortened, so what the promise became is given back at once, known promise or not.
      const client = readDescriptor(body.cap, this);
      if (client instanceof ImportedCapability) client.close();
    } else if (body.which() === Resolve_Which.EXCEPTION) {
      this.imports.break(body.promiseId, errorOf(body.exception));
    }
  }

  #handleRelease(body: Release): void {
    if (this.exports.release(body.id, body.referenceCount)) return;
    throw new ProtocolError(
      `release of ${body.referenceCount} references to export ${body.id}, which it does not hold`,
    );
  }

  #handleDisembargo(message: RpcMessage): void {
    const body = message.disembargo;
    if (body.context.which() !== Disembargo_Context_Which.SENDER_LOOPBACK) {
      if (body.context.which() !== Disembargo_Context_Which.RECEIVER_LOOPBACK) {
        return this.send(messages.unimplemented(message));
      }
      throw new ProtocolError("disembargo for an embargo that was never set");
    }
    const target = body.target;
    const client =
      target.which() === MessageTarget_Which.PROMISED_ANSWER
        ? this.#answers.promisedClient(target.promisedAnswer)
        : this.exports.server(target.importedCap);
    if (!(client instanceof ImportedCapability)) {
      throw new ProtocolError("disembargo of a target that does not lead back to its sender");
    }
    this.send(messages.disembargoReply(body.context.senderLoopback, client.importId));
  }

  // ---- what the other parts ask ----

  hotReader(exportId: number): HotReader | undefined {
    return this.exports.hotReader(exportId);
  }

  hasAnswer(answerId: number): boolean {
    return this.#answers.has(answerId);
  }

  hasImport(importId: number): boolean {
    return this.imports.has(importId);
  }

  owns(capability: ImportedCapability): boolean {
    return capability.host === this;
  }

  resultsOf(answerId: number): Promise<Payload> | undefined {
    return this.#answers.resultsOf(answerId);
  }

  receiveCapabilities(payload: Payload): readonly (Client | null)[] {
    const clients = readCapTable(payload, this);
    setCapabilities(payload, clients);
    return clients;
  }

  receiveImport(importId: number): ImportedCapability {
    return this.imports.receive(importId);
  }

  hostedExport(exportId: number): Client {
    const server = this.exports.server(exportId);
    if (server === undefined) throw new ProtocolError(`capability descriptor names unknown export ${exportId}`);
    return server;
  }

  hostedAnswer(descriptor: CapDescriptor): Client {
    return this.#answers.promisedClient(descriptor.receiverAnswer);
  }
}
