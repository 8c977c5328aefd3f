// What each signal does to the exporter. A pr/trace node crashes if a subscribed client ends without unsubscribing, and waits
// for a client that is stopped. So a signal ends or stops the exporter in order, or has no effect. Called by main once.

import { dlopen } from "bun:ffi";
import { readFileSync } from "node:fs";
import { constants } from "node:os";

/**
 * Signals that end the process. SIGILL, SIGBUS, SIGFPE and SIGSEGV are missing on purpose: a handler would return to the
 * instruction that failed, for ever, and the node would wait for ever. A crash of the runtime is an abort(), which ends the process
 * after the handler of SIGABRT too.
 */
const ENDING = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGABRT", "SIGTRAP", "SIGSYS", "SIGXCPU"] as const;
export type EndingSignal = (typeof ENDING)[number];

/**
 * Signals that mean nothing to the exporter, but end or stop a process by default. For SIGTTOU a handler is not enough: when a
 * background job writes under `stty tostop`, the kernel sends SIGTTOU and restarts the write, 288,000 times a second, unless
 * SIGTTOU is ignored. Bun ignores SIGPIPE and SIGXFSZ, and uses SIGPWR for itself.
 */
const MEANINGLESS = [
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
  "SIGVTALRM",
  "SIGPROF",
  "SIGIO",
  "SIGSTKFLT",
  "SIGTTIN",
  "SIGTTOU",
] as const;

/** Real-time signals, without the first two, which belong to the C library. */
const REAL_TIME = Array.from({ length: 31 }, (_, index) => 34 + index);

/** SIG_IGN of signal.h: a pointer with this value. */
const IGNORE = 1;

/**
 * `onEnd` is called for each signal that ends the process, `onStop` for SIGTSTP (Ctrl-Z). Signals that were ignored at the start
 * stay ignored, as `nohup` and shells without job control expect.
 */
export function handleSignals(onEnd: (signal: EndingSignal) => void, onStop: () => void): void {
  const status = readFileSync("/proc/self/status", "latin1");
  const isIgnored = signalSet(status, "SigIgn");
  const isCaught = signalSet(status, "SigCgt");
  for (const signal of ENDING) if (!isIgnored(constants.signals[signal])) process.on(signal, () => onEnd(signal));
  if (!isIgnored(constants.signals.SIGTSTP)) process.on("SIGTSTP", onStop);
  // Bun has no call to ignore a signal. musl returns itself for this name of glibc.
  const { signal } = dlopen("libc.so.6", { signal: { args: ["i32", "ptr"], returns: "ptr" } }).symbols;
  const meaningless = [...MEANINGLESS.map((name) => constants.signals[name]), ...REAL_TIME];
  // Signals that have a handler already serve the runtime.
  for (const number of meaningless) if (!isCaught(number)) signal(number, IGNORE as never);
}

/**
 * Stops the process as SIGTSTP does without a handler. Returns after SIGCONT, or at once if the kernel discards SIGTSTP: in a
 * process group without a controlling shell.
 */
export function stopProcess(onStop: () => void): void {
  process.off("SIGTSTP", onStop);
  process.kill(process.pid, "SIGTSTP");
  process.on("SIGTSTP", onStop);
}

/** Reads a set of signals from the text of /proc/PID/status (proc(5)): bit 0 is signal 1. */
function signalSet(status: string, field: string): (signal: number) => boolean {
  const bits = BigInt(`0x${new RegExp(`^${field}:\\s*([0-9a-f]+)$`, "m").exec(status)![1]}`);
  return (signal) => ((bits >> BigInt(signal - 1)) & 1n) === 1n;
}
