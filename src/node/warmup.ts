// Whether a node has finished starting, by JSON-RPC. The socket opens before the chain is loaded, and a call on Chain, Node or
// Mining that needs the chain then crashes the node: `Assertion 'm_node.chainman' failed`, seen on a pr/trace node that was
// polled 6 ms after its socket had opened. JSON-RPC methods are safe, because the node refuses them until it has started. So one
// of them is called first.

import { failureOf, type JsonRpc, JsonRpcError, RefusedError } from "./json-rpc.ts";

/** Cheap methods without parameters, whose results are not used. Each is called if the whitelist refuses the one before. */
const METHODS = ["uptime", "getnetworkinfo", "getmempoolinfo", "getblockchaininfo"] as const;

/**
 * What the node reports while it starts, such as "Loading block index…"; undefined once it has started, or if its whitelist
 * refuses all of these methods. Rejects if the node does not answer.
 */
export async function warmupStatus(rpc: JsonRpc): Promise<string | undefined> {
  for (const method of METHODS) {
    const [outcome] = await rpc.callAll([{ method }]);
    if ("result" in outcome!) return undefined;
    const { error } = outcome!;
    if (error instanceof JsonRpcError) return failureOf(error) === "starting" ? error.reason : undefined;
    if (!(error instanceof RefusedError)) throw error;
  }
  return undefined;
}
