// Finds the requests in the bytes of one connection, independent of the pieces that they arrive in; skips bodies.
// Each connection has one, passes in the bytes of the socket and takes the requests one at a time.

import {
  awaitsContinue,
  bodyOf,
  type Request,
  RequestError,
  type RequestHead,
  readField,
  readRequestLine,
  requestOf,
  splitField,
} from "./request-head.ts";

/** Limit of a request's head with the empty lines before it, of a chunk-size line, and of the trailers. */
export const MAX_HEAD_BYTES = 16 * 1024;

/** About what reading a line allocates: strings, of a field name and value, and the objects around them. */
const LINE_GARBAGE_BYTES = 400;

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const DELETE = 0x7f;
const NOTHING: Buffer = Buffer.alloc(0);

/**
 * What the next bytes are. Lines: request line, field, chunk size, chunk end (the empty line after a chunk), trailer.
 * Bytes to skip: content (as long as Content-Length says), chunk.
 *
 *     request line → field … → content ─────────────────────────────────────→ request
 *                            → chunk size → chunk → chunk end → chunk size …
 *                                         → trailer … ───────────────────────→ request
 */
type Stage = "request line" | "field" | "content" | "chunk size" | "chunk" | "chunk end" | "trailer";

/**
 * Use: `feed`, then `next` until it returns undefined, and again. The results depend on the bytes, not on how they were split.
 * After a RequestError the parser must not be used.
 */
export class RequestParser {
  /** The bytes of the last `feed`, without a copy; read up to `#position`. */
  #input = NOTHING;
  #position = 0;
  /** The part of a line that earlier inputs had; a copy. Emptied when the line ends. */
  #partialLine = NOTHING;
  #stage: Stage = "request line";
  /** Bytes that the current head, chunk-size line or trailer section may still have. */
  #allowance = MAX_HEAD_BYTES;
  /** Bytes of the body or of the current chunk still to skip. */
  #bodyLeft = 0;
  /** Set by the request line, valid until `next` returns the request. */
  #head: RequestHead | undefined;
  #garbageBytes = 0;

  /** Whether input is left that `next` has not read. */
  get hasInput(): boolean {
    return this.#position < this.#input.length;
  }

  /** Whether no byte of a next request has been read. */
  get isBetweenRequests(): boolean {
    return this.#stage === "request line" && this.#allowance === MAX_HEAD_BYTES;
  }

  /** Sets the bytes that `next` reads, once it has read all before them. They must stay valid until then. */
  feed(bytes: Buffer): void {
    this.#input = bytes;
    this.#position = 0;
  }

  /** About how many bytes of garbage parsing left since the last call. */
  takeGarbageBytes(): number {
    const bytes = this.#garbageBytes;
    this.#garbageBytes = 0;
    return bytes;
  }

  /**
   * The next request, once its body is skipped; or `continue` if the client waits for 100 Continue before it sends that
   * body; or undefined: feed more. Throws RequestError if the bytes are not HTTP/1.
   */
  next(): Request | "continue" | undefined {
    const found = this.#find();
    if (!this.hasInput) this.feed(NOTHING); // the parsed bytes may be freed
    return found;
  }

  #find(): Request | "continue" | undefined {
    for (;;) {
      if (this.#stage === "content" || this.#stage === "chunk") {
        if (!this.#skipBody()) return undefined;
        if (this.#stage === "content") return this.#finishRequest();
        this.#startLines("chunk end");
      }
      const line = this.#readLine();
      if (line === undefined) return undefined;
      const found = this.#takeLine(line);
      if (found !== undefined) return found;
    }
  }

  #startLines(stage: Stage): void {
    this.#stage = stage;
    this.#allowance = MAX_HEAD_BYTES;
  }

  /** Skips the body as far as it has arrived; true if it has all arrived. */
  #skipBody(): boolean {
    const skipped = Math.min(this.#bodyLeft, this.#input.length - this.#position);
    this.#position += skipped;
    this.#bodyLeft -= skipped;
    return this.#bodyLeft === 0;
  }

  /**
   * The next line without its end, which is CRLF or LF alone (RFC 9112 2.2); undefined if it has not all arrived. Bytes that no
   * line may contain are refused as they arrive: a client of another protocol may never send an LF.
   */
  #readLine(): string | undefined {
    const input = this.#input;
    const start = this.#position;
    const end = Math.min(input.length, start + this.#allowance);
    for (let at = start; at < end; at++) {
      const byte = input[at]!;
      if (byte >= SPACE && byte !== DELETE) continue;
      if (byte === LF) {
        this.#allowance -= at + 1 - start;
        this.#position = at + 1;
        return this.#endLine(start, at);
      }
      if (byte !== CR && byte !== TAB) throw new RequestError(400, "control character in the request");
    }
    this.#allowance -= end - start;
    this.#position = end;
    if (this.#allowance === 0) throw new RequestError(431, `head or trailers above ${MAX_HEAD_BYTES} bytes`);
    this.#garbageBytes += this.#partialLine.length + LINE_GARBAGE_BYTES;
    this.#partialLine = Buffer.concat([this.#partialLine, input.subarray(start, end)]);
    return undefined;
  }

  #endLine(start: number, lineFeed: number): string {
    this.#garbageBytes += this.#partialLine.length + LINE_GARBAGE_BYTES;
    let line = this.#input.toString("latin1", start, lineFeed);
    if (this.#partialLine.length > 0) {
      line = this.#partialLine.toString("latin1") + line;
      this.#partialLine = NOTHING;
    }
    if (line.endsWith("\r")) line = line.slice(0, -1);
    if (line.includes("\r")) throw new RequestError(400, "carriage return inside a line");
    return line;
  }

  #takeLine(line: string): Request | "continue" | undefined {
    switch (this.#stage) {
      case "request line":
        if (line === "") return undefined;
        this.#head = readRequestLine(line);
        this.#stage = "field";
        return undefined;
      case "field":
        if (line === "") return this.#finishHead();
        readField(this.#head!, line);
        return undefined;
      case "chunk size":
        this.#bodyLeft = readChunkSize(line);
        if (this.#bodyLeft > 0) this.#stage = "chunk";
        else this.#startLines("trailer");
        return undefined;
      case "chunk end":
        if (line !== "") throw new RequestError(400, "chunk longer than its size");
        this.#startLines("chunk size");
        return undefined;
      case "trailer":
        if (line === "") return this.#finishRequest();
        splitField(line);
        return undefined;
      default:
        throw new Error(`no lines in stage ${this.#stage}`);
    }
  }

  #finishHead(): Request | "continue" | undefined {
    const head = this.#head!;
    const body = bodyOf(head);
    if (body === 0) return this.#finishRequest();
    if (body === "chunked") {
      this.#startLines("chunk size");
    } else {
      this.#stage = "content";
      this.#bodyLeft = body;
    }
    return awaitsContinue(head) ? "continue" : undefined;
  }

  #finishRequest(): Request {
    const request = requestOf(this.#head!);
    this.#head = undefined;
    this.#startLines("request line");
    return request;
  }
}

/** `size [; extensions]`, hexadecimal (RFC 9112 7.1). */
function readChunkSize(line: string): number {
  const digits = /^([0-9a-fA-F]+)[ \t]*(;|$)/.exec(line)?.[1];
  const size = digits === undefined ? Number.NaN : Number.parseInt(digits, 16);
  if (!Number.isSafeInteger(size)) throw new RequestError(400, "chunk size is not a size");
  return size;
}
