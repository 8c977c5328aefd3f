// The subscribers that are compared: the bare C loop, the plain C++ subscriber and the exporter's executable. Each is a process
// that is pinned to a core and reports how many callbacks it counted.

import { compiledExporter } from "../test/exporter-command.ts";
import { ExporterProcess, type StartOptions } from "../test/exporter-process.ts";
import type { ReferenceNode } from "../test/reference-node/reference-node.ts";
import { linesOf } from "./lines.ts";
import type { NativePrograms } from "./native/build.ts";
import { pinnedTo } from "./pinning.ts";

export type Contestant = "floor" | "cpp" | "exporter";
export const CONTESTANTS: readonly Contestant[] = ["floor", "cpp", "exporter"];

/** Counted callbacks. */
export interface Counts {
  /** Transactions that entered the mempool. */
  readonly added: number;
  readonly blocks: number;
  /** Coins that entered the UTXO cache. */
  readonly coins: number;
  /** All other callbacks. */
  readonly others: number;
}

export interface Subscriber extends AsyncDisposable {
  readonly pid: number;
  counts(): Promise<Counts>;
}

/** No poll after the first one, and no calls after a block. */
export const RARE_POLLS = ["--poll-interval", "86400", "--no-collector", "blockstats", "--trace-budget", "100"];

const SUBSCRIBE_DEADLINE_MS = 20_000;

/** Starts one on a core; resolves when it has subscribed to every callback. */
export async function startSubscriber(
  contestant: Contestant,
  programs: NativePrograms,
  node: ReferenceNode,
  core: number,
): Promise<Subscriber> {
  if (contestant === "exporter") return startExporter(node, core);
  const subscriber = new NativeSubscriber([...pinnedTo(core), programs[contestant], node.socketPath]);
  await subscribed(node);
  return subscriber;
}

/** The same for the exporter. */
export async function startExporter(
  node: ReferenceNode,
  core: number,
  { args = [], ...options }: StartOptions = {},
): Promise<ExporterSubscriber> {
  const command = [...pinnedTo(core), ...(await compiledExporter())];
  const exporter = await ExporterProcess.start(node.socketPath, {
    ...options,
    command,
    args: [...RARE_POLLS, ...args],
  });
  await subscribed(node);
  return new ExporterSubscriber(exporter);
}

/** Resolves when the node has both subscriptions. */
export async function subscribed(node: ReferenceNode): Promise<void> {
  await node.waitFor("subscribed", SUBSCRIBE_DEADLINE_MS);
  await node.waitFor("subscribed", SUBSCRIBE_DEADLINE_MS);
}

export class ExporterSubscriber implements Subscriber {
  readonly process: ExporterProcess;

  constructor(process: ExporterProcess) {
    this.process = process;
  }

  get pid(): number {
    return this.process.pid;
  }

  async counts(): Promise<Counts> {
    return countsOf(await this.process.metrics());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.process[Symbol.asyncDispose]();
  }
}

function countsOf(metrics: ReadonlyMap<string, number>): Counts {
  const sum = (names: readonly string[]) => names.reduce((total, name) => total + (metrics.get(name) ?? Number.NaN), 0);
  return {
    added: sum(["bitcoin_mempool_tx_added_total"]),
    blocks: sum(["bitcoin_blocks_connected_total"]),
    coins: sum(["bitcoin_utxo_cache_add_total"]),
    others: sum([
      "bitcoin_mempool_tx_removed_total",
      "bitcoin_blocks_disconnected_total",
      "bitcoin_tip_updates_total",
      "bitcoin_chain_state_flushes_total",
      "bitcoin_utxo_cache_spend_total",
      "bitcoin_utxo_cache_uncache_total",
    ]),
  };
}

/** A program of bench/native, which answers SIGUSR2 with its counts in JSON. */
class NativeSubscriber implements Subscriber {
  readonly #process: Bun.Subprocess<"ignore", "pipe", "inherit">;
  readonly #lines: AsyncGenerator<string>;
  #subscribed = false;

  constructor(command: string[]) {
    this.#process = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
    this.#lines = linesOf(this.#process.stdout);
  }

  get pid(): number {
    return this.#process.pid;
  }

  async counts(): Promise<Counts> {
    // From its first line on, `subscribed`, it handles the signal.
    if (!this.#subscribed) await this.#nextLine();
    this.#subscribed = true;
    this.#process.kill("SIGUSR2");
    return JSON.parse(await this.#nextLine()) as Counts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill();
    await this.#process.exited;
  }

  async #nextLine(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`a subscriber has ended, exit code ${await this.#process.exited}`);
    return value;
  }
}
