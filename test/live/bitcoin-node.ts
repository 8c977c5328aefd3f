// A real node of Bitcoin Core, on regtest unless another chain is named, in a data directory and on ports of its own. One object
// is one data directory; its process can end and start again.

import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEADLINE_MS, eventually } from "../eventually.ts";
import { freePort } from "../free-port.ts";
import { fromEnvironment, type NodeBuild, PR_TRACE, V32 } from "./executables.ts";

/** A parameter of a JSON-RPC method. Text is sent as it is, everything else as JSON. */
type Parameter = string | number | boolean | readonly unknown[] | Readonly<Record<string, unknown>>;

export interface NodeOptions {
  /** Default: pr/trace. */
  readonly build?: NodeBuild;
  /** Whether other nodes can connect to it. */
  readonly listens?: boolean;
  /** Default: regtest. On the others the node connects to no peer. */
  readonly chain?: "regtest" | "signet" | "testnet4";
  /** Default: in the data directory. */
  readonly socketPath?: string;
}

/** How a process ended: by its exit code, or by a signal. */
export interface Ending {
  readonly exitCode: number | null;
  readonly signal: Bun.Subprocess["signalCode"];
  readonly durationMs: number;
}

/** getblock with verbosity 2 or 3, as far as the tests read it. */
export interface Block {
  readonly hash: string;
  readonly height: number;
  readonly size: number;
  readonly tx: readonly {
    readonly txid: string;
    readonly size: number;
    /** What is spent: with verbosity 3, and not for a coinbase. */
    readonly vin: readonly { readonly prevout?: { readonly value: number } }[];
    readonly vout: readonly { readonly value: number; readonly scriptPubKey: { readonly type: string } }[];
  }[];
}

/** bitcoin-cli could not do it: `code` is the JSON-RPC error's, undefined when the node was not reached. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly code: number | undefined;

  constructor(method: string, stderr: string) {
    super(`bitcoin-cli ${method}: ${stderr.trim()}`);
    const code = /^error code: (-?\d+)/m.exec(stderr)?.[1];
    this.code = code === undefined ? undefined : Number(code);
  }
}

const LOG_TAIL_LINES = 25;
/** Loading a few hundred blocks takes 0.3 s; a busy machine more. */
const START_DEADLINE_MS = 60_000;

export class BitcoinNode implements AsyncDisposable {
  readonly socketPath: string;
  readonly #build: NodeBuild;
  readonly #dataDir: string;
  readonly #chain: string;
  readonly #ipcBind: string;
  readonly #rpcPort: number;
  readonly #args: readonly string[];
  readonly #p2pPort: number | undefined;
  #process: Bun.Subprocess<"ignore", "ignore", "pipe"> | undefined;
  #stderr: Promise<string> = Promise.resolve("");
  /** The password of the running process, once it was read. */
  #cookie: string | undefined;

  private constructor(dataDir: string, args: readonly string[], options: NodeOptions) {
    const { build = PR_TRACE, listens = false, chain = "regtest" } = options;
    this.#build = build;
    this.#dataDir = dataDir;
    this.#chain = chain;
    this.#args = chain === "regtest" ? args : ["-connect=0", ...args];
    this.#rpcPort = freePort();
    this.#p2pPort = listens ? freePort() : undefined;
    this.#ipcBind = options.socketPath === undefined ? "-ipcbind=unix" : `-ipcbind=unix:${options.socketPath}`;
    this.socketPath = options.socketPath ?? join(dataDir, chain, "node.sock");
  }

  /** A node in a new data directory that is not started yet. `args` are added at each start. */
  static async create(args: readonly string[] = [], options: NodeOptions = {}): Promise<BitcoinNode> {
    return new BitcoinNode(await mkdtemp(join(tmpdir(), "live-node-")), args, options);
  }

  /** A new node that answers. */
  static async start(args: readonly string[] = [], options: NodeOptions = {}): Promise<BitcoinNode> {
    const node = await BitcoinNode.create(args, options);
    node.launch();
    await node.ready();
    return node;
  }

  /** Starts the process and does not wait for it. */
  launch(...args: readonly string[]): void {
    if (this.isRunning) throw new Error("the node runs already");
    this.#cookie = undefined;
    const network =
      this.#p2pPort === undefined ? ["-listen=0"] : [`-bind=127.0.0.1:${this.#p2pPort}`, "-listenonion=0"];
    this.#process = Bun.spawn(
      [
        fromEnvironment(this.#build.node),
        `-chain=${this.#chain}`,
        this.#ipcBind,
        "-disablewallet",
        "-printtoconsole=0",
        "-fixedseeds=0",
        "-dnsseed=0",
        `-datadir=${this.#dataDir}`,
        `-rpcport=${this.#rpcPort}`,
        ...network,
        ...this.#args,
        ...args,
      ],
      { stdin: "ignore", stdout: "ignore", stderr: "pipe" },
    );
    this.#stderr = this.#process.stderr.text();
  }

