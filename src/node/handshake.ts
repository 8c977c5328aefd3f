// From a fresh connection to the capabilities that the exporter works with, in the pr/trace layout of Init. What is asked
// of them later is not known here.

import { type ImportedCapability, importOf } from "../rpc/capability.ts";
import type { Connection } from "../rpc/connection.ts";
import { Init$Client } from "../schema/init.ts";
import { ServerThreads } from "./server-threads.ts";

/** Methods of Init that are called, by their ordinals in this layout. */
const INIT = {
  construct: Init$Client.methods[0],
  makeChain: Init$Client.methods[4],
  makeNode: Init$Client.methods[5],
  makeTracing: Init$Client.methods[7],
} as const;

/** What a node hands out. All of it is the session's to close. */
export interface NodeCapabilities {
  readonly init: ImportedCapability;
  readonly threads: ServerThreads;
  readonly chain: ImportedCapability;
  readonly node: ImportedCapability;
  readonly tracing: ImportedCapability;
}

/** The node names our threads after this in its debug log. */
const THREAD_NAME = "bitcoind-ipc-exporter";

/**
 * Asks the node for its interfaces, one call after the other. Rejects with the error of the first that fails; what was
 * received by then ends with the connection, which the caller closes.
 */
export async function handshake(connection: Connection): Promise<NodeCapabilities> {
  const init = await connection.bootstrap();
  // Our side of the thread map stays null: the node needs it only to run callbacks on threads of ours.
  const { threadMap } = await init.ask(INIT.construct).results;
  const threads = new ServerThreads(importOf(threadMap.client), THREAD_NAME);
  await threads.start();
  const chain = importOf((await threads.call(init, INIT.makeChain)).result.client);
  const node = importOf((await threads.call(init, INIT.makeNode)).result.client);
  const tracing = importOf((await threads.call(init, INIT.makeTracing)).result.client);
  return { init, threads, chain, node, tracing };
}
