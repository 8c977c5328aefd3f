// What a process has used, as the kernel counts it. Linux only.

import { readdirSync, readFileSync } from "node:fs";

const KIB = 1024;

/**
 * CPU time of all threads that the process has now, in nanoseconds; what a thread used that has ended is lost. Exact for
 * threads that sleep, late by up to a tick for those that run. Source: proc(5), /proc/PID/task/TID/schedstat, whose ticks
 * are a million times finer than those of /proc/PID/stat.
 */
export function cpuNs(pid: number): number {
  let total = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) total += Number(schedstat(pid, thread).split(" ")[0]);
  return total;
}

/** Empty when the thread has ended between its being listed and its being read. */
function schedstat(pid: number, thread: string): string {
  try {
    return readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8");
  } catch {
    return "";
  }
}

export interface Memory {
  readonly residentBytes: number;
  /** The most that it ever was. */
  readonly peakBytes: number;
}

/** Throws when the process has ended. */
export function memory(pid: number): Memory {
  return readMemory(readFileSync(`/proc/${pid}/status`, "utf8"));
}

/** Reads the text of /proc/PID/status. Throws when it lacks a line, as that of a process that has ended does. */
export function readMemory(status: string): Memory {
  return { residentBytes: bytes(status, "VmRSS"), peakBytes: bytes(status, "VmHWM") };
}

function bytes(status: string, name: string): number {
  const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  if (kib === undefined) throw new Error(`no ${name} in the status of the process: it has ended`);
  return Number(kib) * KIB;
}
