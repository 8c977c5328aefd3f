// Connections for tests, without sockets: two of ours back to back, or one whose peer sends what a test writes. A test file that uses
// them calls `afterEach(expectEmptyTables)`: after each test all tables must be empty.

import { expect } from "bun:test";
import type { ImportedCapability } from "../../src/rpc/capability.ts";
import { Connection, type ConnectionOptions, type TableSizes, type Transport } from "../../src/rpc/connection.ts";
import type { HotReader } from "../../src/rpc/hot-reader.ts";
import { splitFrames } from "./frames.ts";
import { type Descriptor, type PlainMessage, plainMessage, returnBootstrapFrame } from "./rpc-messages.ts";

/** Counts the calls that the hot path reads on `connection`, with readers that are set after this. */
export function countHotCalls(connection: Connection): () => number {
  let count = 0;
  const { exports } = connection;
  const setHotReader = exports.setHotReader.bind(exports);
  exports.setHotReader = (server, reader) => {
    const read: HotReader["read"] = (methodId, params) => {
      const isRead = reader.read(methodId, params);
      if (isRead) count++;
      return isRead;
    };
    setHotReader(server, { ...reader, read });
  };
  return () => count;
}

export const EMPTY_TABLES: TableSizes = { questions: 0, answers: 0, imports: 0, exports: 0 };

/** Longer than any test: no deadline ends in tests of other subjects. */
const NO_DEADLINE_MS = 60_000;

type Options = Partial<Omit<ConnectionOptions, "transport">>;

/** Objects of peers that tests called, which end with the test. */
const objects: ImportedCapability[] = [];
const opened: { connection: Connection; settled: () => Promise<void> }[] = [];

/**
 * Fails unless every connection of the test has empty tables once its bootstrap object is closed and nothing is under way. Ends the
 * connections.
 */
export async function expectEmptyTables(): Promise<void> {
  for (const object of objects.splice(0)) object.close();
  const connections = opened.splice(0);
  for (const { settled } of connections) await settled();
  const sizes = connections.map(({ connection }) => connection.sizes);
  for (const { connection } of connections) connection.close();
  expect(sizes).toEqual(connections.map(() => EMPTY_TABLES));
}

/** One turn of the event loop: every promise that can settle has. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function open(transport: Transport, options: Options): { connection: Connection; ended: Promise<Error> } {
  const { promise, resolve } = Promise.withResolvers<Error>();
  const onEnd = (reason: Error) => {
    options.onEnd?.(reason);
    resolve(reason);
  };
  const connection = new Connection({ deadlineMs: NO_DEADLINE_MS, ...options, transport, onEnd });
  return { connection, ended: promise };
}

/** Passes a chunk to the connection and then overwrites it, so that a part that was kept by mistake has wrong bytes. */
function receive(connection: Connection, chunk: Uint8Array): void {
  connection.receive(chunk);
  chunk.fill(0xff);
}

// ---- two of ours ----

/** How a link delivers writes: whole, byte by byte, or accepting only a few bytes of each write. */
export type Delivery = "whole" | "bytes" | "partial";
export const DELIVERIES: readonly Delivery[] = ["whole", "bytes", "partial"];

const PARTIAL_BYTES = 13;

/** One direction of a stream. Written bytes arrive in a later microtask, or, while held, when they are released. */
class Link implements Transport {
  readonly #delivery: Delivery;
  #chunks: Uint8Array[] = [];
  #isClosed = false;
  #isScheduled = false;
  #ends: { sender: Connection; receiver: Connection } | undefined;
  isHeld = false;

  constructor(delivery: Delivery) {
    this.#delivery = delivery;
  }

  join(sender: Connection, receiver: Connection): void {
    this.#ends = { sender, receiver };
  }

