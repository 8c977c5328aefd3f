// The capabilities that the peer hosts for us. Ids are the peer's. An entry lives from the first descriptor that names it
// until the last handle on it is closed; then one Release gives back every reference that came.

import type { CapabilityHost } from "./capability.ts";
import { ImportedCapability } from "./capability.ts";
import type { RpcError } from "./errors.ts";

interface Import {
  /** Descriptors received and not yet given back: what Release has to count. */
  references: number;
  readonly handles: Set<ImportedCapability>;
}

export class ImportTable {
  readonly #host: CapabilityHost;
  readonly #sendRelease: (importId: number, references: number) => void;
  readonly #imports = new Map<number, Import>();

  constructor(host: CapabilityHost, sendRelease: (importId: number, references: number) => void) {
    this.#host = host;
    this.#sendRelease = sendRelease;
  }

  get size(): number {
    return this.#imports.size;
  }

  has(importId: number): boolean {
    return this.#imports.has(importId);
  }

  /** A new handle, for one descriptor that names `importId`. */
  receive(importId: number): ImportedCapability {
    const entry: Import = this.#imports.get(importId) ?? { references: 0, handles: new Set() };
    this.#imports.set(importId, entry);
    entry.references++;
    const handle = new ImportedCapability(this.#host, importId);
    entry.handles.add(handle);
    return handle;
  }

  /** Forgets a closed handle; the last one sends Release. */
  close(handle: ImportedCapability): void {
    const references = this.#forget(handle, 0);
    if (references > 0) this.#sendRelease(handle.importId, references);
  }

  /**
   * Forgets handles that another message gives back: parameters of a call answered with releaseParamCaps. The import may
   * have older handles; only when none is left and references are, Release goes out for those.
   */
  giveBack(handles: readonly ImportedCapability[]): void {
    for (const handle of handles) {
      const references = this.#forget(handle, 1);
      if (references > 0) this.#sendRelease(handle.importId, references);
    }
  }

  /** A promise that the peer exported ended in `error`: calls through its handles reject from now on. */
  break(importId: number, error: RpcError): void {
    for (const handle of this.#imports.get(importId)?.handles ?? []) handle.broken = error;
  }

  clear(): void {
    this.#imports.clear();
  }

  /** Removes the handle and `given` references. Returns the references to release, 0 while other handles hold the import. */
  #forget(handle: ImportedCapability, given: number): number {
    const entry = this.#imports.get(handle.importId);
    if (entry === undefined || !entry.handles.delete(handle)) return 0;
    entry.references -= given;
    if (entry.handles.size > 0) return 0;
    this.#imports.delete(handle.importId);
    return entry.references;
  }
}
