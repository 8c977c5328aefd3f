// What the two halves of a connection, asking and answering, share: the tables of capabilities and the way out.

import type { Client, Message } from "capnp-es";
import type { Payload } from "capnp-es/capnp/rpc";
import type { ImportedCapability } from "./capability.ts";
import type { ExportTable } from "./exports.ts";
import type { ImportTable } from "./imports.ts";

export interface Vat {
  readonly imports: ImportTable;
  readonly exports: ExportTable;
  /** Why the connection ended, once it has. */
  readonly ended: Error | undefined;
  /** Sends a message, or drops it when the connection has ended. */
  send(message: Message): void;
  /** Whether the peer hosts `capability` on this connection. */
  owns(capability: ImportedCapability): boolean;
  /** The results of the peer's call `answerId`, or undefined when there is no such call. */
  resultsOf(answerId: number): Promise<Payload> | undefined;
  /** Reads the capability table of a received payload and makes it known to generated getters. */
  receiveCapabilities(payload: Payload): readonly (Client | null)[];
}
