// From a new connection to the interfaces that the exporter uses, in any layout of Init. The calls on them are made elsewhere.

import { type ImportedCapability, importOf } from "../rpc/capability.ts";
import type { Connection } from "../rpc/connection.ts";
import { RpcError } from "../rpc/errors.ts";
import type { ThreadMap$Client } from "../schema/mp/proxy.ts";
import { CALLS, type MakeOrdinal, type OnCall } from "./calls.ts";
import type { JsonRpc } from "./json-rpc.ts";
import {
  confirmLayout,
  detectLayout,
  LAYOUTS,
  type LayoutName,
  makeChainAfterRpc,
  makeInterface,
  type Ordinals,
} from "./layouts.ts";
import { ServerThreads } from "./server-threads.ts";

/** The interfaces of a node. NodeClient closes them. */
export interface NodeCapabilities {
  readonly layout: LayoutName;
  /** Whether the node may also have Chain and Node: `completeHandshake` checks that. */
  readonly mayHaveChain: boolean;
  readonly init: ImportedCapability;
  readonly threads: ServerThreads;
  readonly chain: ImportedCapability | undefined;
  readonly node: ImportedCapability | undefined;
  readonly tracing: ImportedCapability | undefined;
  readonly rpc: ImportedCapability | undefined;
  /** Makes Mining. Nodes from v31 on answer once their chain is loaded. */
  makeMining(): Promise<ImportedCapability>;
}

/** The node names our threads after this in its debug log. */
const THREAD_NAME = "bitcoind-ipc-exporter";

/**
 * Requests the node's interfaces, one call after the other, in `layout` or in the detected one. Rejects with the error of the
 * first call that fails. The caller then closes the connection, which releases the interfaces received by then.
 */
export async function handshake(
  connection: Connection,
  layout?: LayoutName,
  onCall?: OnCall,
): Promise<NodeCapabilities> {
  const init = await connection.bootstrap();
  // Our side of the thread map stays null: the node needs it only to run callbacks on threads of ours.
  const read = (results: { threadMap: ThreadMap$Client }) => importOf(results.threadMap.client);
  const threadMap = await init.ask(CALLS.init.construct, undefined, { read }).results;
  const threads = new ServerThreads(threadMap, THREAD_NAME, onCall);
  await threads.start();

  const detected = await (layout === undefined ? detectLayout(init, threads) : confirmLayout(init, threads, layout));
  const ordinals: Ordinals = LAYOUTS[detected.layout];
  const make = async (name: "chain" | "node" | "tracing" | "rpc"): Promise<ImportedCapability | undefined> => {
    const ordinal = ordinals[name];
    if (ordinal === undefined) return undefined;
    return detected.made.get(ordinal) ?? makeInterface(init, threads, ordinal);
  };
  return {
    layout: detected.layout,
    mayHaveChain: detected.mayHaveChain,
    init,
    threads,
    chain: await make("chain"),
    node: await make("node"),
    tracing: await make("tracing").catch(undefinedWhenMissing),
    rpc: await make("rpc"),
    makeMining: detected.makeMining,
  };
}

/**
 * Checks whether a node with Rpc also has Chain and Node: to be called once it has started. Resolves to all interfaces, the new
 * ones included. Rejects when the connection ends, and as ServerThreads.call does when a node with Chain has no Node.
 */
export async function completeHandshake(capabilities: NodeCapabilities, jsonRpc: JsonRpc): Promise<NodeCapabilities> {
  const { init, threads } = capabilities;
  const chain = await makeChainAfterRpc(init, threads, jsonRpc);
  const known = { ...capabilities, mayHaveChain: false };
  if (chain === undefined) return known;
  const make = (ordinal: MakeOrdinal) => makeInterface(init, threads, ordinal);
  const layout = "pr-29409";
  const { node, mining } = LAYOUTS[layout];
  return { ...known, layout, chain, node: await make(node), makeMining: () => make(mining) };
}

/** A node may support everything except the trace. */
function undefinedWhenMissing(error: unknown): undefined {
  if (error instanceof RpcError && error.kind === "unimplemented") return undefined;
  throw error;
}
