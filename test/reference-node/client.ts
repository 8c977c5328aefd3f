// A client of a reference node after the handshake, for tests of the calls that follow.

import { CallTimeouts } from "../../src/node/call-timeouts.ts";
import { completeHandshake, handshake, type NodeCapabilities } from "../../src/node/handshake.ts";
import { batchRpc } from "../../src/node/json-rpc.ts";
import type { LayoutName } from "../../src/node/layouts.ts";
import { connectUnix } from "../../src/node/socket.ts";
import type { Connection } from "../../src/rpc/connection.ts";
import type { ReferenceNode } from "./reference-node.ts";

/** Long: only a failing test waits for the end of it, and the machine may be busy. */
const DEADLINE_MS = 20_000;

export interface ClientOptions {
  /** Detected by default. */
  readonly layout?: LayoutName;
  /** Of calls that name none. */
  readonly deadlineMs?: number;
}

export interface ReferenceClient extends NodeCapabilities, Disposable {
  readonly connection: Connection;
}

/** Connects and shakes hands. Rejects as the handshake does, with the connection closed. */
export async function session(node: ReferenceNode, options: ClientOptions = {}): Promise<ReferenceClient> {
  const { layout, deadlineMs = DEADLINE_MS } = options;
  const connection = await connectUnix(node.socketPath, { deadlineMs, onEnd: () => {} });
  try {
    const found = await handshake(connection, layout);
    const capabilities = found.mayHaveChain
      ? await completeHandshake(found, batchRpc(found.threads, found.rpc!, new CallTimeouts(deadlineMs)))
      : found;
    return { ...capabilities, connection, [Symbol.dispose]: () => connection.close() };
  } catch (error) {
    connection.close();
    throw error;
  }
}
