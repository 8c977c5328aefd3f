// Listens for HTTP, with TLS if it is configured, and answers every request with the payload, whatever its method and path;
// limits the connections.
// main creates it at start and stops it at the end.

import type { Socket } from "bun";
import { Backlog } from "./backlog.ts";
import { HttpConnection } from "./http-connection.ts";
import { Passwords } from "./passwords.ts";
import { ResponseBuffer } from "./response-buffer.ts";
import { TlsClient, type TlsClientContext } from "./tls-client.ts";
import { createTurnQueue } from "./turn-queue.ts";
import type { WebConfig } from "./web-config-file.ts";

export interface ServerOptions {
  /**
   * The current exposition; called for each response, which copies the bytes before the next call. While the function returns
   * the same object, it is compressed once. If it throws, the response is 500.
   */
  readonly payload: () => Uint8Array;
  /** Whether something more urgent than clients needs the thread; then turns are rationed. Default: never. */
  readonly isBusy?: () => boolean;
  /** TLS, passwords and header fields; read for each connection and each response, so they may change. Default: none. */
  readonly web?: WebConfig | undefined;
  /** Called for a client that the rules for certificates refuse. */
  readonly onRefused?: (reason: string) => void;
  readonly limits?: Partial<ServerLimits>;
}

export interface ServerLimits {
  /** Connections served at once; the next one gets 503. */
  readonly maxConnections: number;
  /** Connections that receive 503 at once; the next one gets a reset. */
  readonly maxRefused: number;
  /**
   * Timeout of a connection that waits for a request, has sent only a part of one since its first byte, or has read nothing of
   * its response.
   */
  readonly idleTimeoutMs: number;
  /** Timeout of a TLS handshake. */
  readonly handshakeTimeoutMs: number;
  /** Timeout after the last response if the client does not close the connection. */
  readonly lingerTimeoutMs: number;
}

export interface ListenAddress {
  /** `::` is all IPv6 and IPv4 addresses, and all IPv4 addresses on a host without IPv6. */
  readonly hostname: string;
  /** 0 chooses a free one. */
  readonly port: number;
}

export interface MetricsServer {
  /**
   * Listens on one more address; the limits are those of all addresses together. Returns the address listened on, with
   * `0.0.0.0` instead of `::` on a host without IPv6. Throws Bun's error: see `listenErrorText`.
   */
  listen(address: ListenAddress): ListenAddress;
  /** Stops listening and closes every connection. The kernel still delivers bytes that it has accepted. */
  stop(): void;
}

const DEFAULT_LIMITS: ServerLimits = {
  maxConnections: 512,
  maxRefused: 512,
  idleTimeoutMs: 30_000,
  handshakeTimeoutMs: 10_000,
  lingerTimeoutMs: 2_000,
};

/** Between two handshakes while the thread is wanted. One takes about as long as ten scrapes. */
const HANDSHAKE_INTERVAL_MS = 50;

const PLAIN: WebConfig = { tls: undefined, passwords: new Passwords(), headerFields: "" };

type Client = HttpConnection | TlsClient;

/** Listens on no address yet. */
export function createServer(options: ServerOptions): MetricsServer {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const listeners: Bun.TCPSocketListener<Client | undefined>[] = [];
  const web = options.web ?? PLAIN;
  const served = new Set<Client>();
  const refused = new Set<Client>();
  const context: TlsClientContext = {
    payload: options.payload,
    passwords: web.passwords,
    responses: new ResponseBuffer(() => web.headerFields),
    backlog: new Backlog(),
    turns: createTurnQueue(options.isBusy),
    handshakes: createTurnQueue(options.isBusy, HANDSHAKE_INTERVAL_MS),
    idleTimeoutMs: limits.idleTimeoutMs,
    handshakeTimeoutMs: limits.handshakeTimeoutMs,
    lingerTimeoutMs: limits.lingerTimeoutMs,
    onRefused: options.onRefused ?? (() => {}),
  };

  function open(socket: Socket<Client | undefined>): void {
    const isServed = served.size < limits.maxConnections;
    if (!isServed && refused.size >= limits.maxRefused) return void socket.terminate();
    const { tls } = web;
    const isOutdated = () => web.tls !== tls;
    const client =
      tls === undefined
        ? new HttpConnection(socket, context, isOutdated)
        : new TlsClient(socket, tls, context, isOutdated);
    socket.data = client;
    (isServed ? served : refused).add(client);
    if (!isServed) client.refuse(503, `more than ${limits.maxConnections} connections`);
  }

  function close({ data: client }: Socket<Client | undefined>): void {
    if (client === undefined) return;
    served.delete(client);
    refused.delete(client);
    client.closed();
  }

  const listenOn = (hostname: string, port: number) =>
    Bun.listen<Client | undefined>({
      hostname,
      port,
      allowHalfOpen: true, // a client may send its FIN right after its request and still waits for the response
      socket: {
        open,
        close,
        data: (socket, bytes) => socket.data?.receive(bytes),
        drain: (socket) => socket.data?.drain(),
        end: (socket) => socket.data?.endInput(),
        error: (socket) => socket.terminate(), // a handler threw: only this client loses its connection
      },
    });

  const sweep = setInterval(
    () => {
      const now = performance.now();
      for (const connection of [...served, ...refused]) connection.closeIfOverdue(now);
    },
    Math.min(limits.idleTimeoutMs, limits.lingerTimeoutMs, 4_000) / 4,
  );
  sweep.unref(); // the listener keeps the process alive, the sweep does not

  return {
    listen({ hostname, port }) {
      const listener = withIpv4Fallback(hostname, (host) => listenOn(host, port));
      listeners.push(listener);
      return { hostname: listener.hostname, port: listener.port };
    },
    stop() {
      clearInterval(sweep);
      // Bun closes the sockets of a listener, but not those that were upgraded.
      for (const client of [...served, ...refused]) if (client instanceof TlsClient) client.close();
      for (const listener of listeners) listener.stop(true);
    },
  };
}

/** `listenOn` all IPv4 addresses if the host has no IPv6, for which Bun reports no code. */
function withIpv4Fallback<T>(hostname: string, listenOn: (hostname: string) => T): T {
  try {
    return listenOn(hostname);
  } catch (error) {
    if (hostname !== "::" || (error as NodeJS.ErrnoException).code !== undefined) throw error;
    return listenOn("0.0.0.0");
  }
}
