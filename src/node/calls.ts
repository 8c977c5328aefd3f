// Every call that the exporter can make: the one table of methods. A client of the socket controls the node and its wallets,
// so ServerThreads and JsonRpc refuse every method that is not in this table.

import type { Client, Method, Struct } from "capnp-es";
import { type ImportedCapability, importOf } from "../rpc/capability.ts";
import { Chain$Client } from "../schema/chain.ts";
import { Handler$Client } from "../schema/handler.ts";
import { Init$Client } from "../schema/init.ts";
import { Mining$Client } from "../schema/mining.ts";
import { ThreadMap$Client } from "../schema/mp/proxy.ts";
import { Node$Client } from "../schema/node.ts";
import { Rpc$Client } from "../schema/rpc.ts";
import { Tracing$Client } from "../schema/tracing.ts";

/** Methods over IPC, by the ordinals of the schema. All of them only read, except those that subscribe and unsubscribe. */
export const CALLS = {
  init: { construct: Init$Client.methods[0] },
  threadMap: { makeThread: ThreadMap$Client.methods[0] },
  handler: { disconnect: Handler$Client.methods[1] },
  chain: {
    getHeight: Chain$Client.methods[1],
    isInitialBlockDownload: Chain$Client.methods[33],
    shutdownRequested: Chain$Client.methods[34],
    handleNotifications: Chain$Client.methods[39],
  },
  node: {
    shutdownRequested: Node$Client.methods[10],
    getNodeCount: Node$Client.methods[18],
    getTotalBytesRecv: Node$Client.methods[26],
    getTotalBytesSent: Node$Client.methods[27],
    getMempoolSize: Node$Client.methods[28],
    getMempoolDynamicUsage: Node$Client.methods[29],
    getMempoolMaxUsage: Node$Client.methods[30],
    getHeaderTip: Node$Client.methods[31],
    getVerificationProgress: Node$Client.methods[36],
    executeRpc: Node$Client.methods[42],
  },
  tracing: { traceUtxoCache: Tracing$Client.methods[0] },
  mining: {
    isTestChain: Mining$Client.methods[0],
    isInitialBlockDownload: Mining$Client.methods[1],
    getTip: Mining$Client.methods[2],
    waitTipChanged: Mining$Client.methods[3],
  },
  rpc: { executeRpc: Rpc$Client.methods[0] },
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

type Make = (typeof Init$Client.methods)[4];

/** The method of Init at `ordinal`. In every layout that has it, its parameter is a context and its result a capability. */
export function makeMethod(ordinal: MakeOrdinal): Make {
  return { ...Init$Client.methods[4], methodId: ordinal, methodName: `@${ordinal}` };
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