  get isQuiet(): boolean {
    return this.isHeld || (this.#chunks.length === 0 && !this.#isScheduled);
  }

  write(bytes: Uint8Array): number {
    const taken = this.#delivery === "partial" ? Math.min(PARTIAL_BYTES, bytes.length) : bytes.length;
    this.#chunks.push(bytes.slice(0, taken));
    this.#schedule();
    return taken;
  }

  close(rest: Uint8Array): void {
    this.#chunks.push(rest.slice());
    this.#isClosed = true;
    this.#schedule();
  }

  letGo(): void {
    this.isHeld = false;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.isHeld) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      if (!this.isHeld) this.#deliver();
    });
  }

  #deliver(): void {
    const { sender, receiver } = this.#ends!;
    for (const chunk of this.#chunks.splice(0)) {
      if (this.#delivery === "bytes") for (const byte of chunk) receiver.receive(Uint8Array.of(byte));
      else receive(receiver, chunk);
    }
    if (this.#delivery === "partial") sender.drained();
    if (this.#isClosed) receiver.disconnected("the peer closed the stream");
  }
}

export interface Pair {
  readonly client: Connection;
  readonly server: Connection;
  readonly clientEnded: Promise<Error>;
  readonly serverEnded: Promise<Error>;
  /** The streams from the client to the server and back. */
  readonly up: Link;
  readonly down: Link;
  /** Resolves when nothing is under way except held bytes and methods that wait for something else. */
  settled(): Promise<void>;
}

/** Two connections back to back. The server offers `server.bootstrap`. */
export function connectPair(options: { client?: Options; server?: Options; delivery?: Delivery } = {}): Pair {
  const delivery = options.delivery ?? "whole";
  const up = new Link(delivery);
  const down = new Link(delivery);
  const client = open(up, options.client ?? {});
  const server = open(down, options.server ?? {});
  up.join(client.connection, server.connection);
  down.join(server.connection, client.connection);
  const settled = async () => {
    do await turn();
    while (!up.isQuiet || !down.isQuiet);
  };
  for (const { connection } of [client, server]) opened.push({ connection, settled });
  return {
    client: client.connection,
    server: server.connection,
    clientEnded: client.ended,
    serverEnded: server.ended,
    up,
    down,
    settled,
  };
}

/** The same, and the object that the server offers. `expectEmptyTables` closes it. */
export async function connectToObject(
  options: Parameters<typeof connectPair>[0],
): Promise<Pair & { readonly object: ImportedCapability }> {
  const pair = connectPair(options);
  const object = await pair.client.bootstrap();
  objects.push(object);
  return { ...pair, object };
}

// ---- one of ours, and a peer by hand ----

/** The peer of one connection: sends what a test writes and keeps what it receives. */
export class RawPeer {
  readonly connection: Connection;
  readonly ended: Promise<Error>;
  /** Whether the connection closed the stream. */
  isClosed = false;
  /** Bytes that the stream accepts of each write, from now on. */
  takesBytes = Number.POSITIVE_INFINITY;
  /** Sizes of the writes so far. */
  readonly writes: number[] = [];
  readonly #countHotCalls: () => number;
  #heard: Uint8Array[] = [];

  constructor(options: Options = {}) {
    const transport = {
      write: (bytes: Uint8Array) => {
        const taken = bytes.slice(0, this.takesBytes);
        this.writes.push(taken.length);
        this.#heard.push(taken);
        return taken.length;
      },
      close: (rest: Uint8Array) => {
        this.#heard.push(rest.slice());
        this.isClosed = true;
      },
    };
    const { connection, ended } = open(transport, options);
    this.connection = connection;
    this.ended = ended;
    this.#countHotCalls = countHotCalls(connection);
    opened.push({ connection, settled: turn });
  }

  /** Calls that the hot path answered. */
  get hotCalls(): number {
    return this.#countHotCalls();
  }

  /**
   * The peer's bootstrap capability, which it returns as `cap`; these frames follow in the same chunk. No question may be under
   * way, so that this one has id 0. Drops the messages received until then. `expectEmptyTables` closes it.
   */
  async bootstrap(cap: Descriptor = { senderHosted: 0 }, ...frames: Uint8Array[]): Promise<ImportedCapability> {
    const bootstrap = this.connection.bootstrap();
    this.send(returnBootstrapFrame(0, cap), ...frames);
    const object = await bootstrap;
    objects.push(object);
    this.take();
    return object;
  }

  /** Sends these frames in one chunk. */
  send(...frames: Uint8Array[]): void {
    receive(this.connection, Buffer.concat(frames));
  }

  /** The frames received since the last call. */
  takeFrames(): Uint8Array[] {
    return splitFrames(Buffer.concat(this.#heard.splice(0)));
  }

  /** The messages received since the last call. */
  take(): PlainMessage[] {
    return this.takeFrames().map(plainMessage);
  }

  /** Sends these frames, and resolves to the messages received once nothing is under way. */
  async ask(...frames: Uint8Array[]): Promise<PlainMessage[]> {
    this.send(...frames);
    await turn();
    return this.take();
  }
}
