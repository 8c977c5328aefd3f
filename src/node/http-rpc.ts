// The node's JSON-RPC over HTTP, for nodes without JSON-RPC on the socket: v30 and v31. One connection a request, over a socket of
// ours: fetch would send the password to a proxy that the environment names, and would read an answer of any size.

import { readFileSync } from "node:fs";
import type { Socket } from "bun";
import { DeadlineError, NotSentError, RpcError } from "../rpc/errors.ts";
import { CallTimeouts } from "./call-timeouts.ts";
import type { OnCall, RpcMethod } from "./calls.ts";
import {
  AnswerTooLargeError,
  type Exchange,
  type JsonRpc,
  MAX_ANSWER_BYTES,
  RefusedError,
  rpcOver,
} from "./json-rpc.ts";
import { NO_DEADLINE_MS } from "./server-threads.ts";
import { withReason } from "./socket.ts";

export interface RpcAddress {
  /** A name or IP address, IPv6 without brackets. */
  readonly hostname: string;
  readonly port: number;
}

/** The files are read at the first request, and again whenever the node has refused their contents. */
export type RpcCredentials = { readonly cookieFile: string } | { readonly user: string; readonly passwordFile: string };

export interface HttpRpcOptions {
  /** The deadline of a request in milliseconds, and the pause after a late one, which the node may still be processing. */
  readonly deadlineMs: number;
  /** Ends the request under way and refuses later ones. */
  readonly signal?: AbortSignal;
  readonly onCall?: OnCall;
}

/**
 * The address in `http://HOST:PORT`.
 * @throws Error with the expected form, and without the text, which may contain a password.
 */
export function readRpcUrl(text: string): RpcAddress {
  const match = /^http:\/\/(?:\[([0-9a-fA-F:.]+)\]|([^[\]:/?#@\s]+)):(\d{1,5})\/?$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port === 0 || port > 65_535) {
    throw new Error("expected http://HOST:PORT, such as http://127.0.0.1:8332, without user and password");
  }
  return { hostname: (match[1] ?? match[2])!, port };
}

/** JSON-RPC at `address`. Its calls reject as described at JsonRpc. The errors say what to do. */
export function httpRpc(address: RpcAddress, credentials: RpcCredentials, options: HttpRpcOptions): JsonRpc {
  const host = `${address.hostname.includes(":") ? `[${address.hostname}]` : address.hostname}:${address.port}`;
  const where = `JSON-RPC at http://${host}`;
  const file = "cookieFile" in credentials ? credentials.cookieFile : credentials.passwordFile;
  const user = "user" in credentials ? credentials.user : COOKIE_USER;
  let authorization: string | undefined;
  /** The credentials that the node refused last. It logs each wrong password and takes 250 ms for it, so none is sent twice. */
  let refused: string | undefined;
  /** No request is sent after a late one for `quietMs`, which doubles each time: the node may still be processing it. */
  let quietUntil = 0;
  let quietMs = options.deadlineMs;

  const answer: Exchange = async (request, methods) => {
    options.signal?.throwIfAborted();
    if (performance.now() < quietUntil)
      throw new NotSentError(`${where}: the node is still processing an earlier call`);
    const { status, body } = await sendAuthorized(request, methods);
    quietMs = options.deadlineMs;
    if (status === 403) throw new RefusedError(`${methods}: ${where} is forbidden (403); ${ALLOW}`, user);
    if (status === 503)
      throw failed(`the node's queue is full, or the node is stopping (503); raise -rpcworkqueue if it lasts`);
    // Up to v27, errors of methods have the status 404 or 500 and a JSON body.
    if (body.length > 0) return body;
    throw failed(`status ${status} without an answer; check that the port is the node's -rpcport`);
  };
  // Each request has a deadline of its own, at which its connection is closed.
  return rpcOver(answer, new CallTimeouts(NO_DEADLINE_MS));

  async function sendAuthorized(request: string, methods: readonly RpcMethod[]): Promise<Response> {
    authorization ??= readAuthorization(credentials);
    if (authorization !== refused) {
      // Another request may read a new cookie in the meantime.
      const used = authorization;
      const response = await send(request, methods, used);
      if (response.status !== 401) return response;
      refused = used;
    }
    // A node that was restarted has a new cookie.
    authorization = readAuthorization(credentials);
    if (authorization === refused) throw failed(`the node refuses the user or password (401); check ${file}`);
    return sendAuthorized(request, methods);
  }

  function failed(what: string): RpcError {
    return new RpcError("failed", `${where}: ${what}`);
  }

  async function send(request: string, methods: readonly RpcMethod[], authorization: string): Promise<Response> {
    const body = Buffer.from(request);
    const head = [
      "POST / HTTP/1.1",
      `Host: ${host}`,
      `Authorization: ${authorization}`,
      "Content-Type: application/json",
      `Content-Length: ${body.length}`,
      "Connection: close",
    ];
    const bytes = Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]);
    const start = performance.now();
    const ended = () => options.onCall?.(methods, performance.now() - start);
    try {
      const response = await exchange(address, bytes, options);
      ended();
      return response;
    } catch (error) {
      if (!isConnectError(error)) ended();
      if (error instanceof Late) {
        quietUntil = performance.now() + quietMs;
        quietMs = Math.min(2 * quietMs, MAX_QUIET_MS);
        throw new DeadlineError(`${methods}: ${where} did not answer within ${options.deadlineMs} ms`);
      }
      if (error instanceof TooLarge) throw new AnswerTooLargeError(methods.join(), error.sizeBytes);
      const { message } = withReason(error as NodeJS.ErrnoException);
      const remedy = isConnectError(error) ? "; check that the node runs with -server=1 and this -rpcport" : "";
      throw failed(`${message}${remedy}`);
    }
  }
}

