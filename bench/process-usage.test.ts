import { expect, test } from "bun:test";
import { cpuNs, memory, readMemory } from "./process-usage.ts";

test("CPU time of this process grows while it works, no faster than time passes", () => {
  const before = cpuNs(process.pid);
  const start = Bun.nanoseconds();
  while (Bun.nanoseconds() - start < 50e6);
  const used = cpuNs(process.pid) - before;
  const threadsThatMayRun = navigator.hardwareConcurrency;
  expect(used).toBeGreaterThan(0);
  expect(used).toBeLessThan((Bun.nanoseconds() - start) * threadsThatMayRun + 10e6);
});

test("memory of this process", () => {
  const { residentBytes, peakBytes } = memory(process.pid);
  expect(residentBytes).toBeGreaterThan(10e6);
  expect(peakBytes).toBeGreaterThanOrEqual(residentBytes);
});

test("reads memory from the kernel's text", () => {
  const status = "Name:\tx\nVmPeak:\t  900 kB\nVmHWM:\t      30 kB\nVmRSS:\t      20 kB\nRssAnon:\t 1 kB\n";
  expect(readMemory(status)).toEqual({ residentBytes: 20 * 1024, peakBytes: 30 * 1024 });
  expect(() => readMemory("Name:\tx\nState:\tZ (zombie)\n")).toThrow("the process has ended");
});
