// Preloaded into the exporter by the poll bench: appends the length in milliseconds of each pause of its event loop of more
// than a millisecond, a line each, to the file that PAUSE_FILE names.

import { appendFileSync } from "node:fs";

const INTERVAL_MS = 1;

const file = process.env["PAUSE_FILE"]!;
let last = now();
setInterval(() => {
  const current = now();
  // The shorter one: time that another program has the core is no CPU time, and several threads have more than passes.
  const pauseMs = Math.min(current.timeMs - last.timeMs - INTERVAL_MS, current.cpuMs - last.cpuMs);
  if (pauseMs > INTERVAL_MS) appendFileSync(file, `${pauseMs}\n`);
  last = now();
}, INTERVAL_MS).unref();

function now(): { timeMs: number; cpuMs: number } {
  const { user, system } = process.cpuUsage();
  return { timeMs: performance.now(), cpuMs: (user + system) / 1000 };
}
