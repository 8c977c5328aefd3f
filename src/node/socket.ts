// The node's Unix socket as a transport for the RPC connection.

import { closeSync, openSync } from "node:fs";
import { getSystemErrorMap } from "node:util";
import type { Socket } from "bun";
import { releaseChunk } from "../memory/chunk.ts";
import { garbage } from "../memory/garbage.ts";
import { Connection, type ConnectionOptions } from "../rpc/connection.ts";
import { readLargeMessage } from "./large-message.ts";
import { type NodeStart, nodeStart, peerPid, programOf } from "./node-process.ts";
import { pathFault } from "./socket-path.ts";

/**
 * Connects to the Unix socket at `path`. The RPC connection lives as long as the socket. Rejects with the system's error, with a
 * `code` such as ENOENT or ECONNREFUSED and a message that names the cause.
 */
export async function connectUnix(path: string, options: Omit<ConnectionOptions, "transport">): Promise<Connection> {
  let connection: Connection | undefined;
  const socket = await Bun.connect({
    unix: path,
    socket: {
      data: (socket, chunk) => {
        connection?.receive(chunk);
        const leftBytes = releaseChunk(chunk);
        if (connection?.isDropping) readLargeMessage(descriptorOf(socket), connection);
        garbage.add(leftBytes);
      },
      drain: () => connection?.drained(),
      close: (_, error) => connection?.disconnected(error ? withReason(error).message : "the node closed the socket"),
      error: (_, error) => connection?.disconnected(withReason(error).message),
    },
  }).catch((error: NodeJS.ErrnoException) => {
    const shortage = descriptorShortage();
    if (shortage !== undefined) throw withReason(shortage);
    const fault = pathFault(path, error.code);
    if (fault === undefined) throw withReason(error);
    error.message = fault;
    throw error;
  });
  connection = new Connection({ ...options, transport: transportOf(socket) });
  sockets.set(connection, socket);
  return connection;
}

const sockets = new WeakMap<Connection, Socket>();

/** The name of the program at the other end, as the kernel cuts it to 15 characters; undefined where this host does not show it. */
export async function peerProgram(connection: Connection): Promise<string | undefined> {
  const pid = await pidBehind(connection);
  return pid === undefined ? undefined : programOf(pid);
}

/** Whether the node behind a connection of `connectUnix` has loaded its chain, by its process on this host. */
export async function nodeHasStarted(connection: Connection): Promise<NodeStart> {
  const pid = await pidBehind(connection);
  if (pid === undefined)
    return { state: "unknown", reason: "the system does not report the process behind the socket" };
  return nodeStart(pid);
}

async function pidBehind(connection: Connection): Promise<number | undefined> {
  const socket = sockets.get(connection);
  return socket === undefined ? undefined : peerPid(descriptorOf(socket));
}

/** The socket's file descriptor, which Bun's types lack; -1 once the socket is closed. */
function descriptorOf(socket: Socket): number {
  return (socket as Socket & { readonly fd: number }).fd;
}

/** The system's error if no file can be opened. Bun then reports that the connection was refused. */
function descriptorShortage(): NodeJS.ErrnoException | undefined {
  try {
    closeSync(openSync("/dev/null", "r"));
    return undefined;
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
}

/** Replaces the message by the system's text and code: Bun's is always "Failed to connect". */
export function withReason(error: NodeJS.ErrnoException): NodeJS.ErrnoException {
  const [code, text] = getSystemErrorMap().get(error.errno ?? 0) ?? [];
  if (text !== undefined) error.message = `${text} (${code})`;
  return error;
}

/** Time for the peer to read our last bytes and to close its side, in milliseconds. A stuck peer never does. */
const LINGER_MS = 5000;

/** A socket as a transport. `write` returns what the kernel accepted; Bun calls `drain` when it accepts more. */
export function transportOf(socket: Socket<undefined>) {
  return {
    write: (bytes: Uint8Array) => Math.max(0, socket.write(bytes)),
    close: (rest: Uint8Array) => {
      socket.end(rest);
      setTimeout(() => socket.terminate(), LINGER_MS).unref();
    },
  };
}
