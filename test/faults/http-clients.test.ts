// HTTP clients that are slow, deaf, greedy or confused, while the node calls back: it has its answers as fast as without them,
// and the exporter's memory does not grow. What a client gets to see is in src/http/server.test.ts.

import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { eventually } from "../eventually.ts";
import { expectOrderlyLeave, session } from "../executable/sessions.ts";
import { COMPILE_DEADLINE_MS, compiledExporter } from "../exporter-command.ts";
import type { ExporterProcess } from "../exporter-process.ts";
import { buildReferenceNode, buildTimeoutMs } from "../reference-node/build.ts";
import { type CallbackParams, ReferenceNode } from "../reference-node/reference-node.ts";
import { openFds, residentBytes } from "./usage.ts";

setDefaultTimeout(120_000);
beforeAll(buildReferenceNode, buildTimeoutMs);
beforeAll(compiledExporter, COMPILE_DEADLINE_MS);

const CALLS = 6000;
const ROUNDS = 4;
/** A machine with other work has rounds that say nothing. */
const ATTEMPTS = 12;
const MAX_RATIO = 2;
/** By then, whoever does not read has all that the kernel takes for it. */
const SETTLE_MS = 400;
const MIB = 1024 * 1024;
const MAX_RESIDENT_GROWTH_BYTES = 40 * MIB;

const COIN: CallbackParams["UtxoCacheTrace.add"] = {
  utxoInfo: { outpointHash: 32, outpointN: 1, height: 120, value: 1, isCoinbase: false },
};
const REQUEST = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

/** Clients of one kind, from now until they are closed. */
class Clients implements Disposable {
  readonly #sockets: Socket[] = [];
  readonly #timers: Timer[] = [];
  #isOver = false;

  /** Connects so many; `begin` is called for each once it is. */
  static async of(port: number, count: number, begin: (socket: Socket, clients: Clients) => void): Promise<Clients> {
    const clients = new Clients();
    for (let index = 0; index < count; index++) {
      const socket = connect({ port, host: "127.0.0.1" });
      clients.#sockets.push(socket);
      // One that is refused or hung up on has had its answer.
      socket.on("error", () => {});
      await new Promise((resolve) => socket.once("connect", resolve).once("error", resolve));
      begin(socket, clients);
    }
    return clients;
  }

