// What the lines of a request's head mean: version, body framing, what the client wants back.
// The parser calls it line by line; it sees strings without line ends and keeps no bytes.

import { acceptsGzip } from "./accept-encoding.ts";

/** All that an answer depends on; path and method do not matter here, except HEAD. */
export interface Request {
  /** HEAD: the answer has the same header fields, and no body. */
  readonly isHead: boolean;
  readonly acceptsGzip: boolean;
  /** What becomes of the connection after the answer, and so the answer's Connection field. */
  readonly persistence: Persistence;
}

/** `implied`: kept, as HTTP/1.1 does; `granted`: kept because an HTTP/1.0 client asked, so it is told. */
export type Persistence = "implied" | "granted" | "close";

/** The request cannot be answered and nothing after it can be trusted: answer `status`, then close. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly status: 400 | 431 | 501 | 505;

  constructor(status: RequestError["status"], message: string) {
    super(message);
    this.status = status;
  }
}

/** A head while its lines arrive. Lists are joined by commas; undefined means no such field. */
export interface RequestHead {
  readonly method: string;
  readonly isVersion10: boolean;
  contentLength: number | undefined;
  transferEncoding: string | undefined;
  connection: string | undefined;
  expect: string | undefined;
  acceptEncoding: string | undefined;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/; // RFC 9110 5.6.2

/** Starts a head from `method SP target SP version` (RFC 9112 3); throws RequestError 400 or 505. */
export function readRequestLine(line: string): RequestHead {
  const methodEnd = line.indexOf(" ");
  const targetEnd = line.indexOf(" ", methodEnd + 1);
  const method = line.slice(0, methodEnd);
  if (methodEnd < 0 || targetEnd <= methodEnd + 1 || line.includes("\t") || !TOKEN.test(method)) {
    throw new RequestError(400, "not an http request line");
  }
  if (method === "PRI") throw new RequestError(400, "http/2 preface, http/1.1 is spoken here");
  return {
    method,
    isVersion10: readVersion(line.slice(targetEnd + 1)) === "1.0",
    contentLength: undefined,
    transferEncoding: undefined,
    connection: undefined,
    expect: undefined,
    acceptEncoding: undefined,
  };
}

/** A minor version above 1 is answered as 1.1: RFC 9110 2.5 promises that it can be read so. */
function readVersion(text: string): "1.0" | "1.1" {
  if (text === "HTTP/1.1") return "1.1";
  if (text === "HTTP/1.0") return "1.0";
  if (/^HTTP\/1\.\d$/.test(text)) return "1.1";
  if (/^HTTP\/[2-9](\.\d)?$/.test(text)) throw new RequestError(505, `${text} is not spoken here, http/1.1 is`);
  throw new RequestError(400, "not an http version");
}

/** Takes one field line into the head; throws RequestError 400 when it is none, or a bad Content-Length. */
export function readField(head: RequestHead, line: string): void {
  const [name, value] = splitField(line);
  switch (name.toLowerCase()) {
    case "content-length":
      readContentLength(head, value);
      break;
    case "transfer-encoding":
      head.transferEncoding = joined(head.transferEncoding, value);
      break;
    case "connection":
      head.connection = joined(head.connection, value);
      break;
    case "expect":
      head.expect = joined(head.expect, value);
      break;
    case "accept-encoding":
      head.acceptEncoding = joined(head.acceptEncoding, value);
      break;
  }
}

/**
 * A field line's name and trimmed value; throws RequestError 400. Space before the colon, and a line folded into
 * the one before it, are no tokens and so refused, as RFC 9112 5 has it.
 */
export function splitField(line: string): [name: string, value: string] {
  const colon = line.indexOf(":");
  const name = line.slice(0, Math.max(colon, 0));
  if (!TOKEN.test(name)) throw new RequestError(400, "not a header field");
  return [name, line.slice(colon + 1).trim()];
}

/** Equal repeats are one length (RFC 9110 8.6); anything else would let two readers see two requests. */
function readContentLength(head: RequestHead, value: string): void {
  for (const text of value.split(",")) {
    const length = /^\s*\d+\s*$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(length)) throw new RequestError(400, "content-length is not a length");
    if (length !== (head.contentLength ?? length)) throw new RequestError(400, "content-lengths differ");
    head.contentLength = length;
  }
}

/** The body's length in bytes, or that it comes in chunks (RFC 9112 6.3); throws RequestError 400 or 501. */
export function bodyOf(head: RequestHead): number | "chunked" {
  if (head.transferEncoding === undefined) return head.contentLength ?? 0;
  if (head.contentLength !== undefined) throw new RequestError(400, "both content-length and transfer-encoding");
  if (head.transferEncoding.toLowerCase() !== "chunked") throw new RequestError(501, "unknown transfer coding");
  return "chunked";
}

/** Whether the client waits for 100 Continue before it sends its body; an HTTP/1.0 client never does. */
export function awaitsContinue(head: RequestHead): boolean {
  return !head.isVersion10 && lists(head.expect, "100-continue");
}

/** What the answer needs to know of a complete head. */
export function requestOf(head: RequestHead): Request {
  return {
    isHead: head.method === "HEAD",
    acceptsGzip: head.acceptEncoding !== undefined && acceptsGzip(head.acceptEncoding),
    persistence: persistenceOf(head),
  };
}

function persistenceOf(head: RequestHead): Persistence {
  if (lists(head.connection, "close")) return "close";
  if (!head.isVersion10) return "implied";
  // An HTTP/1.0 sender of a transfer coding may not mean what we read: RFC 9112 6.1 wants the connection closed.
  return lists(head.connection, "keep-alive") && head.transferEncoding === undefined ? "granted" : "close";
}

function joined(list: string | undefined, value: string): string {
  return list === undefined ? value : `${list},${value}`;
}

function lists(list: string | undefined, token: string): boolean {
  const members = list?.toLowerCase().split(",") ?? [];
  return members.some((member) => member.trim() === token);
}
