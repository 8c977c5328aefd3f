// The capabilities that the peer hosts for us. The peer picks the ids. An entry lives from the first descriptor that names
// it until the last handle on it is closed; one Release then returns every reference that was received.

import { type Ask, ImportedCapability } from "./capability.ts";
import type { RpcError } from "./errors.ts";

interface Import {
  /** Descriptors received and not yet released: the count that Release needs. */
  references: number;
  readonly handles: Set<ImportedCapability>;
}

export class ImportTable {
  readonly #ask: Ask;
  readonly #sendRelease: (importId: number, references: number) => void;
  readonly #imports = new Map<number, Import>();
  /** Removes a handle that was closed; the last one sends Release. */
  readonly #close = (handle: ImportedCapability): void => this.#remove(handle, 0);

  constructor(ask: Ask, sendRelease: (importId: number, references: number) => void) {
    this.#ask = ask;
    this.#sendRelease = sendRelease;
  }

  get size(): number {
    return this.#imports.size;
  }

  has(importId: number): boolean {
    return this.#imports.has(importId);
  }

  /** Whether `handle` is open and of this connection. */
  holds(handle: ImportedCapability): boolean {
    return this.#imports.get(handle.importId)?.handles.has(handle) === true;
  }

  /** A new handle, for one descriptor that names `importId`. */
  receive(importId: number): ImportedCapability {
    const entry: Import = this.#imports.get(importId) ?? { references: 0, handles: new Set() };
    this.#imports.set(importId, entry);
    entry.references++;
    const handle = new ImportedCapability(importId, this.#ask, this.#close);
    entry.handles.add(handle);
    return handle;
  }

  /**
   * Closes handles whose references a Return with releaseParamCaps releases. The import may have older references; if these
   * were its last handles, Release is sent for those.
   */
  closeReturned(handles: readonly ImportedCapability[]): void {
    for (const handle of handles) {
      this.#remove(handle, 1);
      // So that a method that kept the handle without retaining it cannot use it.
      handle.close();
    }
  }

  /** A promise that the peer exported resolved to `error`: calls through its handles reject from now on. */
  break(importId: number, error: RpcError): void {
    for (const handle of this.#imports.get(importId)?.handles ?? []) handle.broken = error;
  }

  clear(): void {
    this.#imports.clear();
  }

  /** Removes the handle and `returned` references. The last handle releases the references that are left. */
  #remove(handle: ImportedCapability, returned: number): void {
    const entry = this.#imports.get(handle.importId);
    if (entry === undefined || !entry.handles.delete(handle)) return;
    entry.references -= returned;
    if (entry.handles.size > 0) return;
    this.#imports.delete(handle.importId);
    if (entry.references > 0) this.#sendRelease(handle.importId, entry.references);
  }
}
