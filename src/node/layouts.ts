// Nodes differ in which interface each ordinal of Init hands out. This finds out which node it is, by asking for one and
// calling a harmless method on what comes back; never by version, which no node tells before.
//
// What makes that safe: calls are dispatched by interface id, so a wrong guess is answered with an exception of kind
// unimplemented and nothing happens (run on real nodes). And the order of the questions keeps away from ordinals that may
// be makeWalletLoader.

import type { Method, Struct } from "capnp-es";
import type { ImportedCapability } from "../rpc/capability.ts";
import { RpcError } from "../rpc/errors.ts";
import { CALLS, type MakeOrdinal, makeMethod, readCapability } from "./calls.ts";
import type { ContextParams, ServerThreads } from "./server-threads.ts";

/** The interfaces that the exporter uses, by the ordinal of Init that hands each out. */
export interface Ordinals {
  readonly mining: MakeOrdinal;
  readonly chain?: MakeOrdinal;
  readonly node?: MakeOrdinal;
  readonly tracing?: MakeOrdinal;
  readonly rpc?: MakeOrdinal;
}

/** By the names that --layout and bitcoin_ipc_layout_info use. */
export const LAYOUTS = {
  "pr/trace": { mining: 3, chain: 4, node: 5, tracing: 7 },
  "ipc-2026-02": { mining: 2, chain: 3, node: 4 },
  v30: { mining: 2 },
  v31: { mining: 3 },
  v32: { mining: 3, rpc: 4 },
  "pr-29409": { mining: 3, rpc: 4, chain: 5, node: 6 },
} as const satisfies Record<string, Ordinals>;
export type LayoutName = keyof typeof LAYOUTS;

/** Names that layouts had before their release. */
const ALIASES: Readonly<Record<string, LayoutName>> = { master: "v32" };

/** The layout that `text` names, by its name or a former one; undefined when there is none. */
export function layoutNamed(text: string): LayoutName | undefined {
  if (Object.hasOwn(LAYOUTS, text)) return text as LayoutName;
  return Object.hasOwn(ALIASES, text) ? ALIASES[text] : undefined;
}

/** The node is of no known layout. The message says what was seen. */
export class UnknownLayoutError extends Error {
  override readonly name = "UnknownLayoutError";
}

/** What was found out, and what was handed out on the way, by ordinal of Init. The capabilities are the caller's. */
export interface Detected {
  readonly layout: LayoutName;
  readonly made: ReadonlyMap<MakeOrdinal, ImportedCapability>;
}

/**
 * Finds the layout of the node behind `init`. Rejects with UnknownLayoutError when it fits none, and as ServerThreads.call
 * does when a call fails for another reason than that the node does not have it.
 *
 *     Init@4 is  a Chain  → pr/trace       (@6 would be makeWalletLoader, and is not asked)
 *                a Node   → ipc-2026-02    (@5 would be)
 *                an Rpc, and Init@5 is  missing  → v32
 *                                       a Chain  → pr-29409   (@7 would be)
 *                missing, and Init@3 is  there    → v31
 *                                        missing, and Init@2 is there → v30
 */
export async function detectLayout(init: ImportedCapability, threads: ServerThreads): Promise<Detected> {
  const probe = new Probe(init, threads);
  return { layout: await detect(probe), made: probe.made };
}

/**
 * Takes `layout` as given, but where it asks for an ordinal that may be makeWalletLoader in another layout, sees first that
 * Init@4 is what it should be, which is another interface in each of those. Rejects as detectLayout does.
 */
export async function confirmLayout(
  init: ImportedCapability,
  threads: ServerThreads,
  layout: LayoutName,
): Promise<Detected> {
  const probe = new Probe(init, threads);
  const ordinals: Ordinals = LAYOUTS[layout];
  if (Object.values(ordinals).some((ordinal) => ordinal > 4)) {
    const fourth = await probe.make(4);
    const isAsSaid =
      fourth !== undefined &&
      (ordinals.chain === 4
        ? await probe.isInterface(fourth, CALLS.chain.shutdownRequested)
        : await probe.isInterface(fourth, CALLS.rpc.executeRpc));
    if (!isAsSaid) throw probe.unlike(layout);
  }
  return { layout, made: probe.made };
}

