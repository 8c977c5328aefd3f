// HTTP clients that are slow, greedy or malformed, for the tests of faults and for the bench of scrapes.

import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { PASSWORD, USER } from "../protected-exporter.ts";

const REQUEST = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
const WITH_PASSWORD = withPassword(PASSWORD);
const CHUNKED_REQUEST = "POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
const BYTE_CHUNKS = "1\r\nx\r\n".repeat(10_000);

/** The first bytes of a TLS handshake: a record of 512 bytes, of which these are eleven. */
const HALF_HELLO = Buffer.from("1603010200010001fc0303", "hex");

function withPassword(password: string): string {
  const credentials = Buffer.from(`${USER}:${password}`).toString("base64");
  return `GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ${credentials}\r\n\r\n`;
}

/** Clients of one kind, until they are disposed. */
export class Clients implements Disposable {
  readonly #port: number;
  readonly #isTls: boolean;
  readonly #sockets = new Set<Socket>();
  readonly #timers: Timer[] = [];
  #isOver = false;

  constructor(port: number, isTls: boolean) {
    this.#port = port;
    this.#isTls = isTls;
  }

  /** Connects `count` clients one after the other, and calls `begin` for each. With TLS they do not verify the server. */
  static async of(
    port: number,
    count: number,
    begin: (socket: Socket, clients: Clients) => void,
    protocol: "tcp" | "tls" = "tcp",
  ): Promise<Clients> {
    const clients = new Clients(port, protocol === "tls");
    for (let index = 0; index < count; index++) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const socket = clients.add(() => resolve());
      socket?.once("error", resolve);
      await promise;
      if (socket !== undefined) begin(socket, clients);
    }
    return clients;
  }

  /** Connects one more, unless they are disposed. The server may refuse or reset it. */
  add(connected: (socket: Socket) => void): Socket | undefined {
    if (this.#isOver) return undefined;
    const address = { port: this.#port, host: "127.0.0.1" };
    const socket = this.#isTls ? connectTls({ ...address, rejectUnauthorized: false }) : connect(address);
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on(this.#isTls ? "secureConnect" : "connect", () => connected(socket));
    return socket;
  }

  every(ms: number, action: () => void): void {
    this.#timers.push(setInterval(action, ms));
  }

  get open(): number {
    return this.#sockets.size;
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    for (const timer of this.#timers) clearInterval(timer);
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Calls `onEnd` at the end of each response; the next one must not begin before. */
function readPages(socket: Socket, onEnd: () => void): void {
  let received = Buffer.alloc(0);
  socket.on("data", (bytes: Buffer) => {
    received = Buffer.concat([received, bytes]);
    const bodyStart = received.indexOf("\r\n\r\n") + 4;
    const head = received.toString("latin1", 0, bodyStart);
    const sizeBytes = Number(/^Content-Length: (\d+)\r$/m.exec(head)?.[1]);
    // Without a length the head is incomplete, and the comparison is false.
    if (!(received.length >= bodyStart + sizeBytes)) return;
    received = Buffer.alloc(0);
    onEnd();
  });
}

/** Writes `text` repeatedly, as fast as the server reads. */
function flood(socket: Socket, text: string): void {
  socket.resume();
  const send = () => {
    if (!socket.destroyed) socket.write(text, send);
  };
  send();
}

/** The same bytes in each run. */
function randomBytes(seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: 512 }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 16;
  });
}

export interface ClientKind {
  readonly name: string;
  start(port: number): Promise<Clients>;
}

export const CLIENT_KINDS: readonly ClientKind[] = [
  {
    name: "500 that send a byte now and then",
    start: (port) =>
      Clients.of(port, 500, (socket, clients) => {
        let sent = 0;
        socket.resume();
        clients.every(250, () => void socket.write(REQUEST[sent++ % REQUEST.length]!));
      }),
  },
  {
    name: "50 that request a hundred pages and never read",
    start: (port) =>
      Clients.of(port, 50, (socket) => {
        socket.pause();
        socket.write(REQUEST.repeat(100));
      }),
  },
  {
    name: "4 that request 20 pages at once, repeatedly, and read",
    start: (port) => Clients.of(port, 4, (socket) => flood(socket, REQUEST.repeat(20))),
  },
  {
    name: "8 that request a page as soon as they have the last one",
    start: (port) =>
      Clients.of(port, 8, (socket) => {
        readPages(socket, () => void socket.write(REQUEST));
        socket.write(REQUEST);
      }),
  },
  {
    name: "8 that connect again as soon as they have a page",
    start: (port) =>
      Clients.of(port, 8, (first, clients) => {
        const request = (socket: Socket) => {
          socket.on("close", () => clients.add(request));
          socket.resume();
          socket.end(REQUEST);
        };
        request(first);
      }),
  },
  {
    name: "20 that pipeline, read a little, reset and connect again",
    start: (port) =>
      Clients.of(port, 20, (first, clients) => {
        const request = (socket: Socket) => {
          socket.on("close", () => clients.add(request));
          socket.once("data", () => socket.resetAndDestroy());
          socket.write(REQUEST.repeat(1000));
        };
        request(first);
      }),
  },
  {
    name: "500 that send half a request",
    start: (port) => Clients.of(port, 500, (socket) => void socket.write(REQUEST.slice(0, 20))),
  },
  {
    name: "20 that send a body in chunks of one byte",
    start: (port) =>
      Clients.of(port, 20, (socket) => {
        socket.write(CHUNKED_REQUEST);
        flood(socket, BYTE_CHUNKS);
      }),
  },
  {
    name: "20 that send random bytes, disconnect and connect again",
    start: (port) =>
      Clients.of(port, 20, (_, clients) => {
        let seed = 1;
        clients.every(50, () => {
          const socket = clients.add((socket) => socket.end(randomBytes(seed++)));
          socket?.resume();
          setTimeout(() => socket?.destroy(), 500);
        });
      }),
  },
];

/** Of an exporter with TLS and a password, as `Protection` makes one. */
export const TLS_CLIENT_KINDS: readonly ClientKind[] = [
  {
    name: "500 that begin a TLS handshake and stop",
    start: (port) => Clients.of(port, 500, (socket) => void socket.write(HALF_HELLO)),
  },
  {
    name: "8 that request a page over TLS as soon as they have the last one",
    start: (port) =>
      Clients.of(
        port,
        8,
        (socket) => {
          readPages(socket, () => void socket.write(WITH_PASSWORD));
          socket.write(WITH_PASSWORD);
        },
        "tls",
      ),
  },
  {
    name: "8 that shake hands, guess a password and connect again",
    start: (port) => {
      let guesses = 0;
      const guess = (socket: Socket, clients: Clients) => {
        socket.on("close", () => clients.add((next) => guess(next, clients)));
        socket.resume();
        socket.write(withPassword(`guess ${guesses++}`));
      };
      return Clients.of(port, 8, guess, "tls");
    },
  },
];
