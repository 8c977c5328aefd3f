// A reference node as tests use it: starts the executable on a socket of its own, sends it commands, waits for its
// events. One object is one process.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DEADLINE_MS } from "../eventually.ts";
import { buildReferenceNode } from "./build.ts";

/** Those of real nodes, and those of no release: too little, or something else at @4 or @5. */
export const referenceLayouts = ["pr/trace", "ipc-2026-02", "v30", "v31", "v32", "pr-29409"] as const;
export type Layout = (typeof referenceLayouts)[number] | "echo-only" | "tracing-at-4" | "tracing-at-5" | "signer-at-5";

export interface StartOptions {
  layout?: Layout;
  /** By default a path in a new folder. A fixed path lets a node replace another. */
  socketPath?: string;
  /** Comes before the node's own command, such as taskset and its arguments. */
  prefix?: readonly string[];
}

/** Hex text, or a number: that many zero bytes. */
export type Bytes = string | number;

/** A 64-bit integer may be a decimal string, and has to be one beyond 2^53. */
export type Int64 = string | number;

export interface ChainstateRole {
  validated: boolean;
  historical?: boolean;
}

export interface BlockInfo {
  hash: Bytes;
  prevHash?: Bytes;
  height: number;
  fileNumber?: number;
  dataPos?: number;
  data?: Bytes;
  undoData?: Bytes;
  chainTimeMax?: number;
}

export interface UtxoInfo {
  outpointHash: Bytes;
  outpointN: number;
  height: number;
  value: Int64;
  isCoinbase: boolean;
}

/** The callbacks that tests can fire, and their parameters. */
export interface CallbackParams {
  "ChainNotifications.transactionAddedToMempool": { tx: Bytes };
  "ChainNotifications.transactionRemovedFromMempool": { tx: Bytes; reason: number };
  "ChainNotifications.blockConnected": { role: ChainstateRole; block: BlockInfo };
  "ChainNotifications.blockDisconnected": { block: BlockInfo };
  "ChainNotifications.updatedBlockTip": Record<string, never>;
  "ChainNotifications.chainStateFlushed": { role: ChainstateRole; locator: Bytes };
  "UtxoCacheTrace.add": { utxoInfo: UtxoInfo };
  "UtxoCacheTrace.spend": { utxoInfo: UtxoInfo };
  "UtxoCacheTrace.uncache": { utxoInfo: UtxoInfo };
}

export interface FireOptions {
  /** How many calls, all alike. */
  count?: number;
  /** How many of them in flight. The real node has one. */
  depth?: number;
  deadlineMs?: number;
}

export interface Fired {
  /** One for each call that the subscribers answered: from sending it to having its Return. */
  microseconds: number[];
  /** From the first call to the last Return. */
  wallMicroseconds: number;
}

/** rpc.capnp's kinds of exception. */
export type ExceptionKind = "failed" | "overloaded" | "disconnected" | "unimplemented";

/** A block as Mining reports it. */
export interface ReferenceTip {
  /** In display order. */
  hash: string;
  height: number;
}

export interface Stats {
  connections: number;
  liveConnections: number;
  /** Connections that ended while something was subscribed: each would have killed a real node. */
  uncleanLeaves: number;
  /** Calls that had not returned when their connection ended: each would have killed a real node, too. */
  interruptedCalls: number;
  /** Calls sent on a thread that had one already. */
  threadViolations: number;
  subscriptions: number;
  /** Method → calls received. */
  calls: Record<string, number>;
  /** Callback → calls answered by a Return with results, `destroy` too. */
  callbacks: Record<string, number>;
  /** Interface → objects that a client still holds. Those that it held once stay in it as 0. */
  live: Record<string, number>;
  /** Calls of makeWalletLoader, at whatever ordinal the layout has it: no client makes one. */
  walletLoaderCalls: number;
  /** JSON-RPC method → requests received, through Rpc.executeRpc or Node.executeRpc. */
  rpcCalls: Record<string, number>;
  /** Of each Mining.waitTipChanged, in milliseconds, as a node of this layout reads it. */
  waitTimeouts: number[];
}

export type ReferenceEvent =
  | { event: "listening" }
  | { event: "connected"; connection: number }
  | { event: "subscribed"; connection: number; interface: string }
  | { event: "unsubscribed"; connection: number; interface: string }
  | { event: "disconnected"; connection: number; how: "clean" | "unclean" | "dropped" };

