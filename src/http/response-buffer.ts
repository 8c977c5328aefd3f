// Writes responses one after the other into one reused buffer, so that what is answered in one turn leaves in one write.
// The server has one such buffer for all its connections: a turn fills it, writes it out and leaves it to the next.

import { createGzipCache } from "./gzip-cache.ts";
import type { Persistence, Request, RequestError } from "./request-head.ts";

/** What an error response can say: the parser's refusals, a payload that failed, a connection too many. */
export type ErrorStatus = RequestError["status"] | 500 | 503;

/** Prometheus text format 0.0.4. */
const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const ERROR_REASONS: Readonly<Record<ErrorStatus, string>> = {
  400: "Bad Request",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  503: "Service Unavailable",
  505: "HTTP Version Not Supported",
};

const CONNECTION_FIELDS: Readonly<Record<Persistence, string>> = {
  implied: "",
  granted: "Connection: keep-alive\r\n",
  close: "Connection: close\r\n",
};

const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";
const NO_BODY = new Uint8Array();

export class ResponseBuffer {
  #bytes = Buffer.allocUnsafe(64 * 1024);
  #length = 0;
  readonly #gzip = createGzipCache();
  readonly #date = createDateCache();

  /** The responses since `clear`, end to end: a view, valid until the next call of any method. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  /** Answers `request` with `payload`; adds nothing when it throws (out of memory). */
  addPayload(request: Request, payload: Uint8Array): void {
    const body = request.acceptsGzip ? this.#gzip(payload) : payload;
    const head =
      `HTTP/1.1 200 OK\r\nContent-Type: ${CONTENT_TYPE}\r\nVary: Accept-Encoding\r\n` +
      (request.acceptsGzip ? "Content-Encoding: gzip\r\n" : "") +
      `Content-Length: ${body.length}\r\n` +
      CONNECTION_FIELDS[request.persistence] +
      `Date: ${this.#date()}\r\n\r\n`;
    this.#add(head, request.isHead ? NO_BODY : body);
  }

  /** Tells the client to send the body it holds back; the response comes after it. */
  addContinue(): void {
    this.#add(CONTINUE, NO_BODY);
  }

  /** An error, `message` in plain text unless it answers HEAD; the connection closes after it, and it says so. */
  addError(status: ErrorStatus, message: string, isHead = false): void {
    const body = new TextEncoder().encode(`${message}\n`);
    const head =
      `HTTP/1.1 ${status} ${ERROR_REASONS[status]}\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${body.length}\r\nConnection: close\r\nDate: ${this.#date()}\r\n\r\n`;
    this.#add(head, isHead ? NO_BODY : body);
  }

  #add(head: string, body: Uint8Array): void {
    this.#reserve(head.length + body.length);
    this.#length += this.#bytes.write(head, this.#length, "latin1");
    this.#bytes.set(body, this.#length);
    this.#length += body.length;
  }

  #reserve(sizeBytes: number): void {
    const needed = this.#length + sizeBytes;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length));
    grown.set(this.written);
    this.#bytes = grown;
  }
}

/** The Date field's value (RFC 9110 6.6.1), made anew once a second. */
function createDateCache(): () => string {
  let second = -1;
  let text = "";
  return () => {
    const now = Math.floor(Date.now() / 1000);
    if (now !== second) {
      second = now;
      text = new Date(now * 1000).toUTCString();
    }
    return text;
  };
}
