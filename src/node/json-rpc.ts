// The node's JSON-RPC methods over IPC: no port, no password. Nodes from v32 on accept a batch in one call (Rpc); the multiprocess
// branches accept one method a call (Node). http-rpc.ts calls the same methods over HTTP.

import { type Struct, Text, utils } from "capnp-es";
import type { ImportedCapability } from "../rpc/capability.ts";
import { DeadlineError, ResultsTooLargeError, RpcError } from "../rpc/errors.ts";
import type { Node_ExecuteRpc$Params } from "../schema/node.ts";
import type { Rpc_ExecuteRpc$Params } from "../schema/rpc.ts";
import type { CallTimeouts } from "./call-timeouts.ts";
import { CALLS, isAllowedRpc, type RpcMethod, whitelistFor } from "./calls.ts";
import { type Items, isObject, type JsonValue, type ReadOptions, readJson } from "./json.ts";
import type { Threads } from "./server-threads.ts";

/** A larger answer is an error. The longest ones, all bans or the fee rates of a full mempool, have some MB. */
export const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/** An error that a method answered, by its JSON-RPC code. */
export class JsonRpcError extends Error {
  override readonly name = "JsonRpcError";
  readonly code: number;
  /** The node's message, without the method. */
  readonly reason: string;

  constructor(code: number, reason: string, method?: string) {
    super(method === undefined ? reason : `${method}: ${reason}`);
    this.code = code;
    this.reason = reason;
  }
}

/** The node's RPC whitelist does not allow the method to the exporter's user, which over IPC is the empty name. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  /** How to allow every method that the exporter calls. */
  readonly remedy: string;

  constructor(what: string, user: string) {
    super(what);
    this.remedy = `to allow every method, write one line for this user in bitcoin.conf: ${whitelistFor(user)}`;
  }
}

/** An answer beyond MAX_ANSWER_BYTES. */
export class AnswerTooLargeError extends RpcError {
  constructor(what: string, sizeBytes: number) {
    const mib = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
    super("failed", `${what} answered ${mib(sizeBytes)}, more than the limit of ${mib(MAX_ANSWER_BYTES)}`);
  }
}

/**
 * What a failed call means for the next one:
 * - `missing`: the node has no such method, nor will this connection's node have it;
 * - `refused`: its RPC whitelist does not allow the method;
 * - `disabled`: one of its options switched off what the method reads;
 * - `no-data`: it does not have the block that the parameters name, or not any more; the method is fine;
 * - `starting`: it answers no method yet;
 * - `passing`: anything else; the next call may succeed.
 */
export type Failure = "missing" | "refused" | "disabled" | "no-data" | "starting" | "passing";

/** By the codes of Bitcoin Core's rpc/protocol.h. */
const FAILURES: Readonly<Record<number, Failure>> = {
  [-28]: "starting", // RPC_IN_WARMUP
  [-31]: "disabled", // RPC_CLIENT_P2P_DISABLED
  [-33]: "disabled", // RPC_CLIENT_MEMPOOL_DISABLED
  [-32601]: "missing", // RPC_METHOD_NOT_FOUND
};

/**
 * Codes that are used for much else, with the text of rpc/mempool.cpp (-privatebroadcast), rpc/server_util.cpp (-blocksonly)
 * and rpc/blockchain.cpp.
 */
const FAILURE_TEXTS: readonly [code: number, reason: RegExp, failure: Failure][] = [
  [-32601, /^Private broadcast is not enabled\b/, "disabled"], // RPC_METHOD_NOT_FOUND
  [-32603, /^Fee estimation disabled$/, "disabled"], // RPC_INTERNAL_ERROR
  [-1, /^(Block|Undo data) not available\b/, "no-data"], // RPC_MISC_ERROR
];

export function failureOf(error: unknown): Failure {
  if (error instanceof RefusedError) return "refused";
  if (error instanceof RpcError && error.kind === "unimplemented") return "missing";
  if (!(error instanceof JsonRpcError)) return "passing";
  const { code, reason } = error;
  const byText = FAILURE_TEXTS.find(([ofCode, text]) => ofCode === code && text.test(reason));
  return byText?.[2] ?? FAILURES[code] ?? "passing";
}

/** Whether `error` says that the method will not answer on this connection. */
export function isPermanent(error: unknown): boolean {
  return ["missing", "refused", "disabled"].includes(failureOf(error));
}

export interface RpcRequest {
  readonly method: RpcMethod;
  readonly params?:
    | readonly (string | number | boolean | readonly string[] | Readonly<Record<string, string>>)[]
    | undefined;
  /**
   * Reads the list that the method answers item by item, and makes the result their number. Such a request is sent on its
   * own, so that its long answer delays no other.
   */
  readonly items?: Items | undefined;
}