const MAX_QUIET_MS = 60 * 60_000;

const ALLOW = "check the node's -rpcallowip and -rpcwhitelist";

/** The user whose password is in a cookie file (COOKIEAUTH_USER of rpc/request.cpp). */
const COOKIE_USER = "__cookie__";

/** @throws RpcError with the file's name and without its contents. */
function readAuthorization(credentials: RpcCredentials): string {
  const isCookie = "cookieFile" in credentials;
  const file = isCookie ? credentials.cookieFile : credentials.passwordFile;
  let text: string;
  try {
    text = readFileSync(file, "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    const { message } = withReason(error as NodeJS.ErrnoException);
    const remedy = isCookie ? "the node writes it when it starts with -server=1 and no -rpcpassword" : "check the path";
    throw new RpcError("failed", `cannot read ${file}: ${message}; ${remedy}`);
  }
  if (text === "" || text.includes("\n")) throw new RpcError("failed", `${file} must contain exactly one line`);
  if (isCookie && !text.includes(":"))
    throw new RpcError("failed", `${file} is not a cookie file; expected USER:PASSWORD`);
  return `Basic ${Buffer.from(isCookie ? text : `${credentials.user}:${text}`).toString("base64")}`;
}

interface Response {
  readonly status: number;
  readonly body: Uint8Array;
}

class Late extends Error {}
class TooLarge extends Error {
  readonly sizeBytes: number;
  constructor(sizeBytes: number) {
    super();
    this.sizeBytes = sizeBytes;
  }
}

function isConnectError(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).syscall === "connect" || (error as { code?: string }).code === "ECONNREFUSED";
}

