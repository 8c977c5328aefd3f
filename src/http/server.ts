// Listens for HTTP and answers every request with the payload, whatever its method and path; limits the connections.
// main creates it at start and stops it at the end.

import type { Socket } from "bun";
import { Backlog } from "./backlog.ts";
import { type ConnectionContext, HttpConnection } from "./http-connection.ts";
import { ResponseBuffer } from "./response-buffer.ts";
import { createTurnQueue } from "./turn-queue.ts";

export interface ServerOptions {
  /**
   * The current exposition; called for each response. The bytes must not change afterwards: while the function returns the
   * same object, it is compressed once. If it throws, the response is 500.
   */
  readonly payload: () => Uint8Array;
  /** Whether something more urgent than clients wants the thread; then turns are rationed. Default: never. */
  readonly isBusy?: () => boolean;
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
  /** Stops listening and closes every connection; the kernel still delivers what it has taken of a response. */
  stop(): void;
}

const DEFAULT_LIMITS: ServerLimits = {
  maxConnections: 512,
  maxRefused: 512,
  idleTimeoutMs: 30_000,
  lingerTimeoutMs: 2_000,
};

/** Listens on no address yet. */
export function createServer(options: ServerOptions): MetricsServer {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const listeners: Bun.TCPSocketListener<HttpConnection>[] = [];
  const served = new Set<HttpConnection>();
  const refused = new Set<HttpConnection>();
  const context: ConnectionContext = {
    payload: options.payload,
    responses: new ResponseBuffer(),
    backlog: new Backlog(),
    turns: createTurnQueue(options.isBusy),
    idleTimeoutMs: limits.idleTimeoutMs,
    lingerTimeoutMs: limits.lingerTimeoutMs,
  };

  function open(socket: Socket<HttpConnection>): void {
    const connection = new HttpConnection(socket, context);
    socket.data = connection;
    if (served.size < limits.maxConnections) {
      served.add(connection);
    } else if (refused.size < limits.maxRefused) {
      refused.add(connection);
      connection.refuse(503, `more than ${limits.maxConnections} connections`);
    } else {
      socket.terminate();
    }
  }

  function close(socket: Socket<HttpConnection>): void {
    served.delete(socket.data);
    refused.delete(socket.data);
    socket.data.closed();
  }

  const listenOn = (hostname: string, port: number) =>
    Bun.listen<HttpConnection>({
      hostname,
      port,
      allowHalfOpen: true, // a client may send its FIN right after its request and still waits for the response
      socket: {
        open,
        close,
        data: (socket, bytes) => socket.data.receive(bytes),
        drain: (socket) => socket.data.drain(),
        end: (socket) => socket.data.endInput(),
        error: (socket) => socket.terminate(), // a handler threw: this client loses its connection, the process goes on
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
