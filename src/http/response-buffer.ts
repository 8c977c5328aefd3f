// Collects the responses of one turn in a reused buffer, so that they leave in one write. All connections of a server share
// one: a turn fills it and writes it to the socket, the next turn overwrites it.

import type { Persistence, Request, RequestError } from "./request-head.ts";

/** The parser's errors, no valid password (401), too many attempts at one (429), a failed payload (500), too many connections (503). */
export type ErrorStatus = RequestError["status"] | 401 | 429 | 500 | 503;

/** Prometheus text format 0.0.4. */
const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const ERROR_REASONS: Readonly<Record<ErrorStatus, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  429: "Too Many Requests",
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

/** Fields that belong to a status (RFC 9110 11.6.1 and 10.2.3). */
const ERROR_FIELDS: Partial<Record<ErrorStatus, string>> = {
  401: 'WWW-Authenticate: Basic realm="metrics", charset="UTF-8"\r\n',
  429: "Retry-After: 10\r\n",
};

const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";
const NO_BODY = new Uint8Array();

export class ResponseBuffer {
  #bytes = Buffer.allocUnsafe(64 * 1024);
  #length = 0;
  readonly #date = createDateCache();
  readonly #headerFields: () => string;
  /** The last payload, and its compressed form once a client has accepted that. */
  #payload: Uint8Array | undefined;
  #compressed: Uint8Array | undefined;
  #garbageBytes = 0;

  /** `headerFields`: lines that each response has, with their line ends. */
  constructor(headerFields = () => "") {
    this.#headerFields = headerFields;
  }

  /** The responses since `clear`, one after the other: a view, valid until the next call of any method. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  /** About how many bytes of garbage compression left since the last call. */
  takeGarbageBytes(): number {
    const bytes = this.#garbageBytes;
    this.#garbageBytes = 0;
    return bytes;
  }

  /**
   * Answers `request` with `payload`. It is compressed once, so a payload with other bytes must be another object. If this throws
   * (out of memory), nothing is added.
   */
  addPayload(request: Request, payload: Uint8Array): void {
    if (payload !== this.#payload) {
      this.#payload = payload;
      this.#compressed = undefined;
    }
    const body = request.acceptsGzip ? this.#compress(payload) : payload;
    const head =
      `HTTP/1.1 200 OK\r\nContent-Type: ${CONTENT_TYPE}\r\nVary: Accept-Encoding\r\n` +
      (request.acceptsGzip ? "Content-Encoding: gzip\r\n" : "") +
      `Content-Length: ${body.length}\r\n` +
      CONNECTION_FIELDS[request.persistence] +
      this.#headerFields() +
      `Date: ${this.#date()}\r\n\r\n`;
    this.#add(head, request.isHead ? NO_BODY : body);
  }

  /** Asks the client for the body that it holds back; the response comes after it. */
  addContinue(): void {
    this.#add(CONTINUE, NO_BODY);
  }

  /** An error with `message` as plain text, without it for HEAD. Its Connection field is `close`. */
  addError(status: ErrorStatus, message: string, isHead = false): void {
    const body = new TextEncoder().encode(`${message}\n`);
    const head =
      `HTTP/1.1 ${status} ${ERROR_REASONS[status]}\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${body.length}\r\nConnection: close\r\n${ERROR_FIELDS[status] ?? ""}` +
      `${this.#headerFields()}Date: ${this.#date()}\r\n\r\n`;
    this.#add(head, isHead ? NO_BODY : body);
  }

  /** Level 1: the same thread answers the node, and the next level takes more time than it saves bytes. */
  #compress(payload: Uint8Array): Uint8Array {
    if (this.#compressed === undefined) {
      this.#compressed = Bun.gzipSync(payload as Uint8Array<ArrayBuffer>, { level: 1 });
      this.#garbageBytes += this.#compressed.length;
    }
    return this.#compressed;
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

/** The Date field's value (RFC 9110 6.6.1), formatted once a second. */
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