type EventOf<Name> = Extract<ReferenceEvent, { event: Name }>;

interface Reply {
  id: number;
  error?: string;
  /** With what the subscribers threw instead of returning. */
  fired?: Fired & { errors: string[] };
  stats?: Stats;
}

interface Waiter {
  name: ReferenceEvent["event"];
  resolve: (event: ReferenceEvent) => void;
  reject: (error: Error) => void;
}

const folderPrefix = "reference-node-";
const fireDeadlineMs = 60_000;

export class ReferenceNode implements AsyncDisposable {
  readonly socketPath: string;

  readonly #child: Bun.Subprocess<"pipe", "pipe", "pipe">;
  readonly #ended: Promise<void>;
  #nextId = 1;
  /** Commands without a reply yet; all are rejected when the process ends. */
  readonly #commands = new Map<number, PromiseWithResolvers<Reply>>();
  /** Events that no waitFor has returned yet. */
  #events: ReferenceEvent[] = [];
  #waiters: Waiter[] = [];

  /** Builds the executable when needed, which takes up to buildTimeoutMs, and resolves when the socket is there. */
  static async start(options: StartOptions = {}): Promise<ReferenceNode> {
    const executable = await buildReferenceNode();
    const socketPath = options.socketPath ?? join(await mkdtemp(join(tmpdir(), folderPrefix)), "node.sock");
    const command = [...(options.prefix ?? []), executable, socketPath, "--layout", options.layout ?? "pr/trace"];
    const node = new ReferenceNode(command, socketPath);
    try {
      await node.waitFor("listening");
    } catch (error) {
      await node.stop();
      throw error;
    }
    return node;
  }

  private constructor(command: string[], socketPath: string) {
    this.socketPath = socketPath;
    this.#child = Bun.spawn(command, { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
    this.#ended = this.#read();
  }

  /** From now on a method answers with these results, named as in the schema. */
  async answer(method: string, results: Record<string, unknown>): Promise<void> {
    await this.#send({ cmd: "answer", method, results });
  }

  /**
   * From now on a JSON-RPC method answers with this result; with `params`, only when it is called with these. Numbers with
   * decimals to keep are JSON.rawJSON's. A method without a result is "Method not found".
   */
  async rpc(command: string, result: unknown, params?: unknown[]): Promise<void> {
    await this.#send({ cmd: "rpc", command, result: JSON.stringify(result), params });
  }

  /** From now on a JSON-RPC method answers with an error. */
  async rpcError(command: string, code: number, message: string, params?: unknown[]): Promise<void> {
    await this.#send({ cmd: "rpc", command, error: JSON.stringify({ code, message }), params });
  }

  /** From now on the node is starting, as every JSON-RPC method reports; with an empty text it has started. */
  async warmup(status: string): Promise<void> {
    await this.#send({ cmd: "warmup", status });
  }

  /** Changes the tip. Waits for a tip end; JSON-RPC methods do not change. */
  async tip({ hash, height }: ReferenceTip): Promise<void> {
    const wireHash = Buffer.from(hash, "hex").reverse().toString("hex");
    await this.answer("Mining.getTip", { result: { hash: wireHash, height }, hasResult: true });
  }

  /**
   * Calls a callback of every subscriber; resolves when all calls are answered or their subscriber has disconnected. Rejects
   * without a subscriber, and if a subscriber answers with an exception.
   */
  async fire<Method extends keyof CallbackParams>(
    method: Method,
    params: CallbackParams[Method],
    { count = 1, depth = 1, deadlineMs = fireDeadlineMs }: FireOptions = {},
  ): Promise<Fired> {
    const reply = await this.#send({ cmd: "fire", method, params, count, depth }, deadlineMs);
    const { errors, ...fired } = reply.fired!;
    if (errors.length > 0) throw new Error(`${method}: ${errors.length} calls failed: ${errors[0]}`);
    return fired;
  }

  /** From now on a method throws. */
  async fail(method: string, kind: ExceptionKind, reason: string): Promise<void> {
    await this.#send({ cmd: "fail", method, kind, reason });
  }

  /** From now on a method takes this much longer. */
  async delay(method: string, ms: number): Promise<void> {
    await this.#send({ cmd: "delay", method, ms });
  }

  /** From now on a method does not return until it is cleared. */
  async hang(method: string): Promise<void> {
    await this.#send({ cmd: "hang", method });
  }

