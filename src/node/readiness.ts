// Whether a node has finished starting. Its socket opens before its chain is loaded, and a call on Chain or Node that needs
// the chain then ends the whole node: `Assertion 'm_node.chainman' failed`, seen on a pr/trace node that was polled 6 ms
// after its socket had opened. JSON-RPC methods are guarded by the node's own warm-up check, so one of those is asked first.

import { RpcError } from "../rpc/errors.ts";
import { Node$Client } from "../schema/node.ts";
import type { NodeCapabilities } from "./handshake.ts";

const executeRpc = Node$Client.methods[42];

/** RPC_IN_WARMUP of Bitcoin Core. */
const IN_WARMUP = -28;

/** Cheap and without parameters; what it answers does not matter. */
const PROBE = { command: "uptime", params: "[]", uri: "/" };

/** What the node says it is doing while it starts, such as "Loading block index…"; undefined when it has started. */
export async function warmupStatus({ threads, node }: NodeCapabilities): Promise<string | undefined> {
  const { rpcError } = await threads.call(node, executeRpc, (params) => Object.assign(params, PROBE));
  if (rpcError === "") return undefined;
  const { code, message } = parseRpcError(rpcError);
  return code === IN_WARMUP ? String(message) : undefined;
}

function parseRpcError(text: string): { code?: unknown; message?: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value;
  } catch {}
  throw new RpcError("failed", `Node.executeRpc answered an error that is no JSON object: ${text.slice(0, 100)}`);
}
