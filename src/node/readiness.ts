// Whether a node has finished starting. Its socket opens before its chain is loaded, and a call on Chain, Node or Mining
// that needs the chain then ends the whole node: `Assertion 'm_node.chainman' failed`, seen on a pr/trace node that was
// polled 6 ms after its socket had opened. JSON-RPC methods are guarded by the node's own warm-up check, so one of those
// is asked first.

import { callRpc, type JsonRpc, JsonRpcError } from "./json-rpc.ts";

/** What the node says it is doing while it starts, such as "Loading block index…"; undefined when it has started. */
export async function warmupStatus(rpc: JsonRpc): Promise<string | undefined> {
  try {
    // Cheap and without parameters; what it answers does not matter.
    await callRpc(rpc, "uptime");
    return undefined;
  } catch (error) {
    if (!(error instanceof JsonRpcError)) throw error;
    return error.isWarmup ? error.reason : undefined;
  }
}