async function detect(probe: Probe): Promise<LayoutName> {
  const fourth = await probe.make(4);
  if (fourth === undefined) {
    if ((await probe.make(3)) !== undefined) return "v31";
    if ((await probe.make(2)) !== undefined) return "v30";
  } else if (await probe.isInterface(fourth, CALLS.chain.shutdownRequested)) {
    return "pr/trace";
  } else if (await probe.isInterface(fourth, CALLS.node.shutdownRequested)) {
    return "ipc-2026-02";
  } else if (await probe.isInterface(fourth, CALLS.rpc.executeRpc)) {
    const fifth = await probe.make(5);
    if (fifth === undefined) return "v32";
    if (await probe.isInterface(fifth, CALLS.chain.shutdownRequested)) return "pr-29409";
  }
  throw probe.unknownLayout();
}

/** Ordinals of Mining. A node that hands it out only when its chain is loaded may take this long: as long as its start. */
const MINING_ORDINALS: readonly MakeOrdinal[] = [2, 3];
const MINING_DEADLINE_MS = 24 * 60 * 60 * 1000;

class Probe {
  readonly #init: ImportedCapability;
  readonly #threads: ServerThreads;
  readonly made = new Map<MakeOrdinal, ImportedCapability>();
  /** What the node answered, for the error line. */
  readonly #seen: string[] = [];

  constructor(init: ImportedCapability, threads: ServerThreads) {
    this.#init = init;
    this.#threads = threads;
  }

  unknownLayout(): UnknownLayoutError {
    return new UnknownLayoutError(`the node has none of the known IPC layouts: ${this.#seen.join("; ")}`);
  }

  unlike(layout: LayoutName): UnknownLayoutError {
    return new UnknownLayoutError(
      `the node is not of the layout ${layout} that it is said to have: ${this.#seen.join("; ")}`,
    );
  }

  /**
   * What Init hands out at `ordinal`, or undefined when it has no such ordinal. One that it has and refuses, as a node does
   * with ordinals that it gave up, tells nothing that could be built on.
   */
  async make(ordinal: MakeOrdinal): Promise<ImportedCapability | undefined> {
    try {
      const deadlineMs = MINING_ORDINALS.includes(ordinal) ? MINING_DEADLINE_MS : undefined;
      const capability = await makeInterface(this.#init, this.#threads, ordinal, deadlineMs);
      this.made.set(ordinal, capability);
      this.#seen.push(`Init@${ordinal} is there`);
      return capability;
    } catch (error) {
      const kind = this.#note(`Init@${ordinal}`, error);
      if (kind === "failed") throw this.unknownLayout();
      return undefined;
    }
  }

  /**
   * Whether `capability` has the interface of `method`: a method that only reads, and needs no chain to be loaded. It has,
   * too, when the method was found and then failed.
   */
  async isInterface<P extends ContextParams, R extends Struct>(
    capability: ImportedCapability,
    method: Method<P, R>,
  ): Promise<boolean> {
    try {
      await this.#threads.call(capability, method);
      return true;
    } catch (error) {
      return this.#note(`${method.interfaceName}`, error) === "failed";
    }
  }

  /** Keeps what the node said. Throws what says nothing of its layout: that the call was late, or the node went. */
  #note(what: string, error: unknown): "failed" | "unimplemented" {
    if (!(error instanceof RpcError) || error.kind === "disconnected" || error.kind === "overloaded") throw error;
    this.#seen.push(`${what}: ${error.message}`);
    return error.kind;
  }
}

/** Asks Init for the interface at `ordinal`. Rejects as ServerThreads.call does. */
export async function makeInterface(
  init: ImportedCapability,
  threads: ServerThreads,
  ordinal: MakeOrdinal,
  deadlineMs?: number,
): Promise<ImportedCapability> {
  const deadline = deadlineMs === undefined ? {} : { deadlineMs };
  return threads.call(init, makeMethod(ordinal), undefined, { ...deadline, read: readCapability });
}
