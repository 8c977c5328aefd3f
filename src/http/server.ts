// Listens for HTTP and gives every request the same answer, the payload; knows the clients and their limits.
// The exporter calls serve() when it starts and stop() when it leaves; the payload comes from a function it is given.

import type { Socket } from "bun";
import { Connection, type ConnectionContext } from "./connection.ts";
import { ResponseBuffer } from "./response-buffer.ts";
import { createTurnQueue } from "./turn-queue.ts";

export interface ServerOptions {
  /** An IP address to listen on; `::` takes IPv4 too. */
  readonly hostname: string;
  /** 0 picks a free one. */
  readonly port: number;
  /**
   * The exposition of this moment; called for each response. The bytes must not change afterwards: they may be
   * compressed once for as long as the function gives the same object. If it throws, the response is 500.
   */
  readonly payload: () => Uint8Array;
  /** Whether something more urgent than clients wants the thread: while so, turns are rationed. Never unless given. */
  readonly isBusy?: () => boolean;
  readonly limits?: Partial<ServerLimits>;
}

export interface ServerLimits {
  /** Connections served at once; the next one is told 503. */
  readonly maxConnections: number;
  /** Connections that may be reading their 503 at once; one more is reset without a word. */
  readonly maxRefused: number;
  /**
   * After this time a connection is closed that waits for a request, has sent only a part of one since it began it,
   * or has not read anything of its response.
   */
  readonly idleTimeoutMs: number;
  /** How long a connection lasts after its last response if the client does not close it. */
  readonly lingerTimeoutMs: number;
}

export interface MetricsServer {
  /** The port listened on. */
  readonly port: number;
  /** Connections being served now, without those told 503. */
  readonly connections: number;
  /** Stops listening and closes every connection; what the kernel has taken of a response is still delivered. */
  stop(): void;
}

const DEFAULT_LIMITS: ServerLimits = {
  maxConnections: 512,
  maxRefused: 512,
  idleTimeoutMs: 30_000,
  lingerTimeoutMs: 2_000,
};

/** Listens; throws Bun's error when it cannot, with `code` EADDRINUSE, EADDRNOTAVAIL or EACCES when the system has one. */
export function serve(options: ServerOptions): MetricsServer {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const served = new Set<Connection>();
  const refused = new Set<Connection>();
  const context: ConnectionContext = {
    payload: options.payload,
    responses: new ResponseBuffer(),
    turns: createTurnQueue(options.isBusy),
    idleTimeoutMs: limits.idleTimeoutMs,
    lingerTimeoutMs: limits.lingerTimeoutMs,
  };

  function open(socket: Socket<Connection>): void {
    const connection = new Connection(socket, context);
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

  function close(socket: Socket<Connection>): void {
    served.delete(socket.data);
    refused.delete(socket.data);
    socket.data.closed();
  }

  const listener = Bun.listen<Connection>({
    hostname: options.hostname,
    port: options.port,
    allowHalfOpen: true, // a client may send its FIN right after its request and still wants the answer
    socket: {
      open,
      close,
      data: (socket, bytes) => socket.data.receive(bytes),
      drain: (socket) => socket.data.drain(),
      end: (socket) => socket.data.endInput(),
      error: (socket) => socket.terminate(), // a handler threw: costs this client its connection, not the process
    },
  });

  const sweep = setInterval(
    () => {
      const now = performance.now();
      for (const connection of [...served, ...refused]) connection.closeIfOverdue(now);
    },
    Math.min(limits.idleTimeoutMs, limits.lingerTimeoutMs, 4_000) / 4,
  );
  sweep.unref(); // the listener keeps the process alive, the sweep must not

  return {
    port: listener.port,
    get connections() {
      return served.size;
    },
    stop() {
      clearInterval(sweep);
      listener.stop(true);
    },
  };
}
