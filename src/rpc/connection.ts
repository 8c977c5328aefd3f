// A two-party vat on one stream: it sends questions, answers calls and counts references. It owns the four tables of
// rpc.capnp and clears them together. The owner of the socket passes in received chunks and reports the end of the stream.
//
// It implements level 1 with one simplification: a promise of the peer that resolves to a capability is not shortened. Calls
// keep going through the promise, which the peer forwards in order, so no embargo is needed.

import "./capnp-es-faults.ts";
import { Message, type Server } from "capnp-es";
import {
  Disembargo_Context_Which,
  Message_Which,
  MessageTarget_Which,
  type Release,
  type Resolve,
  Resolve_Which,
  Message as RpcMessage,
} from "capnp-es/capnp/rpc";
import type { Frame } from "../wire/frame.ts";
import { FrameReader } from "../wire/frame-reader.ts";
import { FrameWriter } from "../wire/frame-writer.ts";
import { ProtocolError } from "../wire/protocol-error.ts";
import type { Answer } from "./answer.ts";
import { Answers } from "./answers.ts";
import type { BusyClock } from "./busy-clock.ts";
import { readDescriptor } from "./cap-table.ts";
import { ImportedCapability } from "./capability.ts";
import { errorOf, errorText, RpcError } from "./errors.ts";
import { ExportTable } from "./exports.ts";
import { HotPath, returnedQuestion } from "./hot-path.ts";
import { ImportTable } from "./imports.ts";
import * as messages from "./messages.ts";
import { promisedClient } from "./promised-answer.ts";
import { MAX_RETURN_BYTES, Questions } from "./questions.ts";
import type { Vat } from "./vat.ts";

/** The stream as the connection uses it. */
export interface Transport {
  /** Sends as many bytes as the stream accepts and returns their number. If some are left, call Connection.drained later. */
  write(bytes: Uint8Array): number;
  /** Ends the stream, after a last attempt to send `rest`. */
  close(rest: Uint8Array): void;
}

/** Limit of the bytes that the peer has not read. Our messages are small, so a peer with that many unread bytes is stuck. */
export const MAX_UNSENT_BYTES = 4 * 1024 * 1024;

export interface ConnectionOptions {
  readonly transport: Transport;
  /** Our bootstrap capability, for a peer that requests it. */
  readonly bootstrap?: Server;
  /** Deadline of calls without one, in milliseconds. */
  readonly deadlineMs: number;
  /** Called once, after the connection has ended and every question was rejected, with the reason. */
  readonly onEnd: (reason: Error) => void;
  /** Counts how long the peer's calls keep the connection busy. */
  readonly busyClock?: BusyClock;
}

/** The number of entries in each table. */
export interface TableSizes {
  readonly questions: number;
  readonly answers: number;
  readonly imports: number;
  readonly exports: number;
}

