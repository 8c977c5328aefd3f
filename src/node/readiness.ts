// Whether a node has finished starting. Its socket opens before its chain is loaded, and a call on Chain, Node or Mining
// that needs the chain then ends the whole node: `Assertion 'm_node.chainman' failed`, seen on a pr/trace node that was
// polled 6 ms after its socket had opened. JSON-RPC methods are guarded by the node's own warm-up check, so one of those
// is asked first.

import { failureOf, type JsonRpc, JsonRpcError, RefusedError } from "./json-rpc.ts";

/** Cheap and without parameters; what they answer does not matter. The next is for a node whose whitelist refuses the first. */
const METHODS = ["uptime", "getnetworkinfo", "getmempoolinfo", "getblockchaininfo"] as const;

/**
 * What the node says it is doing while it starts, such as "Loading block index…"; undefined when it has started, or where its
 * whitelist refuses all of those methods. Rejects when it does not answer.
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
