// The path of the node's socket, and why a connection to it fails: the system's error alone is not enough. For a directory it is
// "connection refused".

import { lstatSync, readFileSync, readlinkSync, realpathSync, type Stats, statSync } from "node:fs";
import { dirname, join } from "node:path";

/** A path longer than this does not fit sockaddr_un.sun_path, whose 108 bytes include the terminating zero (unix(7)). */
export const MAX_SOCKET_PATH_BYTES = 107;

/** The path in `text`, which may have the form of Bitcoin Core's -ipcbind and -ipcconnect: `unix:PATH`. */
export function socketPathOf(text: string): string {
  return text.startsWith("unix:") && text !== "unix:" ? text.slice("unix:".length) : text;
}

/** Why connecting to `path` failed, and what to do, for an error line; undefined when the system's error of this `code` is enough. */
export function pathFault(path: string, code: string | undefined): string | undefined {
  let stats: Stats;
  try {
    stats = statSync(path);
  } catch (error) {
    return missingFault(path, (error as NodeJS.ErrnoException).code);
  }
  if (stats.isDirectory())
    return `it is a directory, not a socket (ENOTSOCK); use the path of the socket in it, such as ${join(path, "node.sock")}`;
  if (!stats.isSocket())
    return `it is ${kindOf(stats)}, not a socket (ENOTSOCK); use the path of the node's IPC socket`;
  if (code === "EACCES")
    return `permission denied (EACCES): this user may not write to the socket, which ${ownerOf(path)} owns; ${AS_NODE}`;
  if (code === "ECONNREFUSED" && isListening(path))
    return "the node does not accept connections (EAGAIN): it hangs, or its limit of IPC connections is reached";
  return undefined;
}

const AS_NODE = "run the exporter as the node's user or in its group";

function missingFault(path: string, code: string | undefined): string | undefined {
  if (code === "EACCES") {
    const directory = closedDirectory(path);
    return `permission denied (EACCES): this user may not enter ${directory}, which ${ownerOf(directory)} owns; ${AS_NODE}`;
  }
  if (code === "ENOTDIR") return `${dirname(path)} is not a directory (ENOTDIR); check the path`;
  if (path.startsWith("~")) return "no such file (ENOENT): the shell does not expand ~ in quotes; use the whole path";
  const target = linkTarget(path);
  if (target !== undefined)
    return `it is a symbolic link to ${target}, which does not exist (ENOENT); check where the node's socket is`;
  return undefined;
}

/** The outermost directory above `path` that this user may not enter. */
function closedDirectory(path: string): string {
  const above = dirname(path);
  if (above === path) return path;
  try {
    statSync(join(above, "."));
    return above;
  } catch {
    return closedDirectory(above);
  }
}

/** The user that owns a file, by name where /etc/passwd has it. */
function ownerOf(path: string): string {
  try {
    const { uid } = statSync(path);
    const name = new RegExp(`^([^:]+):[^:]*:${uid}:`, "m").exec(readFileSync("/etc/passwd", "utf8"))?.[1];
    return `user ${name ?? uid}`;
  } catch {
    return "another user";
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch {
    return undefined;
  }
}

function kindOf(stats: Stats): string {
  if (stats.isFile()) return "a regular file";
  return stats.isFIFO() ? "a FIFO" : "a device";
}

/** Flags of a socket that listens, __SO_ACCEPTCON, in /proc/net/unix: Num RefCount Protocol Flags Type St Inode Path. */
const LISTENS = /^\S+ \S+ \S+ 00010000 \S+ \S+ +\d+ (.*)$/;

/**
 * Whether a process listens at `path`. Connecting to it fails only if its queue is full, which Bun reports as ECONNREFUSED. Also
 * false if the listener is in another network namespace or has bound another name of the path.
 */
function isListening(path: string): boolean {
  try {
    const names = [path, realpathSync(path)];
    return readFileSync("/proc/net/unix", "utf8")
      .split("\n")
      .some((line) => names.includes(LISTENS.exec(line)?.[1] ?? ""));
  } catch {
    return false;
  }
}
