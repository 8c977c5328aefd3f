// What each signal does to the exporter. A pr/trace node crashes if a subscribed client ends without unsubscribing, and it
// waits for a client that is stopped. So a signal ends or stops the exporter in order, or does nothing. Called by main once.

import { dlopen } from "bun:ffi";
import { readFileSync } from "node:fs";
import { constants } from "node:os";

/**
 * Signals that ask the process to end. SIGILL, SIGBUS, SIGFPE and SIGSEGV are missing on purpose: a handler would return to the
 * instruction that failed, for ever, and the node would wait for ever. A crash of the runtime is an abort(), which ends the process
 * after the handler of SIGABRT too.
 */
const ENDING = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGABRT", "SIGTRAP", "SIGSYS", "SIGXCPU"] as const;
export type EndingSignal = (typeof ENDING)[number];

/**
 * Signals that would end or stop the process for no reason of its own. For SIGTTOU a handler is not enough: when a background job
 * writes under `stty tostop`, the kernel sends SIGTTOU and restarts the write, 288,000 times a second, unless SIGTTOU is ignored. Bun itself ignores
 * SIGPIPE and SIGXFSZ, and uses SIGPWR itself.
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
 * `onEnd` is called for each signal that asks the process to end, `onStop` for SIGTSTP (Ctrl-Z). What was ignored at the start stays
 * ignored, as `nohup` and shells without job control ask for.
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
  // What is caught already serves the runtime.
  for (const number of meaningless) if (!isCaught(number)) signal(number, IGNORE as never);
}

/**
 * Stops the process as SIGTSTP does without a handler. Returns when SIGCONT continues it, or at once where the kernel discards
 * the signal: in a process group that no shell controls.
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