/** The outcome of one request of several. With a DeadlineError, the outcome that may still arrive is `late`. */
export type RpcOutcome =
  | { readonly result: JsonValue }
  | { readonly error: Error; readonly late?: Promise<RpcOutcome> | undefined };

export interface JsonRpc {
  /**
   * Calls methods, and resolves to an outcome for each, in order. When a batch fails as a whole, each of its methods is sent on
   * its own the next time. Rejects only when a method is not in the table of calls.ts.
   */
  callAll(requests: readonly RpcRequest[]): Promise<readonly RpcOutcome[]>;
}

/** Calls one method. Rejects with JsonRpcError when it answers an error. */
export async function callRpc(rpc: JsonRpc, method: RpcMethod, params: RpcRequest["params"] = []): Promise<JsonValue> {
  const [outcome] = await rpc.callAll([{ method, params }]);
  if ("error" in outcome!) throw outcome.error;
  return outcome!.result;
}

/** Sends JSON-RPC text that calls `methods`, and resolves to the text of the reply. Rejects as ServerThreads.call does. */
export type Exchange = (request: string, methods: readonly RpcMethod[]) => Promise<Uint8Array>;

/**
 * JSON-RPC in batches. A method without an answer so far is sent on its own, so that a method that hangs fails alone. So does one
 * that the node's whitelist does not allow: the whitelist refuses a whole batch for one such method.
 */
export function rpcOver(exchange: Exchange, timeouts: CallTimeouts): JsonRpc {
  const answered = new Set<RpcMethod>();
  const refusals = new Map<RpcMethod, RefusedError>();

  return {
    async callAll(requests) {
      for (const { method } of requests) check(method);
      const outcomes: RpcOutcome[] = [];
      const together: { request: RpcRequest; index: number }[] = [];
      for (const [index, request] of requests.entries()) {
        const refusal = refusals.get(request.method);
        if (refusal !== undefined) outcomes[index] = { error: refusal };
        else if (answered.has(request.method) && request.items === undefined) together.push({ request, index });
        else outcomes[index] = await inTime(timeouts, request.method, callAlone(request));
      }
      const replies = together.length === 0 ? [] : await callTogether(together.map(({ request }) => request));
      for (const [position, { index }] of together.entries()) outcomes[index] = replies[position]!;
      return outcomes;
    },
  };

  async function callAlone({ method, params = [], items }: RpcRequest): Promise<RpcOutcome> {
    try {
      const bytes = await exchange(requestOf(method, params, 0), [method]);
      const reply = await read(method, bytes, { items, listKey: "result" });
      // Bitcoin Core answers null for a forbidden method, and for no other call of the exporter (httprpc.cpp).
      if (reply === null) throw new RefusedError(`${method}: refused by the node's RPC whitelist`, "");
      answered.add(method);
      return outcomeOf(method, reply);
    } catch (error) {
      if (error instanceof RefusedError) refusals.set(method, error);
      throw error;
    }
  }

  async function callTogether(requests: readonly RpcRequest[]): Promise<readonly RpcOutcome[]> {
    const methods = requests.map(({ method }) => method);
    const replies = replyToBatch(requests, methods);
    try {
      return await timeouts.wait(`a batch of ${methods}`, replies);
    } catch (error) {
      for (const method of methods) answered.delete(method);
      const isLate = error instanceof DeadlineError;
      return requests.map((_, index) => ({
        error: error as Error,
        late: isLate ? replies.then((outcomes) => outcomes[index]!, failed) : undefined,
      }));
    }
  }

  async function replyToBatch(
    requests: readonly RpcRequest[],
    methods: readonly RpcMethod[],
  ): Promise<readonly RpcOutcome[]> {
    const texts = requests.map(({ method, params = [] }, id) => requestOf(method, params, id));
    const replies = repliesOf(await read("a batch", await exchange(`[${texts}]`, methods)));
    return requests.map(({ method }, id) => outcomeOf(method, replies.get(id)));
  }
}

/** The outcome of a call, or a DeadlineError with the outcome that may still arrive. Never rejects. */
async function inTime(timeouts: CallTimeouts, method: string, call: Promise<RpcOutcome>): Promise<RpcOutcome> {
  const outcome = call.catch(failed);
  try {
    return await timeouts.wait(method, outcome);
  } catch (error) {
    return { error: error as Error, late: outcome };
  }
}

function failed(error: Error): RpcOutcome {
  return { error };
}

function requestOf(method: RpcMethod, params: RpcRequest["params"], id: number): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method, params });
}

