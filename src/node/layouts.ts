// Nodes differ in which interface each ordinal of Init makes. This detects the layout of a node: it requests one interface and
// calls a harmless method on it.
//
// Why that is safe: calls are dispatched by interface id, so the answer to a wrong guess is an exception of kind unimplemented,
// without any effect (run on real nodes). And no ordinal is called that may be makeWalletLoader.

import type { Method, Struct } from "capnp-es";
import type { ImportedCapability } from "../rpc/capability.ts";
import { RpcError } from "../rpc/errors.ts";
import { CALLS, type MakeOrdinal, makeMethod, readCapability } from "./calls.ts";
import { isObject } from "./json.ts";
import type { JsonRpc } from "./json-rpc.ts";
import type { ContextParams, ServerThreads, ThreadCallOptions } from "./server-threads.ts";

/** The interfaces that the exporter uses, by the ordinal of Init that makes each. */
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

/** The layout with the name or former name `text`; undefined when there is none. */
export function layoutNamed(text: string): LayoutName | undefined {
  if (Object.hasOwn(LAYOUTS, text)) return text as LayoutName;
  return Object.hasOwn(ALIASES, text) ? ALIASES[text] : undefined;
}

/** The node has no known layout, or not the configured one. The message has the node's answers. */
export class UnknownLayoutError extends Error {
  override readonly name = "UnknownLayoutError";
}

/** The node is stopping: it makes no Mining any more, and no call is made. */
export class StoppingError extends Error {
  override readonly name = "StoppingError";

  constructor() {
    super("the node is stopping");
  }
}

/** The layout, and the interfaces that detection has made, by ordinal of Init. The caller closes them. */
export interface Detected {
  readonly layout: LayoutName;
  readonly made: ReadonlyMap<MakeOrdinal, ImportedCapability>;
  /** Whether the node may also have Chain and Node: `makeChainAfterRpc` checks that. */
  readonly mayHaveChain: boolean;
  /** Makes Mining. Nodes from v31 on answer once their chain is loaded. Rejects as detectLayout does, and with StoppingError. */
  makeMining(): Promise<ImportedCapability>;
}

/**
 * Detects the layout of the node behind `init`, by calls that a starting node answers at once. Rejects with UnknownLayoutError
 * when no layout fits, and as ServerThreads.call does when a call fails for another reason than a missing method.
 *
 *     Init@4 is  a Chain  → pr/trace       (@6 would be makeWalletLoader, and is not called)
 *                a Node   → ipc-2026-02    (@5 would be makeWalletLoader)
 *                an Rpc   → v32, or pr-29409 if Init@5 is a Chain  (@7 would be makeWalletLoader)
 *                missing, and Init@3  exists, or is pending until the chain is loaded  → v31
 *                                     is missing, and Init@2 exists                    → v30
 *
 * Init@2 is not called on a v31 node, which would write an error into its debug log at each connect.
 */
export async function detectLayout(init: ImportedCapability, threads: ServerThreads): Promise<Detected> {
  await runOneCall(init, threads);
  const probe = new Probe(init, threads);
  const layout = await detect(probe);
  return probe.detected(layout, layout === "v32");
}

/** Mining is awaited for as long as a node may take to start. */
const MINING = { deadlineMs: 24 * 60 * 60 * 1000, endsWithConnection: true };
/** Layouts of nodes that make Mining once their chain is loaded, and that survive a disconnect during the call. */
const WAITS_IN_MINING: readonly LayoutName[] = ["v31", "v32"];

/** A node answers at once that it lacks an ordinal, even while it starts. */
const MISSING_WITHIN_MS = 2000;

/**
 * A v30 node may crash (std::system_error) when a thread ends that has run no call, and a call that the node does not support
 * runs on none. Every node has makeEcho.
 */
async function runOneCall(init: ImportedCapability, threads: ServerThreads): Promise<void> {
  try {
    (await makeInterface(init, threads, 1)).close();
  } catch (error) {
    // An exception is an answer, too: the call ran.
    if (!(error instanceof RpcError) || error.kind === "disconnected" || error.kind === "overloaded") throw error;
  }
}

