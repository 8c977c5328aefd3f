// CPU time and memory of a process, from the kernel. Linux only.

import { readdirSync, readFileSync } from "node:fs";

const KIB = 1024;

/**
 * CPU time of all current threads of the process in nanoseconds, without threads that have ended. Exact for sleeping threads,
 * late by up to a tick for running ones. Source: proc(5), /proc/PID/task/TID/schedstat, which is a million times finer than
 * /proc/PID/stat.
 */
export function cpuNs(pid: number): number {
  let total = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) total += Number(schedstat(pid, thread).split(" ")[0]);
  return total;
}

/** Empty when the thread has ended meanwhile. */
function schedstat(pid: number, thread: string): string {
  try {
    return readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8");
  } catch {
    return "";
  }
}

export interface Memory {
  readonly residentBytes: number;
  /** The maximum so far. */
  readonly peakBytes: number;
}

/** Throws when the process has ended. */
export function memory(pid: number): Memory {
  return readMemory(readFileSync(`/proc/${pid}/status`, "utf8"));
}

/** Reads the text of /proc/PID/status. Throws when a line is missing, as for an ended process. */
export function readMemory(status: string): Memory {
  return { residentBytes: bytes(status, "VmRSS"), peakBytes: bytes(status, "VmHWM") };
}

function bytes(status: string, name: string): number {
  const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  if (kib === undefined) throw new Error(`no ${name} in /proc/PID/status: the process has ended`);
  return Number(kib) * KIB;
}
