// One client's connection: requests in, responses out in order, and how it closes.
// The server makes one for each socket, forwards the socket's events, calls its turns and closes it when it is overdue.

import type { Socket } from "bun";
import { releaseChunk } from "../memory/chunk.ts";
import { garbage } from "../memory/garbage.ts";
import type { Backlog } from "./backlog.ts";
import { Input } from "./input.ts";
import type { Passwords, Verdict } from "./passwords.ts";
import { type Request, RequestError } from "./request-head.ts";
import { MAX_HEAD_BYTES, RequestParser } from "./request-parser.ts";
import type { ErrorStatus, ResponseBuffer } from "./response-buffer.ts";
import type { TurnQueue } from "./turn-queue.ts";

/** The part of Bun's socket that a connection uses. Not `end`: with TLS it waits without limit until the client closes, too. */
export type ClientSocket = Pick<
  Socket,
  "write" | "pause" | "resume" | "shutdown" | "close" | "terminate" | "remoteAddress"
>;

/** What all connections of a server share. */
export interface ConnectionContext {
  /** The bytes of a response's body, valid until the next call. */
  readonly payload: () => Uint8Array;
  readonly passwords: Passwords;
  readonly responses: ResponseBuffer;
  /** Updated after each change of the bytes that a connection holds. */
  readonly backlog: Backlog;
  readonly turns: TurnQueue<HttpConnection>;
  /** Timeout of the wait for a request, of its arrival, and of each step of writing a response. */
  readonly idleTimeoutMs: number;
  /** Time after the last response in which input is discarded, so that the client can read the response. */
  readonly lingerTimeoutMs: number;
}

// Limits of one turn. Input counts because a body in chunks of one byte is work without a response. Payloads count before
// compression, and for HEAD, because rendering and compressing them is the work; usually a turn has one.
const MAX_TURN_RESPONSES = 16;
const MAX_TURN_INPUT_BYTES = 8 * 1024;
const MAX_TURN_PAYLOAD_BYTES = 16 * 1024;

/** Garbage of a turn besides what the parser and the response buffer declare: of a scrape, the request, the response's head. */
const TURN_GARBAGE_BYTES = 2000;

const NOTHING: Uint8Array = new Uint8Array();

/**
 * Reading: everything received is answered, the socket delivers more. Queued: input is left, a turn will come. Writing: the
 * kernel did not take everything, `drain` will come. Checking: the password of the next request is being checked. In these
 * three the socket is paused, so a connection holds one received chunk and one turn's responses. Lingering: our FIN is sent, input
 * is discarded.
 */
type State = "reading" | "queued" | "writing" | "checking" | "lingering" | "closed";

interface CheckedRequest {
  readonly request: Request;
  verdict: Verdict | undefined;
}

export class HttpConnection {
  readonly #socket: ClientSocket;
  readonly #context: ConnectionContext;
  readonly #isOutdated: () => boolean;
  readonly #parser = new RequestParser();
  #state: State = "reading";
  readonly #input = new Input();
  /** Bytes that the kernel has not accepted yet, the end of a copy. Empty except in state writing. */
  #unwritten = NOTHING;
  /** The request whose password is being checked, with the verdict once it is known; until it is answered. */
  #checked: CheckedRequest | undefined;
  /** Set by the last response: nothing after it is answered. */
  #answeredLast = false;
  /** Set by the client's FIN: it waits for responses and sends no more. */
  #inputEnded = false;
  #deadline = 0;

  /** `isOutdated`: whether the next response is the last one, because new connections are protected in another way. */
  constructor(socket: ClientSocket, context: ConnectionContext, isOutdated = () => false) {
    this.#socket = socket;
    this.#context = context;
    this.#isOutdated = isOutdated;
    this.#allow(context.idleTimeoutMs);
  }

