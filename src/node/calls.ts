// Every call that the exporter can make: the one table of methods. A client of the socket controls the node and its wallets,
// so ServerThreads and JsonRpc refuse every method that is not in this table.

import type { Client, Method, Struct } from "capnp-es";
import { type ImportedCapability, importOf } from "../rpc/capability.ts";
import {
  Chain_GetHeight$Method,
  Chain_HandleNotifications$Method,
  Chain_IsInitialBlockDownload$Method,
  Chain_ShutdownRequested$Method,
} from "../schema/chain.ts";
import { Handler_Disconnect$Method } from "../schema/handler.ts";
import { Init_Construct$Method, Init_MakeTracing$Method } from "../schema/init.ts";
import {
  Mining_GetTip$Method,
  Mining_IsInitialBlockDownload$Method,
  Mining_IsTestChain$Method,
  Mining_WaitTipChanged$Method,
} from "../schema/mining.ts";
import { ThreadMap_MakeThread$Method } from "../schema/mp/proxy.ts";
import {
  Node_ExecuteRpc$Method,
  Node_GetHeaderTip$Method,
  Node_GetMempoolDynamicUsage$Method,
  Node_GetMempoolMaxUsage$Method,
  Node_GetMempoolSize$Method,
  Node_GetNodeCount$Method,
  Node_GetTotalBytesRecv$Method,
  Node_GetTotalBytesSent$Method,
  Node_GetVerificationProgress$Method,
  Node_ShutdownRequested$Method,
} from "../schema/node.ts";
import { Rpc_ExecuteRpc$Method } from "../schema/rpc.ts";
import { Tracing_TraceUtxoCache$Method } from "../schema/tracing.ts";

/**
 * Methods over IPC. All of them only read, except those that subscribe and unsubscribe. The executable has no other method of the
 * node, because the bundler drops what is not imported.
 */
export const CALLS = {
  init: { construct: Init_Construct$Method },
  threadMap: { makeThread: ThreadMap_MakeThread$Method },
  handler: { disconnect: Handler_Disconnect$Method },
  chain: {
    getHeight: Chain_GetHeight$Method,
    isInitialBlockDownload: Chain_IsInitialBlockDownload$Method,
    shutdownRequested: Chain_ShutdownRequested$Method,
    handleNotifications: Chain_HandleNotifications$Method,
  },
  node: {
    shutdownRequested: Node_ShutdownRequested$Method,
    getNodeCount: Node_GetNodeCount$Method,
    getTotalBytesRecv: Node_GetTotalBytesRecv$Method,
    getTotalBytesSent: Node_GetTotalBytesSent$Method,
    getMempoolSize: Node_GetMempoolSize$Method,
    getMempoolDynamicUsage: Node_GetMempoolDynamicUsage$Method,
    getMempoolMaxUsage: Node_GetMempoolMaxUsage$Method,
    getHeaderTip: Node_GetHeaderTip$Method,
    getVerificationProgress: Node_GetVerificationProgress$Method,
    executeRpc: Node_ExecuteRpc$Method,
  },
  tracing: { traceUtxoCache: Tracing_TraceUtxoCache$Method },
  mining: {
    isTestChain: Mining_IsTestChain$Method,
    isInitialBlockDownload: Mining_IsInitialBlockDownload$Method,
    getTip: Mining_GetTip$Method,
    waitTipChanged: Mining_WaitTipChanged$Method,
  },
  rpc: { executeRpc: Rpc_ExecuteRpc$Method },
} as const;

/** JSON-RPC methods, all of which only read. */
export const RPC_METHODS = [
  "estimatesmartfee",
  "getaddrmaninfo",
  "getblockchaininfo",
  "getblockhash",
  "getblockheader",
  "getblockstats",
  "getchaintips",
  "getchaintxstats",
  "getindexinfo",
  "getmempoolfeeratediagram",
  "getmempoolinfo",
  "getnettotals",
  "getnetworkinfo",
  "getpeerinfo",
  "getprivatebroadcastinfo",
  "getrpcinfo",
  "gettxoutsetinfo",
  "listbanned",
  "uptime",
] as const;
export type RpcMethod = (typeof RPC_METHODS)[number];

/**
 * The node's option that allows `user` all of them. It has to be the only one for the user: of several, the node allows what is
 * in each (InitRPCAuthentication in httprpc.cpp).
 */
export function whitelistFor(user: string): string {
  return `rpcwhitelist=${user}:${RPC_METHODS}`;
}

/** Ordinals of Init that make an interface in some layout (layouts.ts). In others one of them is makeWalletLoader. */
const MAKE_ORDINALS = [1, 2, 3, 4, 5, 6, 7] as const;
export type MakeOrdinal = (typeof MAKE_ORDINALS)[number];

type Make = typeof Init_MakeTracing$Method;

/**
 * The method of Init at `ordinal`. In every layout that has it, its parameter is a context and its result a capability. Made from
 * makeTracing, whose interface is small.
 */
export function makeMethod(ordinal: MakeOrdinal): Make {
  return { ...Init_MakeTracing$Method, methodId: ordinal, methodName: `@${ordinal}` };
}

const allowed = new Set<string>(
  [...Object.values(CALLS).flatMap((calls) => Object.values(calls)), ...MAKE_ORDINALS.map(makeMethod)].map(keyOf),
);

function keyOf({ interfaceId, methodId }: Pick<Method<Struct, Struct>, "interfaceId" | "methodId">): string {
  return `${interfaceId}.${methodId}`;
}

/** CallOptions.read for methods that return one capability, which the node's interfaces name `result`. */
export function readCapability({ result }: { readonly result: { readonly client: Client } }): ImportedCapability {
  return importOf(result.client);
}

/**
 * Called when a call has ended. `methods` has one method, or the JSON-RPC methods of a batch. `durationMs` is undefined for a
 * call that waits for an event.
 */
export type OnCall = (methods: readonly string[], durationMs: number | undefined) => void;

/** Whether `method` is in the table. */
export function isAllowed(method: Pick<Method<Struct, Struct>, "interfaceId" | "methodId">): boolean {
  return allowed.has(keyOf(method));
}

/** Whether a JSON-RPC method is in the table. */
export function isAllowedRpc(method: string): method is RpcMethod {
  return (RPC_METHODS as readonly string[]).includes(method);
}
