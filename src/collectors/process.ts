// This process, by the names and meanings that all Prometheus clients share. Read from /proc at scrapes, at most once a second.
// Source: https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics

import { readdirSync, readFileSync } from "node:fs";
import type { Registry } from "../metrics/registry.ts";
import { setOrClear } from "./collector.ts";

/** Scrapes may come thousands of times a second, and reading /proc costs more than a scrape. */
const REFRESH_MS = 1000;

export function processCollector(registry: Registry): void {
  const cpu = registry.polledCounter("process_cpu_seconds_total", "User and system CPU time spent, in seconds.");
  const openFds = registry.gauge("process_open_fds", "Open file descriptors.");
  const maxFds = registry.gauge("process_max_fds", "Maximum number of open file descriptors.");
  const virtualBytes = registry.gauge("process_virtual_memory_bytes", "Virtual memory size, in bytes.");
  const maxVirtualBytes = registry.gauge("process_virtual_memory_max_bytes", "Maximum virtual memory size, in bytes.");
  const residentBytes = registry.gauge("process_resident_memory_bytes", "Resident memory size, in bytes.");
  const startTime = registry.gauge("process_start_time_seconds", "When the process started, in Unix time.");

  startTime.set(Date.now() / 1000 - process.uptime());
  const limits = readProc("limits");
  setOrClear(maxFds, softLimit(limits, "Max open files"));
  setOrClear(maxVirtualBytes, softLimit(limits, "Max address space"));

  let refreshed = Number.NEGATIVE_INFINITY;
  registry.onRender(() => {
    const now = performance.now();
    if (now - refreshed < REFRESH_MS) return;
    refreshed = now;
    const { user, system } = process.cpuUsage();
    cpu.set((user + system) / 1e6);
    const status = readProc("status");
    setOrClear(virtualBytes, statusBytes(status, "VmSize"));
    setOrClear(residentBytes, statusBytes(status, "VmRSS"));
    setOrClear(openFds, countFds());
  });
}

function readProc(file: string): string {
  try {
    return readFileSync(`/proc/self/${file}`, "utf8");
  } catch {
    return "";
  }
}

/** A field of /proc/self/status, which is in KiB whatever the page size. */
function statusBytes(status: string, field: string): number | undefined {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status);
  return match === null ? undefined : Number(match[1]) * 1024;
}

function softLimit(limits: string, name: string): number | undefined {
  const match = new RegExp(`^${name}\\s+(\\S+)`, "m").exec(limits);
  if (match === null) return undefined;
  return match[1] === "unlimited" ? Number.POSITIVE_INFINITY : Number(match[1]);
}

function countFds(): number | undefined {
  try {
    // The directory is itself open while it is read.
    return readdirSync("/proc/self/fd").length - 1;
  } catch {
    return undefined;
  }
}