  /** The socket delivered `bytes`; the connection owns and frees them. */
  receive(bytes: Buffer): void {
    if (this.#state === "lingering" || this.#state === "closed") return garbage.add(releaseChunk(bytes));
    // The timeout of a request runs from its first byte: a client that drips it gets no more time with each byte.
    if (this.#parser.isBetweenRequests) this.#allow(this.#context.idleTimeoutMs);
    this.#input.add(bytes);
    if (this.#state === "reading") {
      if (this.#context.turns.takeNow()) this.takeTurn();
      else this.#queue();
    }
    this.#reportHeld();
  }

  /** Answers some of the received requests in one write. False if the connection is closed. */
  takeTurn(): boolean {
    if (this.#state === "closed") return false;
    const { responses } = this.#context;
    responses.clear();
    this.#answer();
    if (!this.#parser.hasInput) this.#input.release();
    if (responses.written.length > 0) this.#write(responses.written);
    else this.#goOn();
    this.#reportHeld();
    garbage.add(TURN_GARBAGE_BYTES + this.#parser.takeGarbageBytes() + responses.takeGarbageBytes());
    return true;
  }

  /** Answers any first request with an error and closes; to be called before anything is received. */
  refuse(status: ErrorStatus, message: string): void {
    const { responses } = this.#context;
    responses.clear();
    responses.addError(status, message);
    this.#answeredLast = true;
    this.#write(responses.written);
  }

  /** The kernel may take more. Bun also calls it when nothing waits to be written. */
  drain(): void {
    if (this.#state !== "writing") return;
    this.#write(this.#unwritten);
    this.#reportHeld();
  }

  /** The client sent its FIN. */
  endInput(): void {
    this.#inputEnded = true;
    if (this.#state === "reading") this.#goOn();
  }

  /** The socket is closed, by either side. */
  closed(): void {
    this.#state = "closed";
    this.#dropUnwritten();
    this.#input.clear();
    this.#reportHeld();
  }

  /** Closes the connection at once, with a reset. */
  terminate(): void {
    this.#socket.terminate();
  }

  /** Closes the connection if its timeout has passed; `nowMs` is of `performance.now()`. */
  closeIfOverdue(nowMs: number): void {
    if (nowMs < this.#deadline) return;
    // A reader that stopped gets a reset; to any other the kernel still delivers what it has taken.
    if (this.#state === "writing") this.terminate();
    else this.#socket.close();
  }

  /** Adds the responses of one turn to the response buffer. */
  #answer(): void {
    let inputLeft = MAX_TURN_INPUT_BYTES;
    let responsesLeft = MAX_TURN_RESPONSES;
    let payloadBytes = this.#answerChecked();
    while (
      !this.#answeredLast &&
      this.#checked === undefined &&
      responsesLeft > 0 &&
      payloadBytes < MAX_TURN_PAYLOAD_BYTES
    ) {
      if (!this.#parser.hasInput) {
        const bytes = this.#input.next(inputLeft);
        if (bytes.length === 0) break;
        inputLeft -= bytes.length;
        this.#parser.feed(bytes);
      }
      const request = this.#nextRequest();
      if (request === undefined) continue;
      responsesLeft--;
      if (request === "continue") this.#context.responses.addContinue();
      else payloadBytes += this.#checkAndAnswer(request);
    }
  }

  /** Answers the request whose password was checked, if there is one. Returns the size of the payload in bytes. */
  #answerChecked(): number {
    const checked = this.#checked;
    if (checked?.verdict === undefined) return 0;
    this.#checked = undefined;
    return this.#answerRequest(checked.request, checked.verdict);
  }

  /** Answers the request, or begins to check its password. Returns the size of the payload in bytes. */
  #checkAndAnswer(request: Request): number {
    const verdict = this.#context.passwords.check(request.authorization, this.#socket);
    if (typeof verdict === "string") return this.#answerRequest(request, verdict);
    void this.#check(request, verdict);
    return 0;
  }

  async #check(request: Request, verdict: Promise<Verdict>): Promise<void> {
    const checked: CheckedRequest = { request, verdict: undefined };
    this.#checked = checked;
    checked.verdict = await verdict;
    // In state writing the turn comes once everything is written.
    if (this.#state === "checking") this.#queue();
  }

  /** Undefined if the request is incomplete, and after an error, which is the last response. */
  #nextRequest(): Request | "continue" | undefined {
    try {
      return this.#parser.next();
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      this.#context.responses.addError(error.status, error.message);
      this.#answeredLast = true;
      return undefined;
    }
  }

  /** Returns the size of the payload in bytes. */
  #answerRequest(request: Request, verdict: Verdict): number {
    const { payload, responses } = this.#context;
    if (verdict !== "valid") {
      if (verdict === "invalid") responses.addError(401, "a valid name and password are needed", request.isHead);
      else responses.addError(429, "too many attempts at a password; try again later", request.isHead);
      this.#answeredLast = true;
      return 0;
    }
    try {
      const body = payload();
      const answered: Request = this.#isOutdated() ? { ...request, persistence: "close" } : request;
      responses.addPayload(answered, body);
      this.#answeredLast = answered.persistence === "close";
      return body.length;
    } catch (error) {
      const reason = error instanceof Error ? error.message : error;
      responses.addError(500, `payload failed: ${reason}`, request.isHead);
      this.#answeredLast = true;
      return 0;
    }
  }

  /** Writes the turn's responses or the rest of them, and continues once the kernel has taken all. */
  #write(bytes: Uint8Array): void {
    const count = this.#socket.write(bytes);
    // The client reset the connection. Bun raises no event for it: the write has consumed the socket's error.
    if (count < 0) return this.terminate();
    if (count > 0) this.#allow(this.#context.idleTimeoutMs);
    if (count === bytes.length) {
      this.#dropUnwritten();
      this.#goOn();
    } else {
      const rest = bytes.subarray(count);
      // Copied once: the next turn overwrites the shared response buffer.
      this.#unwritten = this.#state === "writing" ? rest : new Uint8Array(rest);
      this.#wait("writing");
    }
  }

  #dropUnwritten(): void {
    if (this.#unwritten.length === 0) return;
    garbage.add(releaseChunk(new Uint8Array(this.#unwritten.buffer)));
    this.#unwritten = NOTHING;
  }

  /** Input counts only if it is more than a head: other clients must not be closed for what a flood holds. */
  #reportHeld(): void {
    const inputBytes = this.#input.sizeBytes > MAX_HEAD_BYTES ? this.#input.sizeBytes : 0;
    this.#context.backlog.hold(this, this.#unwritten.buffer.byteLength + inputBytes);
  }

  /** Continues when nothing waits to be written. */
  #goOn(): void {
    if (this.#answeredLast) this.#linger();
    else if (this.#checked !== undefined && this.#checked.verdict === undefined) this.#wait("checking");
    else if (this.#checked !== undefined || this.#parser.hasInput || !this.#input.isEmpty) this.#queue();
    else if (this.#inputEnded) this.#socket.close();
    else this.#listen("reading");
  }

  /**
   * Closes in order. Closing the socket at once would answer what the client still sends with a reset, which discards the
   * response (RFC 9112 9.6). So: FIN first, then the socket at the client's FIN or after the timeout.
   */
  #linger(): void {
    if (this.#inputEnded) {
      this.#socket.close();
      return;
    }
    this.#allow(this.#context.lingerTimeoutMs);
    this.#socket.shutdown();
    this.#listen("lingering");
  }

  #queue(): void {
    this.#wait("queued");
    this.#context.turns.add(this);
  }

  #wait(state: "queued" | "writing" | "checking"): void {
    if (this.#state === "reading") this.#socket.pause();
    this.#state = state;
  }

  #listen(state: "reading" | "lingering"): void {
    if (this.#state !== "reading" && this.#state !== "lingering") this.#socket.resume();
    this.#state = state;
  }

  #allow(timeMs: number): void {
    this.#deadline = performance.now() + timeMs;
  }
}
