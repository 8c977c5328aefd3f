// One client's connection from its first byte to its last: requests in, responses out in order, and how it closes.
// The server makes one for each socket, hands it the socket's events, gives it turns and ends it when it is overdue.

import type { Socket } from "bun";
import { releaseChunk } from "../memory/chunk.ts";
import { garbage } from "../memory/garbage.ts";
import { Input } from "./input.ts";
import { type Request, RequestError } from "./request-head.ts";
import { RequestParser } from "./request-parser.ts";
import type { ErrorStatus, ResponseBuffer } from "./response-buffer.ts";
import type { TurnQueue } from "./turn-queue.ts";

/** What a connection needs of its socket; Bun's fits. */
export type ClientSocket = Pick<Socket, "write" | "pause" | "resume" | "shutdown" | "end" | "terminate">;

/** What all connections of a server share. */
export interface ConnectionContext {
  /** The bytes to answer with; they must not change afterwards. */
  readonly payload: () => Uint8Array;
  readonly responses: ResponseBuffer;
  readonly turns: TurnQueue<Connection>;
  /** How long it may take: the wait for a request, its arrival, and each step of a response's departure. */
  readonly idleTimeoutMs: number;
  /** How long what still arrives after the last response is thrown away, so that the client can read it. */
  readonly lingerTimeoutMs: number;
}

// What one turn may do at most. Input counts because a body in chunks of one byte is work without a response; payloads
// count before compression and for HEAD too, because rendering and compressing them is the work. Of a node's page that is one.
const MAX_TURN_RESPONSES = 16;
const MAX_TURN_INPUT_BYTES = 8 * 1024;
const MAX_TURN_PAYLOAD_BYTES = 16 * 1024;

/** About what a turn leaves behind besides its payloads: of a scrape, request and response, and what became of both. */
const TURN_GARBAGE_BYTES = 2000;

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Reading: all that arrived is answered, the socket may deliver more. Queued: input is left, a turn will come.
 * Writing: the kernel did not take all, `drain` will come. The socket is paused in both, so what waits here is one
 * received chunk and one turn's responses. Lingering: our FIN is sent, input is thrown away.
 */
type State = "reading" | "queued" | "writing" | "lingering" | "closed";

export class Connection {
  readonly #socket: ClientSocket;
  readonly #context: ConnectionContext;
  readonly #parser = new RequestParser();
  #state: State = "reading";
  readonly #input = new Input();
  /** What the kernel has not taken yet; a copy, and only in state writing. */
  #unwritten: Uint8Array = NOTHING;
  /** Set by the last response: nothing after it will be answered. */
  #answeredLast = false;
  /** Set by the client's FIN: it wants the answers to what it has sent, and sends no more. */
  #inputEnded = false;
  #deadline = 0;

  constructor(socket: ClientSocket, context: ConnectionContext) {
    this.#socket = socket;
    this.#context = context;
    this.#allow(context.idleTimeoutMs);
  }

