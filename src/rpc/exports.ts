// The objects that we host for the peer. We pick the ids. An entry lives from the first descriptor that names it until the
// peer has released every reference.

import type { Server } from "capnp-es";
import type { HotReader } from "./hot-reader.ts";
import { IdTable } from "./id-table.ts";

interface Export {
  readonly id: number;
  readonly server: Server;
  /** Reads this object's calls without the server; see hot-path.ts. */
  readonly hotReader: HotReader | undefined;
  /** Descriptors sent and not yet released. */
  references: number;
}

export class ExportTable {
  readonly #exports = new IdTable<Export>();
  readonly #ids = new Map<Server, number>();
  /** By object, also before its export. Weak, because the call that exports it may never be sent. */
  readonly #hotReaders = new WeakMap<Server, HotReader>();
  /** Called once when the table becomes empty, then cleared. */
  readonly #onEmpty: (() => void)[] = [];

  get size(): number {
    return this.#exports.size;
  }

  /** Lets `reader` answer the calls on `server` that it can read. Call it before `server` is first sent. */
  setHotReader(server: Server, reader: HotReader): void {
    this.#hotReaders.set(server, reader);
  }

  /** The id for one more descriptor that names `server`. */
  send(server: Server): number {
    const known = this.#ids.get(server);
    const entry =
      known === undefined
        ? this.#exports.add((id) => ({ id, server, hotReader: this.#hotReaders.get(server), references: 0 }))
        : this.#exports.get(known)!;
    this.#ids.set(server, entry.id);
    entry.references++;
    return entry.id;
  }

  server(id: number): Server | undefined {
    return this.#exports.get(id)?.server;
  }

  hotReader(id: number): HotReader | undefined {
    return this.#exports.get(id)?.hotReader;
  }

  /** Removes `references` of an export. Returns false if the peer does not hold that many. */
  release(id: number, references: number): boolean {
    const entry = this.#exports.get(id);
    if (entry === undefined || references > entry.references) return false;
    entry.references -= references;
    if (entry.references === 0) {
      this.#exports.remove(id);
      this.#ids.delete(entry.server);
      if (this.size === 0) this.#becameEmpty();
    }
    return true;
  }

  /** Resolves when the peer has released every object of ours, or the connection has ended. */
  released(): Promise<void> {
    return new Promise((resolve) => {
      if (this.size === 0) resolve();
      else this.#onEmpty.push(resolve);
    });
  }

  clear(): void {
    this.#exports.clear();
    this.#ids.clear();
    this.#becameEmpty();
  }

  #becameEmpty(): void {
    for (const resolve of this.#onEmpty.splice(0)) resolve();
  }
}
