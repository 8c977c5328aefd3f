// One client of a server with TLS: its handshake, then the connection that answers it. The server makes one for each socket.
// The listener is one of plain TCP, and each socket is upgraded: so each new connection uses the current certificate, and
// handshakes, which take longer than scrapes, wait for a turn. A handshake begins once the client's first message is complete:
// steps after the upgrade wait for no turn, and signing is most of the work.

import type { Socket, SocketHandler, TLSUpgradeOptions } from "bun";
import { releaseChunk } from "../memory/chunk.ts";
import { garbage } from "../memory/garbage.ts";
import { hasHello } from "./client-hello.ts";
import { type ConnectionContext, HttpConnection } from "./http-connection.ts";
import type { ErrorStatus } from "./response-buffer.ts";
import { NO_CERTIFICATE, type TlsContext } from "./tls-context.ts";
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

/** Bun's types lack these; node:tls upgrades its servers' sockets with them. `initialData` was received before the upgrade. */
type ServerUpgrade = TLSUpgradeOptions<TlsClient> & { readonly isServer: true; readonly initialData: Buffer };

export class TlsClient implements TurnTaker {
  /** Of TCP, and once the handshake begins of TLS. */
  #socket: Socket<unknown>;
  readonly #tls: TlsContext;
  readonly #context: TlsClientContext;
  readonly #isOutdated: () => boolean;
  readonly #deadline: number;
  /** Set by the end of the handshake. */
  #connection: HttpConnection | undefined;
  /** Received before the handshake begins: the client's first message, or a part of it. */
  #hello: Buffer = Buffer.alloc(0);
  /** Waiting: for the first message, then for a turn. */
  #state: "waiting" | "queued" | "begun" | "closed" = "waiting";
  #refusal: readonly [ErrorStatus, string] | undefined;

  /** `socket` is connected, and nothing of it has been read. Its `data` must be the client: upgrading copies it. */
  constructor(socket: Socket<unknown>, tls: TlsContext, context: TlsClientContext, isOutdated: () => boolean) {
    this.#socket = socket;
    this.#tls = tls;
    this.#context = context;
    this.#isOutdated = isOutdated;
    this.#deadline = performance.now() + context.handshakeTimeoutMs;
  }

  /** The socket of TCP delivered `bytes`; after the upgrade Bun delivers to it what the other one decrypts. */
  receive(bytes: Buffer): void {
    if (this.#state === "waiting" || this.#state === "queued") this.#hello = Buffer.concat([this.#hello, bytes]);
    if (this.#state === "waiting") {
      const isComplete = hasHello(this.#hello);
      if (isComplete === undefined) this.#refuseBytes();
      else if (isComplete) this.#queue();
    }
    garbage.add(releaseChunk(bytes));
  }

  /** Closes the connection of a client that does not begin TLS, with an answer if it speaks HTTP, whose methods are capitals. */
  #refuseBytes(): void {
    if (!/^[A-Z]/.test(this.#hello.toString("latin1", 0, 1))) return void this.#socket.terminate();
    const { responses } = this.#context;
    responses.clear();
    responses.addError(400, "this is an HTTPS server; use https://");
    this.#socket.write(responses.written);
    this.#socket.close();
  }

  #queue(): void {
    this.#state = "queued";
    this.#socket.pause();
    this.#context.handshakes.add(this);
  }

  /** Begins the handshake. False if the connection is closed. */
  takeTurn(): boolean {
    if (this.#state === "closed") return false;
    this.#state = "begun";
    const options = { data: this, tls: this.#tls.options, isServer: true, socket: HANDLERS } as const;
    const upgrade: ServerUpgrade = { ...options, initialData: this.#hello };
    try {
      const [raw, secure] = this.#socket.upgradeTLS(upgrade);
      this.#socket = secure;
      raw.resume();
    } catch {
      // The client has gone, and the event of that has not come yet.
      this.#socket.terminate();
    }
    this.#hello = Buffer.alloc(0);
    garbage.add(HANDSHAKE_GARBAGE_BYTES);
    return true;
  }

  drain(): void {}

  endInput(): void {
    if (this.#state !== "begun") this.#socket.close();
  }

  /** The socket is closed, by either side. */
  closed(): void {
    this.#state = "closed";
    this.#connection?.closed();
  }

  /** Closes the connection if its timeout has passed; `nowMs` is of `performance.now()`. */
  closeIfOverdue(nowMs: number): void {
    if (this.#connection !== undefined) this.#connection.closeIfOverdue(nowMs);
    else if (nowMs >= this.#deadline) this.#socket.terminate();
  }

  /** Closes the connection. The kernel still delivers bytes that it has accepted. */
  close(): void {
    this.#socket.close();
  }

  /** Answers any first request with an error and closes. */
  refuse(status: ErrorStatus, message: string): void {
    this.#refusal = [status, message];
  }

  get connection(): HttpConnection | undefined {
    return this.#connection;
  }

  /** The handshake failed, with BoringSSL's error. Most are a client's own faults, and not logged. */
  unshaken(error: Error | null): void {
    if (error?.message.includes("PEER_DID_NOT_RETURN_A_CERTIFICATE")) this.#context.onRefused(NO_CERTIFICATE);
  }

  /** The handshake is complete. */
  shaken(socket: Socket<TlsClient>): void {
    const refusal = this.#tls.refusal(socket);
    if (refusal === undefined) {
      this.#connection = new HttpConnection(socket, this.#context, this.#isOutdated);
      if (this.#refusal !== undefined) this.#connection.refuse(...this.#refusal);
    } else {
      this.#context.onRefused(refusal);
      socket.close();
    }
  }
}

/** Of the upgraded sockets. */
const HANDLERS: SocketHandler<TlsClient> = {
  handshake(socket, isComplete, error) {
    if (isComplete) socket.data.shaken(socket);
    else socket.data.unshaken(error);
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
    else socket.close();
  },
  close: (socket) => socket.data.closed(),
  error: (socket) => socket.terminate(),
};