export class Connection implements Vat {
  readonly #options: ConnectionOptions;
  readonly #reader: FrameReader;
  readonly #writer = new FrameWriter();
  readonly #hotPath = new HotPath(this, this.#writer);
  readonly #questions: Questions;
  readonly #answering: Answers;
  readonly answers = new Map<number, Answer>();
  readonly imports: ImportTable;
  readonly exports = new ExportTable();
  /** Calls that the slow path handled. */
  #slowCalls = 0;
  /** Set while a chunk is read: outgoing frames are then collected and sent in one write. */
  #reading = false;
  #ended: Error | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#reader = new FrameReader(
      (frame) => this.#handleFrame(frame),
      (head) => this.#hotPath.canHandle(head) || isTooLargeReturn(head),
    );
    this.#questions = new Questions(this, options.deadlineMs);
    this.#answering = new Answers(this, options.bootstrap);
    this.imports = new ImportTable(
      (capability, method, fill, callOptions) => this.#questions.ask(capability, method, fill, callOptions),
      (id, references) => this.send(messages.release(id, references)),
    );
  }

  get sizes(): TableSizes {
    return {
      questions: this.#questions.size,
      answers: this.answers.size,
      imports: this.imports.size,
      exports: this.exports.size,
    };
  }

  get ended(): Error | undefined {
    return this.#ended;
  }

  /** Resolves when the peer has returned every call that is open now, late ones included, or the connection has ended. */
  questionsReturned(): Promise<void> {
    return this.#questions.returned();
  }

  /** Requests the peer's bootstrap capability. The caller closes it. Rejects as Question.results does. */
  bootstrap(): Promise<ImportedCapability> {
    return this.#questions.bootstrap();
  }

  // ---- the stream ----

  /**
   * Handles the next bytes of the stream. Never throws: a peer that breaks the protocol ends the connection. Keeps nothing
   * of the chunk, so the caller may reuse its memory.
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
    // The chunk held a call, or a part of a large one.
    if (this.#calls > calls || this.#reader.isDropping) {
      this.#options.busyClock?.record(start, performance.now());
    }
  }

  /** Whether the rest of a large message is being dropped as it arrives, because its head was enough. */
  get isDropping(): boolean {
    return this.#ended === undefined && this.#reader.isDropping;
  }

  get #calls(): number {
    return this.#hotPath.answered + this.#slowCalls;
  }

  /** The stream accepts bytes again. */
  drained(): void {
    this.#flush();
  }

  /** The stream was closed or broke. */
  disconnected(reason: string): void {
    this.#end(new RpcError("disconnected", reason));
  }

  /** Closes the stream. Before that, the caller releases the peer's capabilities and answers its calls. */
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
    // The peer reads neither these bytes nor an Abort, and a lingering socket would keep them.
    this.#writer.sent(waiting);
    this.#end(
      new ProtocolError(`${waiting} pending bytes are over the limit of ${MAX_UNSENT_BYTES} bytes: peer does not read`),
    );
  }

  /** The peer broke the protocol, or handling a message failed: sends Abort with the reason and ends the connection. */
  #fail(error: unknown): void {
    const reason = error instanceof ProtocolError ? error : new ProtocolError(`malformed message: ${errorText(error)}`);
    this.#writer.append(new Uint8Array(messages.abort(reason).toArrayBuffer()));
    this.#end(reason);
  }

  #end(reason: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#questions.disconnect(reason);
    this.#answering.disconnect(reason);
    this.imports.clear();
    this.exports.clear();
    this.#options.transport.close(this.#writer.unsent);
    this.#options.onEnd(reason);
  }

  // ---- received messages ----

  #handleFrame(frame: Frame): void {
    // The hot path has already rejected a large frame that is whole, by its head.
    if (this.#ended !== undefined || (frame.segments === undefined && this.#hotPath.handle(frame))) return;
    if (!frame.isWhole) return this.#refuseHead(frame, returnedQuestion(frame));
    const message = messageIn(frame).getRoot(RpcMessage);
    switch (message.which()) {
      case Message_Which.RETURN:
        return this.#questions.handleReturn(message.return);
      case Message_Which.CALL:
        this.#slowCalls++;
        return this.#answering.handleCall(message.call, frame.sizeBytes);
      case Message_Which.FINISH:
        return this.#answering.handleFinish(message.finish);
      case Message_Which.RESOLVE:
        return this.#handleResolve(message.resolve);
      case Message_Which.RELEASE:
        return this.#handleRelease(message.release);
      case Message_Which.BOOTSTRAP:
        return this.#answering.handleBootstrap(message.bootstrap);
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

  /**
   * A Return that is too large, or a call whose reader threw although its head was enough: the slow path cannot handle it, but
   * the peer waits for a Return.
   */
  #refuseHead(head: Frame, returned: number | undefined): void {
    if (returned !== undefined) return this.#questions.refuseReturn(returned, head.sizeBytes);
    this.#slowCalls++;
    const error = new RpcError("failed", "the call could not be read");
    const { message, body } = messages.returnException(this.#hotPath.questionId(head), error);
    body.releaseParamCaps = true;
    this.send(message);
  }

  #handleResolve(body: Resolve): void {
    if (body.which() === Resolve_Which.CAP) {
      // Promises are not shortened, so the capability of this one is released at once, even if the promise is unknown.
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
        ? promisedClient(target.promisedAnswer, this.answers)
        : this.exports.server(target.importedCap);
    if (!(client instanceof ImportedCapability)) {
      throw new ProtocolError("disembargo of a target that does not lead back to its sender");
    }
    this.send(messages.disembargoReply(body.context.senderLoopback, client.importId));
  }
}

function isTooLargeReturn(head: Frame): boolean {
  return head.sizeBytes > MAX_RETURN_BYTES && returnedQuestion(head) !== undefined;
}

/** The ArenaKind of capnp-es for an arena of several segments, which it does not export. */
const MULTI_SEGMENT = 1;

/** The message in a whole frame. Made from the segments, because capnp-es copies the bytes of a frame twice. */
function messageIn({ bytes, start, end, segments }: Frame): Message {
  if (segments === undefined) return new Message(bytes.subarray(start, end), false);
  return new Message({ kind: MULTI_SEGMENT, buffers: [...segments] });
}
