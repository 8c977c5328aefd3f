// Waiting for conditions instead of for time.

const INTERVAL_MS = 10;
/** Long: only a failing test waits for the end of it, and the machine may be busy. */
export const DEADLINE_MS = 20_000;

export interface WaitOptions {
  readonly deadlineMs?: number;
  /** Pause between two calls. */
  readonly intervalMs?: number;
  /** Details for the error at the deadline. */
  readonly describe?: () => string;
}

/**
 * Calls `read` until the result is neither undefined nor false, and returns it. Throws after `deadlineMs`, with the details of
 * `describe`. Errors of `read` end the wait.
 */
export async function eventually<T>(
  what: string,
  read: () => T | Promise<T>,
  { deadlineMs = DEADLINE_MS, intervalMs = INTERVAL_MS, describe = () => "" }: WaitOptions = {},
): Promise<Exclude<T, undefined | false>> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const answer = await read();
    if (answer !== undefined && answer !== false) return answer as Exclude<T, undefined | false>;
    if (performance.now() > deadline) throw new Error(`not within ${deadlineMs} ms: ${what}\n${describe()}`);
    await Bun.sleep(intervalMs);
  }
}
