// Whether the process behind the node's socket has loaded its chain, by the names of its threads. A v30 node has no call for that:
// it runs every call at once, and crashes when the chain is not loaded. Called by Session.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** `unknown` where this host does not show the process; `reason` says why. */
export type NodeStart =
  | { readonly state: "started" | "starting" | "stopping" }
  | { readonly state: "unknown"; readonly reason: string };

/**
 * Threads that Bitcoin Core starts after its chain is loaded (net.cpp, CConnman::Start), and one that serves the socket. The
 * names were seen on v30.3, v31.1 and v32; the kernel cuts them to 15 characters.
 */
const AFTER_LOADING = ["b-net", "b-msghand"];
const SERVES_IPC = "b-capnp-loop";
/** The name of the main thread once the node stops (init.cpp, Shutdown). */
const STOPS = "b-shutoff";

/**
 * The state of the process `pid`, which SO_PEERCRED reports. Costs some 30 small reads of files that every user may read, unless
 * /proc is mounted with hidepid. Never throws.
 */
export function nodeStart(pid: number, procDir = "/proc"): NodeStart {
  if (pid === 0) return unknown("the node runs in another PID namespace");
  const tasks = join(procDir, String(pid), "task");
  try {
    const threads = readdirSync(tasks).map((id) => threadName(join(tasks, id, "comm")));
    if (threads.includes(STOPS)) return { state: "stopping" };
    if (AFTER_LOADING.every((name) => threads.includes(name))) return { state: "started" };
    if (threads.includes(SERVES_IPC)) return { state: "starting" };
    return unknown(`the process behind the socket is not bitcoin-node but ${threadName(join(tasks, "../comm"))}`);
  } catch (error) {
    return unknown(`the node's process ${pid} is hidden from this user (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** The name of a process's program; undefined when it is hidden, has ended, or runs in another PID namespace. */
export function programOf(pid: number, procDir = "/proc"): string | undefined {
  return threadName(join(procDir, String(pid), "comm")) || undefined;
}

function unknown(reason: string): NodeStart {
  return { state: "unknown", reason };
}

/** Empty when the thread has ended since it was listed. */
function threadName(file: string): string {
  try {
    return readFileSync(file, "latin1").trimEnd();
  } catch {
    return "";
  }
}

/** The C library of the builds for glibc and for musl. */
const C_LIBRARIES = ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`];
/** Of Linux's socket(7) and unix(7). */
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** struct ucred: pid, uid, gid. */
const UCRED_NUMBERS = 3;

/**
 * The process that listens on the other end of a Unix socket: 0 when it is in another PID namespace, undefined when the
 * system does not report it. Bun has no getsockopt, so this calls the C library. bun:ffi is loaded at the first call, in 10 ms
 * and 7 MB, which only v30 nodes, --once and --check need.
 */
export async function peerPid(descriptor: number): Promise<number | undefined> {
  const { dlopen, ptr } = await import("bun:ffi");
  for (const name of C_LIBRARIES) {
    try {
      const library = dlopen(name, {
        getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
      });
      const credentials = new Int32Array(UCRED_NUMBERS);
      const sizeBytes = new Uint32Array([credentials.byteLength]);
      const status = library.symbols.getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, ptr(credentials), ptr(sizeBytes));
      library.close();
      return status === 0 ? credentials[0] : undefined;
    } catch {
      // Not this library.
    }
  }
  return undefined;
}