  /** Resolves when the node has started and answers. Rejects, with the end of its log, when it ends instead. */
  async ready(): Promise<void> {
    await eventually("the node is ready", () => this.#answers(), { deadlineMs: START_DEADLINE_MS });
  }

  /** Throws, with the end of its log, unless the process runs and answers. */
  async expectAlive(): Promise<void> {
    if (!(await this.#answers())) throw new Error("the node runs but does not answer");
  }

  /** Calls a JSON-RPC method. Throws CliError when the node refuses, or an error with the exit code when the node has ended. */
  async cli<T = unknown>(method: string, ...parameters: readonly Parameter[]): Promise<T> {
    return parseResult(await this.#cliText(method, parameters)) as T;
  }

  /** The same with numbers as text, as they are written: a double does not hold every one of them. */
  async cliExact<T = unknown>(method: string, ...parameters: readonly Parameter[]): Promise<T> {
    return JSON.parse(await this.#cliText(method, parameters), asWritten) as T;
  }

  get pid(): number {
    return this.#process!.pid;
  }

  /** How many threads the process has. */
  async threadCount(): Promise<number> {
    return (await readdir(`/proc/${this.pid}/task`)).length;
  }

  /** The path of a file in its data directory. */
  pathOf(file: string): string {
    return join(this.#dataDir, this.#chain, file);
  }

  /** The log of all runs of the process. */
  async debugLog(): Promise<string> {
    return Bun.file(this.pathOf("debug.log")).text();
  }

  async #cliText(method: string, parameters: readonly Parameter[]): Promise<string> {
    const cli = Bun.spawn(
      [
        fromEnvironment(this.#build.cli),
        `-chain=${this.#chain}`,
        `-datadir=${this.#dataDir}`,
        `-rpcport=${this.#rpcPort}`,
        // Else bitcoin-cli of v32 uses the socket, as the exporter's user.
        ...(this.#build === V32 ? ["-noipcconnect"] : []),
        "-stdin",
        method,
      ],
      { stdin: "pipe", stdout: "pipe", stderr: "pipe" },
    );
    // A transaction may be longer than an argument.
    for (const parameter of parameters) {
      cli.stdin.write(`${typeof parameter === "string" ? parameter : JSON.stringify(parameter)}\n`);
    }
    cli.stdin.end();
    const [stdout, stderr] = await Promise.all([cli.stdout.text(), cli.stderr.text(), cli.exited]);
    if (cli.exitCode === 0) return stdout.trim();
    if (!this.isRunning) throw await this.#endedError(`bitcoin-cli ${method}`);
    throw new CliError(method, stderr);
  }

  /** Calls a JSON-RPC method without a process for it, where calls are timed. Throws when the node refuses. */
  async rpc<T = unknown>(method: string, ...params: readonly Parameter[]): Promise<T> {
    const response = await fetch(this.rpcUrl, {
      method: "POST",
      headers: { Authorization: `Basic ${btoa(await this.cookie())}` },
      body: JSON.stringify({ id: 0, method, params }),
    });
    const { result, error } = (await response.json()) as { result: T; error: { message: string } | null };
    if (error !== null) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  /** User and password of the running process. */
  async cookie(): Promise<string> {
    this.#cookie ??= await Bun.file(this.pathOf(".cookie")).text();
    return this.#cookie;
  }

  /** Stops the node with its own `stop`. Resolves, with the exit code or signal, when the process has ended. */
  async stop(): Promise<Ending> {
    const start = performance.now();
    await this.cli("stop");
    return this.ended(start);
  }

  /** How the process ends; `start` is when the wait for it began. */
  async ended(start = performance.now(), deadlineMs = START_DEADLINE_MS): Promise<Ending> {
    const process = this.#process!;
    await eventually("the node ends", () => !this.isRunning, { deadlineMs });
    return { exitCode: process.exitCode, signal: process.signalCode, durationMs: performance.now() - start };
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** Stops the process and starts it again, and waits until it answers. */
  async restart(...args: readonly string[]): Promise<Ending> {
    const ending = await this.stop();
    this.launch(...args);
    await this.ready();
    return ending;
  }

  get isRunning(): boolean {
    return this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Where it answers JSON-RPC over HTTP. */
  get rpcUrl(): string {
    return `http://127.0.0.1:${this.#rpcPort}`;
  }

  /** How the exporter is to reach it, beside the socket. */
  get exporterArgs(): readonly string[] {
    return this.#build.hasRpcUrl ? ["--rpc-url", this.rpcUrl] : [];
  }

  get socketExists(): boolean {
    return existsSync(this.socketPath);
  }

  /** Where other nodes reach this one. */
  get p2pAddress(): string {
    if (this.#p2pPort === undefined) throw new Error("the node does not listen");
    return `127.0.0.1:${this.#p2pPort}`;
  }

  /** The standard error of the process and the end of its log. */
  async lastWords(): Promise<string> {
    const log = await this.debugLog().catch(() => "");
    const stderr = this.isRunning ? "" : await this.#stderr;
    return `${stderr}${log.trim().split("\n").slice(-LOG_TAIL_LINES).join("\n")}`;
  }

  /** Stops the process, whatever it takes, and removes the data directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isRunning) {
      this.signal("SIGCONT");
      await this.cli("stop").catch(() => {});
      await this.ended(undefined, DEADLINE_MS).catch(() => this.signal("SIGKILL"));
      await this.#process?.exited;
    }
    await rm(this.#dataDir, { recursive: true, force: true });
  }

  async #answers(): Promise<boolean> {
    if (!this.isRunning) throw await this.#endedError("expected a running node");
    try {
      await this.cli("uptime");
      return true;
    } catch (error) {
      if (error instanceof CliError) return false;
      throw error;
    }
  }

  async #endedError(what: string): Promise<Error> {
    const { exitCode, signalCode } = this.#process ?? {};
    return new Error(
      `${what}: the node has ended, exit code ${exitCode}, signal ${signalCode}\n${await this.lastWords()}`,
    );
  }
}

function parseResult(text: string): unknown {
  // Text comes without quotes: hashes, addresses, sentences.
  return /^([[{]|-?\d+(\.\d+)?$|(true|false)$)/.test(text) ? JSON.parse(text) : text;
}

/** A reviver that leaves numbers as they are written. */
function asWritten(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === "number" ? context!.source : value;
}
