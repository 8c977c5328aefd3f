// From a fresh connection to the capabilities that the exporter works with, whatever the node's layout of Init. What is
// asked of them later is not known here.

import { type ImportedCapability, importOf } from "../rpc/capability.ts";
import type { Connection } from "../rpc/connection.ts";
import { RpcError } from "../rpc/errors.ts";
import type { ThreadMap$Client } from "../schema/mp/proxy.ts";
import { CALLS } from "./calls.ts";
import { confirmLayout, detectLayout, LAYOUTS, type LayoutName, makeInterface, type Ordinals } from "./layouts.ts";
import { ServerThreads } from "./server-threads.ts";

/** What a node hands out, as far as it does. All of it is the session's to close. */
export interface NodeCapabilities {
  readonly layout: LayoutName;
  readonly init: ImportedCapability;
  readonly threads: ServerThreads;
  readonly chain: ImportedCapability | undefined;
  readonly node: ImportedCapability | undefined;
  readonly tracing: ImportedCapability | undefined;
  readonly rpc: ImportedCapability | undefined;
  /** Makes the Mining interface. Apart from the others, as a node may not hand it out before its chain is loaded. */
  makeMining(): Promise<ImportedCapability>;
}

/** The node names our threads after this in its debug log. */
const THREAD_NAME = "bitcoind-ipc-exporter";

/**
 * Asks the node for its interfaces, one call after the other; of the layout that it is found to have unless `layout` says
 * which. Rejects with the error of the first call that fails; what was received by then ends with the connection, which
 * the caller closes.
 */
export async function handshake(connection: Connection, layout?: LayoutName): Promise<NodeCapabilities> {
  const init = await connection.bootstrap();
  // Our side of the thread map stays null: the node needs it only to run callbacks on threads of ours.
  const read = (results: { threadMap: ThreadMap$Client }) => importOf(results.threadMap.client);
  const threadMap = await init.ask(CALLS.init.construct, undefined, { read }).results;
  const threads = new ServerThreads(threadMap, THREAD_NAME);
  await threads.start();

  const detected = await (layout === undefined ? detectLayout(init, threads) : confirmLayout(init, threads, layout));
  const ordinals: Ordinals = LAYOUTS[detected.layout];
  const make = async (name: keyof Ordinals): Promise<ImportedCapability | undefined> => {
    const ordinal = ordinals[name];
    if (ordinal === undefined) return undefined;
    return detected.made.get(ordinal) ?? makeInterface(init, threads, ordinal);
  };
  return {
    layout: detected.layout,
    init,
    threads,
    chain: await make("chain"),
    node: await make("node"),
    tracing: await make("tracing").catch(undefinedWhenMissing),
    rpc: await make("rpc"),
    makeMining: async () => (await make("mining"))!,
  };
}

/** Of a node that has all else the trace may be missing; the rest is of use without it. */
function undefinedWhenMissing(error: unknown): undefined {
  if (error instanceof RpcError && error.kind === "unimplemented") return undefined;
  throw error;
}