  /** Connects another one, unless they are to go; `begin` is called for it at once. */
  come(port: number, begin: (socket: Socket) => void): void {
    if (this.#isOver) return;
    const socket = connect({ port, host: "127.0.0.1" });
    this.#sockets.push(socket);
    begin(socket);
  }

  every(ms: number, action: () => void): void {
    this.#timers.push(setInterval(action, ms));
  }

  get open(): number {
    return this.#sockets.filter(({ destroyed }) => !destroyed).length;
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    for (const timer of this.#timers) clearInterval(timer);
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Sees where a response ends that is whole before the next one is asked for. */
class PageReader {
  readonly #onEnd: () => void;
  #bytes = Buffer.alloc(0);

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  read(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    const bodyStart = this.#bytes.indexOf("\r\n\r\n") + 4;
    const head = this.#bytes.toString("latin1", 0, bodyStart);
    const sizeBytes = Number(/^Content-Length: (\d+)\r$/m.exec(head)?.[1]);
    // Without a length there is no head yet, and the comparison is false.
    if (!(this.#bytes.length >= bodyStart + sizeBytes)) return;
    this.#bytes = Buffer.alloc(0);
    this.#onEnd();
  }
}

/** The same bytes in each run. */
function garbage(seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: 512 }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 16;
  });
}

const KINDS: readonly (readonly [what: string, start: (port: number) => Promise<Clients>])[] = [
  [
    "500 that send a byte now and then",
    (port) =>
      Clients.of(port, 500, (socket, clients) => {
        let sent = 0;
        socket.resume();
        clients.every(250, () => void socket.write(REQUEST[sent++ % REQUEST.length]!));
      }),
  ],
  [
    "50 that ask for a hundred pages and never read",
    (port) =>
      Clients.of(port, 50, (socket) => {
        socket.pause();
        socket.write(REQUEST.repeat(100));
      }),
  ],
  [
    "4 that ask for 20 pages at once, again and again, and read",
    (port) =>
      Clients.of(port, 4, (socket) => {
        socket.resume();
        const ask = () => {
          if (!socket.destroyed) socket.write(REQUEST.repeat(20), ask);
        };
        ask();
      }),
  ],
  [
    "8 that ask for a page as soon as they have the last one",
    (port) =>
      Clients.of(port, 8, (socket) => {
        const page = new PageReader(() => void socket.write(REQUEST));
        socket.on("data", (bytes: Buffer) => page.read(bytes));
        socket.write(REQUEST);
      }),
  ],
  [
    "8 that come again as soon as they have a page",
    (port) =>
      Clients.of(port, 8, (socket, clients) => {
        const ask = (asking: Socket) => {
          asking.on("error", () => {});
          asking.on("close", () => clients.come(port, ask));
          asking.resume();
          asking.end(REQUEST);
        };
        ask(socket);
      }),
  ],
  [
    "500 that send half a request",
    (port) => Clients.of(port, 500, (socket) => void socket.write(REQUEST.slice(0, 20))),
  ],
  [
    "20 that send random bytes, hang up and come again",
    (port) =>
      Clients.of(port, 20, (_, clients) => {
        let seed = 1;
        clients.every(50, () => {
          const socket = connect({ port, host: "127.0.0.1" });
          socket.on("error", () => {});
          socket.on("connect", () => socket.end(garbage(seed++)));
          socket.resume();
          setTimeout(() => socket.destroy(), 500);
        });
      }),
  ],
];

/** The time that 99 of 100 of the node's calls were answered in, in microseconds. */
async function p99(node: ReferenceNode): Promise<number> {
  const { microseconds, errors } = await node.fire("UtxoCacheTrace.add", COIN, { count: CALLS });
  expect(errors).toEqual([]);
  expect(microseconds).toHaveLength(CALLS);
  return microseconds.sort((a, b) => a - b)[Math.floor(CALLS * 0.99)]!;
}

interface Measured {
  readonly quiet: number;
  readonly loaded: number;
  readonly residentBytes: number;
}

/** Quiet and loaded rounds in turns, so that what else the machine does is in both. */
async function measure(
  node: ReferenceNode,
  exporter: ExporterProcess,
  start: (port: number) => Promise<Clients>,
): Promise<Measured> {
  const port = Number(new URL(exporter.url).port);
  const quiet: number[] = [];
  const loaded: number[] = [];
  let most = 0;
  const fds = openFds(exporter.pid);
  for (let round = 0; round < ROUNDS; round++) {
    quiet.push(await p99(node));
    using clients = await start(port);
    await Bun.sleep(SETTLE_MS);
    loaded.push(await p99(node));
    expect(clients.open).toBeGreaterThan(0);
    most = Math.max(most, residentBytes(exporter.pid));
    clients[Symbol.dispose]();
    await eventually("their connections are closed", () => openFds(exporter.pid) <= fds + 1, {
      describe: () => `${openFds(exporter.pid)} instead of ${fds}`,
    });
  }
  // The best rounds: what else the machine does only ever adds.
  return { quiet: Math.min(...quiet), loaded: Math.min(...loaded), residentBytes: most };
}

describe("callbacks are answered as fast, and memory is bounded, with", () => {
  test.each(KINDS)("%s", async (what, start) => {
    await using node = await ReferenceNode.start();
    await using exporter = await session(node, { args: ["--trace-budget", "100", "--poll-interval", "3600"] });
    await p99(node);
    const before = residentBytes(exporter.pid);
    let measured: Measured | undefined;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      measured = await measure(node, exporter, start);
      const { quiet, loaded, residentBytes } = measured;
      const ratio = (loaded / quiet).toFixed(2);
      console.log(`    ${what}: p99 ${loaded} µs, quiet ${quiet} µs, ${ratio}; ${Math.round(residentBytes / MIB)} MiB`);
      expect(residentBytes - before).toBeLessThan(MAX_RESIDENT_GROWTH_BYTES);
      if (loaded <= MAX_RATIO * quiet) break;
    }
    expect(measured!.loaded).toBeLessThanOrEqual(MAX_RATIO * measured!.quiet);
    // It serves.
    expect((await exporter.metrics()).get("bitcoin_ipc_up")).toBe(1);
    exporter.signal("SIGTERM");
    await expectOrderlyLeave(node, exporter);
  });
});