/** JSON-RPC through Rpc.executeRpc. */
export function batchRpc(threads: Threads, rpc: ImportedCapability, timeouts: CallTimeouts): JsonRpc {
  const exchange: Exchange = async (request, rpcMethods) => {
    const fill = (fields: Rpc_ExecuteRpc$Params) => {
      fields.request = request;
      fields.uri = "/";
    };
    const results = threads.call(rpc, CALLS.rpc.executeRpc, fill, { rpcMethods });
    return textBytes(0, await withSubject(rpcMethods.join(), results));
  };
  return rpcOver(exchange, timeouts);
}

/** JSON-RPC through Node.executeRpc: one request after the other. */
export function singleRpc(threads: Threads, node: ImportedCapability, timeouts: CallTimeouts): JsonRpc {
  return {
    async callAll(requests) {
      for (const { method } of requests) check(method);
      const outcomes: RpcOutcome[] = [];
      for (const request of requests) {
        outcomes.push(await inTime(timeouts, request.method, callOne(request)));
      }
      return outcomes;
    },
  };

  async function callOne({ method, params = [], items }: RpcRequest): Promise<RpcOutcome> {
    const fill = (fields: Node_ExecuteRpc$Params) => {
      fields.command = method;
      fields.params = JSON.stringify(params);
      fields.uri = "/";
    };
    const call = threads.call(node, CALLS.node.executeRpc, fill, { rpcMethods: [method] });
    const results = await withSubject(method, call);
    // Of the three texts, the one that applies is not empty.
    const rpcError = textBytes(1, results);
    if (rpcError.length > 0) return { error: errorOf(method, await read(method, rpcError)) };
    const { error } = results;
    if (error !== "") return { error: new RpcError("failed", `${method}: ${error}`) };
    return { result: await read(method, textBytes(2, results), { items }) };
  }
}

/** Reports an answer that the connection dropped for its size as an AnswerTooLargeError with the called methods. */
async function withSubject<T>(subject: string, results: Promise<T>): Promise<T> {
  try {
    return await results;
  } catch (error) {
    throw error instanceof ResultsTooLargeError ? new AnswerTooLargeError(subject, error.sizeBytes) : error;
  }
}

function check(method: RpcMethod): void {
  if (!isAllowedRpc(method)) throw new RpcError("failed", `${method} is not a method that the exporter may call`);
}

/** The UTF-8 of the Text that pointer `index` of `results` points to; valid as long as `results`. */
function textBytes(index: number, results: Struct): Uint8Array {
  const text = Text.fromPointer(utils.getPointer(index, results));
  if (utils.isNull(text)) return new Uint8Array(0);
  const { segment, byteOffset } = utils.getContent(text);
  return new Uint8Array(segment.buffer, byteOffset, text.length);
}

/** How much an error shows of an answer that is not JSON. */
const SHOWN_BYTES = 100;

/** Reads the answer of `what`. Rejects with an RpcError when it is too large or not JSON. */
async function read(what: string, bytes: Uint8Array, options: ReadOptions = {}): Promise<JsonValue> {
  if (bytes.length > MAX_ANSWER_BYTES) throw new AnswerTooLargeError(what, bytes.length);
  try {
    return await readJson(bytes, options);
  } catch (error) {
    if (error instanceof RangeError) throw new RpcError("failed", `${what} answered ${error.message}`);
    if (!(error instanceof SyntaxError)) throw error;
    const text = new TextDecoder().decode(bytes.subarray(0, SHOWN_BYTES));
    throw new RpcError("failed", `${what} answered invalid JSON: ${text}`);
  }
}

/** The replies of a batch by id. */
function repliesOf(value: JsonValue): Map<number, JsonValue> {
  if (!Array.isArray(value)) throw new RpcError("failed", `the answer to a batch is not an array: ${shown(value)}`);
  const replies = new Map<number, JsonValue>();
  for (const reply of value as readonly JsonValue[]) {
    if (isObject(reply) && typeof reply["id"] === "number") replies.set(reply["id"], reply);
  }
  return replies;
}

function outcomeOf(method: string, reply: JsonValue | undefined): RpcOutcome {
  if (!isObject(reply)) return { error: new RpcError("failed", `${method} was not answered`) };
  const error = reply["error"] ?? null;
  return error === null ? { result: reply["result"] ?? null } : { error: errorOf(method, error) };
}

function errorOf(method: string, error: JsonValue): Error {
  if (!isObject(error)) return new RpcError("failed", `${method} answered an error that is not a JSON object`);
  const code = typeof error["code"] === "number" ? error["code"] : 0;
  return new JsonRpcError(code, String(error["message"]), method);
}

function shown(value: JsonValue): string {
  return JSON.stringify(value).slice(0, SHOWN_BYTES);
}