async function detect(probe: Probe): Promise<LayoutName> {
  const fourth = await probe.make(4);
  if (fourth === undefined) {
    const third = await Promise.race([probe.make(3, MINING), Bun.sleep(MISSING_WITHIN_MS).then(() => "pending")]);
    if (third !== undefined) return "v31";
    return typeof (await probe.make(2)) === "object" ? "v30" : probe.failUnknown();
  }
  if (fourth === "refused") return probe.failUnknown();
  if (await probe.isInterface(fourth, CALLS.chain.shutdownRequested)) return "pr/trace";
  if (await probe.isInterface(fourth, CALLS.node.shutdownRequested)) return "ipc-2026-02";
  if (await probe.isInterface(fourth, CALLS.rpc.executeRpc)) return "v32";
  return probe.failUnknown();
}

/**
 * Uses the configured `layout`. If it has an ordinal that may be makeWalletLoader in another layout, first checks that Init@4 makes
 * the expected interface: in each of those layouts it makes another one. Rejects as detectLayout does.
 */
export async function confirmLayout(
  init: ImportedCapability,
  threads: ServerThreads,
  layout: LayoutName,
): Promise<Detected> {
  await runOneCall(init, threads);
  const probe = new Probe(init, threads);
  const ordinals: Ordinals = LAYOUTS[layout];
  if (Object.values(ordinals).some((ordinal) => ordinal > 4)) {
    const fourth = await probe.make(4);
    const isExpected =
      typeof fourth === "object" &&
      (ordinals.chain === 4
        ? await probe.isInterface(fourth, CALLS.chain.shutdownRequested)
        : await probe.isInterface(fourth, CALLS.rpc.executeRpc));
    if (!isExpected) probe.fail(`the node does not have the layout ${layout}`);
  }
  return probe.detected(layout, false);
}

/** For calls that an unknown node may never answer. A node with Rpc survives a disconnect during them. */
const UNSURE = { deadlineMs: 2000, endsWithConnection: true };

/**
 * The Chain of a node that has Rpc, or undefined: a v32 node has none. Requested last, once the node has started and reports its
 * version. A release is not called, because other proposals have other methods at Init@5. A node that answers something else, an
 * error or nothing has no Chain. Rejects when the connection ends.
 */
export async function makeChainAfterRpc(
  init: ImportedCapability,
  threads: ServerThreads,
  rpc: JsonRpc,
): Promise<ImportedCapability | undefined> {
  if (await isRelease(rpc)) return undefined;
  const probe = new Probe(init, threads, UNSURE);
  let fifth: ImportedCapability | "refused" | undefined;
  try {
    fifth = await probe.make(5);
    if (fifth === undefined || fifth === "refused") return undefined;
    if (await probe.isInterface(fifth, CALLS.chain.shutdownRequested)) return fifth;
  } catch (error) {
    if (error instanceof StoppingError || (error instanceof RpcError && error.kind === "disconnected")) throw error;
  }
  if (fifth !== "refused") fifth?.close();
  return undefined;
}

/** getnetworkinfo's version: 320000 is 32.0.0. Trees between two releases, which patches are made on, have 319900 or so. */
const FIRST_RELEASE_WITH_RPC = 320_000;
const LEAST_OF_TREES = 9900;

/** Whether the node reports the version of a release. Releases have no Chain. */
async function isRelease(rpc: JsonRpc): Promise<boolean> {
  const [outcome] = await rpc.callAll([{ method: "getnetworkinfo" }]);
  const result = "result" in outcome! ? outcome.result : undefined;
  const version = isObject(result) && typeof result["version"] === "number" ? result["version"] : 0;
  return version >= FIRST_RELEASE_WITH_RPC && version % 10_000 < LEAST_OF_TREES;
}

/** The end of the error for a null capability (rpc/capability.ts). */
const NO_CAPABILITY = "the peer sent no capability";