  /** The socket delivered `bytes`, which are the connection's to keep. */
  receive(bytes: Buffer): void {
    if (this.#state === "lingering" || this.#state === "closed") return garbage.add(releaseChunk(bytes));
    // A request has its time from its first byte on: a client that drips it is not given more with each byte.
    if (this.#parser.isBetweenRequests) this.#allow(this.#context.idleTimeoutMs);
    this.#input.add(bytes);
    if (this.#state !== "reading") return;
    if (this.#context.turns.takeNow()) this.takeTurn();
    else this.#queue();
  }

  /** Answers some of the requests that have arrived, in one write. False when the client has gone. */
  takeTurn(): boolean {
    if (this.#state === "closed") return false;
    const { responses } = this.#context;
    responses.clear();
    const payloadBytes = this.#answer();
    if (!this.#parser.hasInput) this.#input.release();
    if (responses.written.length > 0) this.#write(responses.written);
    else this.#goOn();
    garbage.add(payloadBytes + TURN_GARBAGE_BYTES);
    return true;
  }

  /** Answers with an error whatever the client is about to ask, and closes; only before anything was received. */
  refuse(status: ErrorStatus, message: string): void {
    const { responses } = this.#context;
    responses.clear();
    responses.addError(status, message);
    this.#answeredLast = true;
    this.#write(responses.written);
  }

  /** The kernel may take more; Bun says so also when nothing waits to be written. */
  drain(): void {
    if (this.#state === "writing") this.#write(this.#unwritten);
  }

  /** The client sent its FIN. */
  endInput(): void {
    this.#inputEnded = true;
    if (this.#state === "reading") this.#goOn();
  }

  /** The socket is gone, by whichever side. */
  closed(): void {
    this.#state = "closed";
    this.#unwritten = NOTHING;
    this.#input.clear();
  }

  /** Closes the connection when its time is over; `nowMs` is of `performance.now()`. */
  closeIfOverdue(nowMs: number): void {
    if (nowMs < this.#deadline) return;
    // A reader that stopped gets no more; to any other the kernel still delivers what it has taken.
    if (this.#state === "writing") this.#socket.terminate();
    else this.#socket.end();
  }

  /** Puts the responses of one turn into the response buffer. Returns the size of their payloads, in bytes. */
  #answer(): number {
    let inputLeft = MAX_TURN_INPUT_BYTES;
    let responsesLeft = MAX_TURN_RESPONSES;
    let payloadBytes = 0;
    while (!this.#answeredLast && responsesLeft > 0 && payloadBytes < MAX_TURN_PAYLOAD_BYTES) {
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
      else payloadBytes += this.#answerRequest(request);
    }
    return payloadBytes;
  }

  /** Undefined when there is more to come, and after an error, which is the last response. */
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

  /** Returns the size of the payload, in bytes. */
  #answerRequest(request: Request): number {
    const { payload, responses } = this.#context;
    try {
      const body = payload();
      responses.addPayload(request, body);
      this.#answeredLast = request.persistence === "close";
      return body.length;
    } catch (error) {
      const reason = error instanceof Error ? error.message : error;
      responses.addError(500, `payload failed: ${reason}`, request.isHead);
      this.#answeredLast = true;
      return 0;
    }
  }

  /** Writes the turn's responses or the rest of them, and goes on once the kernel has taken all. */
  #write(bytes: Uint8Array): void {
    const count = this.#socket.write(bytes);
    if (count < 0) return; // the socket is closed, the event for it comes or has come
    if (count > 0) this.#allow(this.#context.idleTimeoutMs);
    if (count === bytes.length) {
      this.#unwritten = NOTHING;
      this.#goOn();
    } else {
      const rest = bytes.subarray(count);
      // The first time it is a view of the shared response buffer, which the next turn overwrites.
      this.#unwritten = this.#state === "writing" ? rest : new Uint8Array(rest);
      this.#wait("writing");
    }
  }

  /** What to do when nothing waits to be written. */
  #goOn(): void {
    if (this.#answeredLast) this.#linger();
    else if (this.#parser.hasInput || !this.#input.isEmpty) this.#queue();
    else if (this.#inputEnded) this.#socket.end();
    else this.#listen("reading");
  }

  /**
   * Closes in order. To close the socket at once would answer what the client is still sending with a reset, and that
   * takes the response away from it (RFC 9112 9.6). So: FIN first, the socket when the client's FIN or the time comes.
   */
  #linger(): void {
    if (this.#inputEnded) {
      this.#socket.end();
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

  #wait(state: "queued" | "writing"): void {
    if (this.#state === "reading") this.#socket.pause();
    this.#state = state;
  }

  #listen(state: "reading" | "lingering"): void {
    if (this.#state === "queued" || this.#state === "writing") this.#socket.resume();
    this.#state = state;
  }

  #allow(timeMs: number): void {
    this.#deadline = performance.now() + timeMs;
  }
}
