// File descriptors and memory of a process, from /proc.

import { readdirSync, readFileSync } from "node:fs";

const KIB = 1024;

export function openFds(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

export function residentBytes(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))!;
  return Number(kib) * KIB;
}