class Probe {
  readonly #init: ImportedCapability;
  readonly #threads: ServerThreads;
  readonly #options: ThreadCallOptions;
  readonly #made = new Map<MakeOrdinal, ImportedCapability>();
  readonly #making = new Map<MakeOrdinal, Promise<ImportedCapability | "refused" | undefined>>();
  /** The node's answers, for the error line. */
  readonly #answers: string[] = [];

  constructor(init: ImportedCapability, threads: ServerThreads, options: ThreadCallOptions = {}) {
    this.#init = init;
    this.#threads = threads;
    this.#options = options;
  }

  detected(layout: LayoutName, mayHaveChain: boolean): Detected {
    const makeMining = async () => {
      const options = WAITS_IN_MINING.includes(layout) ? MINING : undefined;
      const mining = await this.make(LAYOUTS[layout].mining, options);
      // While it stops, such a node answers with null (MakeMining in node/interfaces.cpp).
      if (options === MINING && this.#answers.at(-1)?.endsWith(NO_CAPABILITY)) throw new StoppingError();
      return mining === undefined || mining === "refused" ? this.failUnknown() : mining;
    };
    return { layout, made: this.#made, mayHaveChain, makeMining };
  }

  fail(what: string): never {
    throw new UnknownLayoutError(`${what}: ${this.#answers.join("; ")}`);
  }

  failUnknown(): never {
    this.fail("the node has none of the known IPC layouts");
  }

  /** What Init makes at `ordinal`; undefined when it has no such ordinal, "refused" when the method fails. */
  async make(ordinal: MakeOrdinal, options = this.#options): Promise<ImportedCapability | "refused" | undefined> {
    const known = this.#made.get(ordinal) ?? this.#making.get(ordinal);
    if (known !== undefined) return known;
    const making = this.#make(ordinal, options).finally(() => this.#making.delete(ordinal));
    this.#making.set(ordinal, making);
    return making;
  }

  async #make(ordinal: MakeOrdinal, options: ThreadCallOptions): Promise<ImportedCapability | "refused" | undefined> {
    try {
      const capability = await makeInterface(this.#init, this.#threads, ordinal, options);
      this.#made.set(ordinal, capability);
      this.#answers.push(`Init@${ordinal} exists`);
      return capability;
    } catch (error) {
      return this.#readError(`Init@${ordinal}`, error).kind === "failed" ? "refused" : undefined;
    }
  }

  /**
   * Whether `capability` has the interface of `method`: a method that only reads, and needs no loaded chain. It has when it
   * answers, when the method fails, and when the interface lacks this one method.
   */
  async isInterface<P extends ContextParams, R extends Struct>(
    capability: ImportedCapability,
    method: Method<P, R>,
  ): Promise<boolean> {
    try {
      const read = (results: R) => "result" in results && results.result === true;
      // Of shutdownRequested.
      const isStopping = await this.#threads.call(capability, method, undefined, { ...this.#options, read });
      if (isStopping) throw new StoppingError();
      return true;
    } catch (error) {
      const { kind, message } = this.#readError(`${method.interfaceName}`, error);
      return kind === "failed" || LACKS_METHOD.test(message);
    }
  }

  /** Keeps the node's answer. Throws an error that does not identify the layout: a timeout or a disconnect. */
  #readError(what: string, error: unknown): RpcError {
    if (!(error instanceof RpcError) || error.kind === "disconnected" || error.kind === "overloaded") throw error;
    this.#answers.push(`${what}: ${error.message}`);
    return error;
  }
}

/** Error text of Cap'n Proto's C++ runtime for a missing method of an existing interface; for others, "Requested interface …". */
const LACKS_METHOD = /^(remote exception: )?Method not implemented/;

/** Requests the interface at `ordinal` of Init. Rejects as ServerThreads.call does. */
export function makeInterface(
  init: ImportedCapability,
  threads: ServerThreads,
  ordinal: MakeOrdinal,
  options: ThreadCallOptions = {},
): Promise<ImportedCapability> {
  return threads.call(init, makeMethod(ordinal), undefined, { ...options, read: readCapability });
}
