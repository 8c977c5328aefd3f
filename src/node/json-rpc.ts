// The node's JSON-RPC methods, asked over IPC: no port, no password. Stock nodes after v31 take a whole batch in one call
// (Rpc); the multiprocess branches take one method a call (Node).

import type { ImportedCapability } from "../rpc/capability.ts";
import { RpcError } from "../rpc/errors.ts";
import type { Node_ExecuteRpc$Params } from "../schema/node.ts";
import type { Rpc_ExecuteRpc$Params } from "../schema/rpc.ts";
import { CALLS, isAllowedRpc, type RpcMethod } from "./calls.ts";
import { Decimal, isObject, type JsonValue, parseJson } from "./json.ts";
import type { ServerThreads } from "./server-threads.ts";

/** RPC_IN_WARMUP and RPC_METHOD_NOT_FOUND of Bitcoin Core. */
const IN_WARMUP = -28;
const METHOD_NOT_FOUND = -32601;

/** An error that a method answered, by its JSON-RPC code. */
export class JsonRpcError extends Error {
  override readonly name = "JsonRpcError";
  readonly code: number;
  /** What the node says, without the method. */
  readonly reason: string;

  constructor(code: number, reason: string, method?: string) {
    super(method === undefined ? reason : `${method}: ${reason}`);
    this.code = code;
    this.reason = reason;
  }

  /** The node has no such method, and will not have it before it is another node. */
  get isMethodNotFound(): boolean {
    return this.code === METHOD_NOT_FOUND;
  }

  /** The node is still starting; the message says what it does. */
  get isWarmup(): boolean {
    return this.code === IN_WARMUP;
  }
}

/** Whether `error` says that this node does not have the method, over IPC or JSON-RPC. */
export function isMissingMethod(error: unknown): boolean {
  return (
    (error instanceof RpcError && error.kind === "unimplemented") ||
    (error instanceof JsonRpcError && error.isMethodNotFound)
  );
}

export interface RpcRequest {
  readonly method: RpcMethod;
  readonly params?: readonly (string | number | boolean | readonly string[])[] | undefined;
}

/** What became of one request of several. */
export type RpcOutcome = { readonly result: JsonValue } | { readonly error: Error };

export interface JsonRpc {
  /**
   * Calls methods, and resolves to an outcome for each, in order: one that fails costs only itself. Rejects as
   * ServerThreads.call does when nothing could be asked at all, and when a method is not in the table of calls.ts.
   */
  callAll(requests: readonly RpcRequest[]): Promise<readonly RpcOutcome[]>;
}

/** Calls one method. Rejects with JsonRpcError when it answers an error. */
export async function callRpc(rpc: JsonRpc, method: RpcMethod, params: RpcRequest["params"] = []): Promise<JsonValue> {
  const [outcome] = await rpc.callAll([{ method, params }]);
  if ("error" in outcome!) throw outcome.error;
  return outcome!.result;
}

/** JSON-RPC through Rpc.executeRpc: all requests in one batch. */
export function batchRpc(threads: ServerThreads, rpc: ImportedCapability): JsonRpc {
  return {
    async callAll(requests) {
      const request = JSON.stringify(
        requests.map(({ method, params = [] }, id) => ({ jsonrpc: "2.0", id, method: checked(method), params })),
      );
      const fill = (fields: Rpc_ExecuteRpc$Params) => {
        fields.request = request;
        fields.uri = "/";
      };
      const subject = requests.map(({ method }) => method).join();
      const { result } = await threads.call(rpc, CALLS.rpc.executeRpc, fill, { subject });
      const replies = parseReply(result);
      return requests.map(({ method }, id) => outcomeOf(method, replies.get(String(id))));
    },
  };
}

/** JSON-RPC through Node.executeRpc: one request after the other. */
export function singleRpc(threads: ServerThreads, node: ImportedCapability): JsonRpc {
  return {
    async callAll(requests) {
      const outcomes: RpcOutcome[] = [];
      for (const { method, params = [] } of requests) {
        const outcome = callOne(checked(method), JSON.stringify(params));
        outcomes.push(await outcome.catch((error: Error) => ({ error })));
      }
      return outcomes;
    },
  };

  async function callOne(command: RpcMethod, params: string): Promise<RpcOutcome> {
    const fill = (fields: Node_ExecuteRpc$Params) => {
      fields.command = command;
      fields.params = params;
      fields.uri = "/";
    };
    const { result, error, rpcError } = await threads.call(node, CALLS.node.executeRpc, fill, { subject: command });
    // Of the three texts, the one that applies is not empty.
    if (rpcError !== "") return { error: errorOf(command, parse(command, rpcError)) };
    if (error !== "") return { error: new RpcError("failed", `${command}: ${error}`) };
    return { result: parse(command, result) };
  }
}

function checked(method: RpcMethod): RpcMethod {
  if (isAllowedRpc(method)) return method;
  throw new RpcError("failed", `${method} is not a method that the exporter may call`);
}

function parse(method: string, text: string): JsonValue {
  try {
    return parseJson(text);
  } catch {
    throw new RpcError("failed", `${method} answered what is no JSON: ${text.slice(0, 100)}`);
  }
}

/** The replies of a batch by id. */
function parseReply(text: string): Map<string, JsonValue> {
  const value = parse("executeRpc", text);
  if (!Array.isArray(value)) throw new RpcError("failed", `a batch was answered with no array: ${text.slice(0, 100)}`);
  const replies = new Map<string, JsonValue>();
  for (const reply of value as readonly JsonValue[]) {
    if (isObject(reply) && reply["id"] instanceof Decimal) replies.set(reply["id"].text, reply);
  }
  return replies;
}

function outcomeOf(method: string, reply: JsonValue | undefined): RpcOutcome {
  if (!isObject(reply)) return { error: new RpcError("failed", `${method} was not answered`) };
  const error = reply["error"] ?? null;
  return error === null ? { result: reply["result"] ?? null } : { error: errorOf(method, error) };
}

function errorOf(method: string, error: JsonValue): Error {
  if (!isObject(error)) return new RpcError("failed", `${method} answered an error that is no JSON object`);
  const code = error["code"] instanceof Decimal ? error["code"].toNumber() : 0;
  return new JsonRpcError(code, String(error["message"]), method);
}
