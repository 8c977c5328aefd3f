// The meaning of a request head's lines: version, body framing, what the client requests of the response.
// The parser calls it line by line, with strings without line ends.

import { acceptsGzip } from "./accept-encoding.ts";
import { membersOf, trimmed } from "./field-value.ts";

/**
 * What a response depends on. Path and method do not matter, except HEAD: DELETE, PUT and other writing methods also get the
 * payload, by design, as there is nothing to write to.
 */
export interface Request {
  /** HEAD: the response has the same header fields and no body. */
  readonly isHead: boolean;
  readonly acceptsGzip: boolean;
  /** The value of Authorization; several are joined by commas, which no valid value has. */
  readonly authorization: string | undefined;
  /** Whether the connection stays open after the response, and so the response's Connection field. */
  readonly persistence: Persistence;
}

/** `implied`: open, the default of HTTP/1.1; `granted`: open because an HTTP/1.0 client requested it, so the response says so. */
export type Persistence = "implied" | "granted" | "close";

/** The request cannot be answered, and bytes after it cannot be trusted: answer `status`, then close. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly status: 400 | 431 | 501 | 505;

  constructor(status: RequestError["status"], message: string) {
    super(message);
    this.status = status;
  }
}

/** A head while its lines arrive. Lists are joined by commas. */
export interface RequestHead {
  readonly method: string;
  readonly isVersion10: boolean;
  host?: string;
  contentLength?: number;
  transferEncoding?: string;
  connection?: string;
  expect?: string;
  acceptEncoding?: string;
  authorization?: string;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/; // RFC 9110 5.6.2
/** A name or IPv4 address, or an IPv6 address in brackets, and a port; all may be empty (RFC 9112 3.2, RFC 3986 3.2). */
const HOST = /^(\[[\w.~!$&'()*+,;=:%-]*\]|[\w.~!$&'()*+,;=%-]*)(:\d*)?$/;

/** Starts a head from `method SP target SP version` (RFC 9112 3); throws RequestError 400 or 505. */
export function readRequestLine(line: string): RequestHead {
  const methodEnd = line.indexOf(" ");
  const targetEnd = line.indexOf(" ", methodEnd + 1);
  const method = line.slice(0, methodEnd);
  if (methodEnd < 0 || targetEnd <= methodEnd + 1 || line.includes("\t") || !TOKEN.test(method)) {
    throw new RequestError(400, "not an http request line");
  }
  if (method === "PRI") throw new RequestError(400, "http/2 preface; use http/1.1");
  return { method, isVersion10: readVersion(line.slice(targetEnd + 1)) === "1.0" };
}

/** A minor version above 1 is answered as 1.1, which RFC 9110 2.5 allows. */
function readVersion(text: string): "1.0" | "1.1" {
  if (text === "HTTP/1.1") return "1.1";
  if (text === "HTTP/1.0") return "1.0";
  if (/^HTTP\/1\.\d$/.test(text)) return "1.1";
  if (/^HTTP\/[2-9](\.\d)?$/.test(text)) throw new RequestError(505, `${text} is not supported; use http/1.1`);
  throw new RequestError(400, "not an http version");
}

/** Reads one field line into the head; throws RequestError 400 if it is malformed, or a bad Content-Length or Host. */
export function readField(head: RequestHead, line: string): void {
  const [name, value] = splitField(line);
  switch (name.toLowerCase()) {
    case "host":
      if (head.host !== undefined) throw new RequestError(400, "more than one host");
      if (!HOST.test(value)) throw new RequestError(400, "host is malformed");
      head.host = value;
      break;
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
    case "authorization":
      head.authorization = joined(head.authorization, value);
      break;
  }
}

/**
 * A field line's name and trimmed value; throws RequestError 400. White space before the colon and folded lines make the
 * name no token, so they are refused (RFC 9112 5).
 */
export function splitField(line: string): [name: string, value: string] {
  const colon = line.indexOf(":");
  const name = line.slice(0, Math.max(colon, 0));
  if (!TOKEN.test(name)) throw new RequestError(400, "not a header field");
  return [name, trimmed(line.slice(colon + 1))];
}

/** Equal repeats are one length (RFC 9110 8.6); with different ones, two readers would see different requests. */
function readContentLength(head: RequestHead, value: string): void {
  for (const text of membersOf(value)) {
    const length = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(length)) throw new RequestError(400, "content-length is not a length");
    if (length !== (head.contentLength ?? length)) throw new RequestError(400, "content-lengths differ");
    head.contentLength = length;
  }
}

/**
 * Ends a head: returns the body's length in bytes, or that the body comes in chunks (RFC 9112 6.3). Throws RequestError 400 or
 * 501, also if HTTP/1.1 has no Host (RFC 9112 3.2).
 */
export function bodyOf(head: RequestHead): number | "chunked" {
  if (head.host === undefined && !head.isVersion10) throw new RequestError(400, "no host");
  if (head.transferEncoding === undefined) return head.contentLength ?? 0;
  if (head.contentLength !== undefined) throw new RequestError(400, "both content-length and transfer-encoding");
  if (head.transferEncoding.toLowerCase() !== "chunked") throw new RequestError(501, "unknown transfer coding");
  return "chunked";
}

/** Whether the client waits for 100 Continue before it sends its body; an HTTP/1.0 client never does. */
export function awaitsContinue(head: RequestHead): boolean {
  return !head.isVersion10 && hasMember(head.expect, "100-continue");
}

/** The parts of a complete head that the response depends on. */
export function requestOf(head: RequestHead): Request {
  return {
    isHead: head.method === "HEAD",
    acceptsGzip: head.acceptEncoding !== undefined && acceptsGzip(head.acceptEncoding),
    authorization: head.authorization,
    persistence: persistenceOf(head),
  };
}

function persistenceOf(head: RequestHead): Persistence {
  if (hasMember(head.connection, "close")) return "close";
  if (!head.isVersion10) return "implied";
  // An HTTP/1.0 client may frame a transfer coding differently: RFC 9112 6.1 requires to close the connection.
  return hasMember(head.connection, "keep-alive") && head.transferEncoding === undefined ? "granted" : "close";
}

function joined(list: string | undefined, value: string): string {
  return list === undefined ? value : `${list},${value}`;
}

function hasMember(list: string | undefined, token: string): boolean {
  return list !== undefined && membersOf(list.toLowerCase()).includes(token);
}
