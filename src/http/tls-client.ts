// One client of a server with TLS: its handshake, then the connection that answers it. The server makes one for each socket.
// The listener is one of plain TCP, and each socket is upgraded: so each new connection uses the current certificate, and
// handshakes, which take longer than scrapes, wait for a turn.

import type { Socket, SocketHandler, TLSUpgradeOptions } from "bun";
import { releaseChunk } from "../memory/chunk.ts";
import { garbage } from "../memory/garbage.ts";
import { type ConnectionContext, HttpConnection } from "./http-connection.ts";
import type { ErrorStatus } from "./response-buffer.ts";
import type { TlsContext } from "./tls-context.ts";
import type { TurnQueue, TurnTaker } from "./turn-queue.ts";

/** Garbage of a handshake, about: objects of two sockets. */
const HANDSHAKE_GARBAGE_BYTES = 20_000;

export interface TlsClientContext extends ConnectionContext {
  /** Handshakes that wait: a queue of their own, or scrapes of open connections would wait for them. */
  readonly handshakes: TurnQueue<TlsClient>;
  /** From the start of a connection to the end of its handshake. */
  readonly handshakeTimeoutMs: number;
  /** Called for a client that the rules for certificates refuse. */
  readonly onRefused: (reason: string) => void;
}

/** Bun's types lack `isServer`; node:tls upgrades its servers' sockets with it. */
type ServerUpgrade = TLSUpgradeOptions<TlsClient> & { readonly isServer: true };

export class TlsClient implements TurnTaker {
  /** Of TCP, and once the handshake begins of TLS. */
  #socket: Socket<unknown>;
  readonly #tls: TlsContext;
  readonly #context: TlsClientContext;
  readonly #deadline: number;
  /** Set by the end of the handshake. */
  #connection: HttpConnection | undefined;
  #refusal: readonly [ErrorStatus, string] | undefined;
  #isClosed = false;

  /** `socket` is connected, and nothing of it has been read. */
  constructor(socket: Socket<unknown>, tls: TlsContext, context: TlsClientContext) {
    this.#socket = socket;
    this.#tls = tls;
    this.#context = context;
    this.#deadline = performance.now() + context.handshakeTimeoutMs;
  }

  /** Begins the handshake in a later turn, when the socket's `data` is the client: upgrading copies that. */
  start(): void {
    this.#socket.pause();
    this.#context.handshakes.add(this);
  }

  /** Begins the handshake. False if the connection is closed. */
  takeTurn(): boolean {
    if (this.#isClosed) return false;
    const upgrade: ServerUpgrade = { data: this, tls: this.#tls.options, isServer: true, socket: HANDLERS };
    try {
      const [raw, secure] = this.#socket.upgradeTLS(upgrade);
      this.#socket = secure;
      raw.resume();
    } catch {
      // The client has gone, and the event of that has not come yet.
      this.#socket.terminate();
    }
    garbage.add(HANDSHAKE_GARBAGE_BYTES);
    return true;
  }

  /** Bun also delivers what was encrypted to the socket that was upgraded. */
  receive(bytes: Buffer): void {
    garbage.add(releaseChunk(bytes));
  }

  drain(): void {}

  endInput(): void {}

  /** The socket is closed, by either side. */
  closed(): void {
    this.#isClosed = true;
    this.#connection?.closed();
  }

  /** Closes the connection if its timeout has passed; `nowMs` is of `performance.now()`. */
  closeIfOverdue(nowMs: number): void {
    if (this.#connection !== undefined) this.#connection.closeIfOverdue(nowMs);
    else if (nowMs >= this.#deadline) this.#socket.terminate();
  }

  /** Closes the connection. The kernel still delivers bytes that it has accepted. */
  close(): void {
    this.#socket.end();
  }

  /** Answers any first request with an error and closes. */
  refuse(status: ErrorStatus, message: string): void {
    this.#refusal = [status, message];
  }

  get connection(): HttpConnection | undefined {
    return this.#connection;
  }

  /** The handshake is complete. */
  shaken(socket: Socket<TlsClient>): void {
    const refusal = this.#tls.refusal(socket);
    if (refusal === undefined) {
      this.#connection = new HttpConnection(socket, this.#context);
      if (this.#refusal !== undefined) this.#connection.refuse(...this.#refusal);
    } else {
      this.#context.onRefused(refusal);
      socket.end();
    }
  }
}

/** Of the upgraded sockets. */
const HANDLERS: SocketHandler<TlsClient> = {
  handshake(socket, isComplete) {
    if (isComplete) socket.data.shaken(socket);
  },
  data(socket, bytes) {
    const { connection } = socket.data;
    if (connection !== undefined) connection.receive(bytes);
    else garbage.add(releaseChunk(bytes)); // refused
  },
  drain: (socket) => socket.data.connection?.drain(),
  end(socket) {
    const { connection } = socket.data;
    if (connection !== undefined) connection.endInput();
    else socket.end();
  },
  close: (socket) => socket.data.closed(),
  error: (socket) => socket.terminate(),
};