  /** From now on a method is not implemented by its interface, as an older or newer node's may be. */
  async remove(method: string): Promise<void> {
    await this.#send({ cmd: "remove", method });
  }

  /** From now on getnetworkinfo reports this version: 320000 is 32.0.0. */
  async release(version: number): Promise<void> {
    await this.#send({ cmd: "release", version });
  }

  /** Undoes fail, delay, hang and remove of a method, or of all methods. */
  async clear(method?: string): Promise<void> {
    await this.#send(method === undefined ? { cmd: "clear" } : { cmd: "clear", method });
  }

  /** Closes every connection without a word. `disconnected` events follow. */
  async drop(): Promise<void> {
    await this.#send({ cmd: "drop" });
  }

  async stats(): Promise<Stats> {
    const reply = await this.#send({ cmd: "stats" });
    return reply.stats!;
  }

  /** The next event of that name, in the order they came: each event is returned once, also one that came before. */
  waitFor<Name extends ReferenceEvent["event"]>(name: Name, deadlineMs = DEADLINE_MS): Promise<EventOf<Name>> {
    const index = this.#events.findIndex((event) => event.event === name);
    if (index >= 0) return Promise.resolve(this.#events.splice(index, 1)[0] as EventOf<Name>);
    const { promise, resolve, reject } = Promise.withResolvers<ReferenceEvent>();
    const waiter: Waiter = { name, resolve, reject };
    this.#waiters.push(waiter);
    return withDeadline(promise, deadlineMs, `reference node: no event ${name}`).finally(() => {
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
    }) as Promise<EventOf<Name>>;
  }

  /** Leaves in order and removes the socket. */
  async stop(): Promise<void> {
    if (this.#running) {
      await this.#send({ cmd: "exit" });
      await withDeadline(this.#ended, DEADLINE_MS, "reference node: exit").catch(() => this.kill());
    }
    await rm(this.socketPath, { force: true });
    const folder = dirname(this.socketPath);
    if (folder.startsWith(join(tmpdir(), folderPrefix))) await rm(folder, { recursive: true, force: true });
  }

  /** Stops cleanly, and resolves to another node at the same path, such as one after an upgrade. */
  async restart(layout: Layout): Promise<ReferenceNode> {
    await this.#send({ cmd: "exit" });
    await this.#ended;
    return ReferenceNode.start({ layout, socketPath: this.socketPath });
  }

  /** Ends the process as a crash would: the connections break and the socket stays behind. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  /** Stops the process, or continues it. While it is stopped its sockets stay open, without answers. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#child.kill(signal);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  get #running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async #send(command: Record<string, unknown>, deadlineMs = DEADLINE_MS): Promise<Reply> {
    const what = `reference node: ${String(command["cmd"])}`;
    if (!this.#running) throw new Error(`${what}: it has ended`);
    const id = this.#nextId++;
    const pending = Promise.withResolvers<Reply>();
    this.#commands.set(id, pending);
    this.#child.stdin.write(`${JSON.stringify({ id, ...command })}\n`);
    this.#child.stdin.flush();
    const reply = await withDeadline(pending.promise, deadlineMs, what);
    if (reply.error !== undefined) throw new Error(`${what}: ${reply.error}`);
    return reply;
  }

  /** Resolves when the process has ended. */
  async #read(): Promise<void> {
    const stderr = this.#child.stderr.text();
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of this.#child.stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.#handle(JSON.parse(line) as Reply | ReferenceEvent);
    }
    await this.#child.exited;
    const error = new Error(`reference node: it has ended; ${await stderr}`);
    for (const command of this.#commands.values()) command.reject(error);
    this.#commands.clear();
    for (const waiter of this.#waiters) waiter.reject(error);
  }

  #handle(message: Reply | ReferenceEvent): void {
    if ("event" in message) {
      const waiter = this.#waiters.find((waiter) => waiter.name === message.event);
      if (waiter === undefined) {
        this.#events.push(message);
      } else {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        waiter.resolve(message);
      }
    } else {
      this.#commands.get(message.id)?.resolve(message);
      this.#commands.delete(message.id);
    }
  }
}

async function withDeadline<Value>(promise: Promise<Value>, deadlineMs: number, what: string): Promise<Value> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`${what}: nothing after ${deadlineMs} ms`)), deadlineMs);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
