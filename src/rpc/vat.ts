// The shared parts of a connection: three of its tables, and the stream. The fourth table, our questions, has one user.

import type { Message } from "capnp-es";
import type { Answer } from "./answer.ts";
import type { ExportTable } from "./exports.ts";
import type { ImportTable } from "./imports.ts";

export interface Vat {
  /** The peer's calls on the slow path, by its ids, until both our Return and its Finish are done. */
  readonly answers: Map<number, Answer>;
  readonly imports: ImportTable;
  readonly exports: ExportTable;
  /** Why the connection ended; undefined while it is open. */
  readonly ended: Error | undefined;
  /** Sends a message, or drops it if the connection has ended. */
  send(message: Message): void;
}