/** Sends `request` on a connection of its own. Rejects with Late, TooLarge, the system's error, or an Error of its own. */
async function exchange(
  { hostname, port }: RpcAddress,
  request: Uint8Array,
  { deadlineMs, signal }: HttpRpcOptions,
): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  const reader = new ResponseReader();
  let socket: Socket | undefined;
  let isOver = false;
  let unsent = request;
  const write = (to: Socket) => {
    unsent = unsent.subarray(Math.max(0, to.write(unsent)));
  };
  const timer = setTimeout(() => reject(new Late()), deadlineMs);
  const abort = () => reject(signal?.reason);
  signal?.addEventListener("abort", abort);
  Bun.connect({
    hostname,
    port,
    socket: {
      open: (opened) => {
        socket = opened;
        if (isOver) opened.terminate();
        else write(opened);
      },
      drain: write,
      data: (_, chunk) => {
        try {
          if (reader.read(chunk)) resolve(reader.response());
        } catch (error) {
          reject(error);
        }
      },
      close: (_, error) => {
        if (error === undefined && reader.isUntilEnd) resolve(reader.response());
        else reject(error ?? new Error("the node closed the connection before it had answered"));
      },
      error: (_, error) => reject(error),
    },
  }).catch(reject);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
    isOver = true;
    socket?.terminate();
  }
}

/** Limit of a response's head. A node's is much shorter. */
const MAX_HEAD_BYTES = 16 * 1024;
const NO_HTTP = "the answer is not HTTP; check that the port is the node's -rpcport";

/** Reads an HTTP/1.1 response (RFC 9112) chunk by chunk: a body of known length, or up to the end of the connection. */
class ResponseReader {
  #head = Buffer.alloc(0);
  #status = 0;
  #body: Uint8Array | undefined;
  #filled = 0;
  #isUntilEnd = false;

  /** Whether the end of the connection is the end of the response. */
  get isUntilEnd(): boolean {
    return this.#isUntilEnd;
  }

  /** Returns whether the response is complete. @throws TooLarge, and Error when it is not HTTP. */
  read(chunk: Uint8Array): boolean {
    if (this.#body === undefined) {
      this.#head = Buffer.concat([this.#head, chunk]);
      const end = this.#head.indexOf("\r\n\r\n");
      if (end < 0) {
        if (this.#head.length > MAX_HEAD_BYTES || !"HTTP/1.".startsWith(this.#head.toString("latin1", 0, 7)))
          throw new Error(NO_HTTP);
        return false;
      }
      this.#readHead(this.#head.toString("latin1", 0, end));
      return this.#keep(this.#head.subarray(end + 4));
    }
    return this.#keep(chunk);
  }

  response(): Response {
    return { status: this.#status, body: this.#body!.subarray(0, this.#filled) };
  }

  #readHead(head: string): void {
    const [statusLine = "", ...lines] = head.split("\r\n");
    const status = /^HTTP\/1\.[01] (\d{3})( |$)/.exec(statusLine)?.[1];
    if (status === undefined) throw new Error(NO_HTTP);
    this.#status = Number(status);
    const field = (name: string) =>
      lines
        .find((line) => line.toLowerCase().startsWith(`${name}:`))
        ?.slice(name.length + 1)
        .trim();
    if (field("transfer-encoding") !== undefined)
      throw new Error("the answer is chunked, which bitcoind never sends; check that the port is the node's -rpcport");
    const length = field("content-length");
    if (length !== undefined && !/^\d{1,15}$/.test(length)) throw new Error(NO_HTTP);
    this.#isUntilEnd = length === undefined;
    if (Number(length) > MAX_ANSWER_BYTES) throw new TooLarge(Number(length));
    // Not filled with zeros, which takes long for some MB.
    this.#body = Buffer.allocUnsafeSlow(Number(length ?? 0));
  }

  #keep(bytes: Uint8Array): boolean {
    const body = this.#body!;
    const neededBytes = this.#filled + bytes.length;
    if (this.#isUntilEnd && neededBytes > MAX_ANSWER_BYTES) throw new TooLarge(neededBytes);
    if (this.#isUntilEnd && neededBytes > body.length) {
      this.#body = new Uint8Array(Math.max(neededBytes, 2 * body.length));
      this.#body.set(body.subarray(0, this.#filled));
    }
    const room = this.#body!.length - this.#filled;
    this.#body!.set(bytes.subarray(0, room), this.#filled);
    this.#filled += Math.min(room, bytes.length);
    return !this.#isUntilEnd && this.#filled === this.#body!.length;
  }
}
