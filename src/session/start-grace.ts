// When a v30 node may be called if this host does not show its process. A call to its Mining before the chain is loaded crashes the
// node. The only known time is when the node made its socket, at its start.

import { statSync } from "node:fs";
import { uptime } from "node:os";

/** A node has loaded its chain this long after it made its socket, unless it rebuilds its indexes. */
const START_GRACE_MS = 5 * 60 * 1000;

/** Milliseconds until the node behind the socket at `path` may be called; 0 if it may be called now. */
export function startGraceMs(path: string, now = Date.now(), sinceBootMs = uptime() * 1000): number {
  try {
    // If the clock was set back, the socket's time may be in the future. If it was set forward, the socket may seem older than the
    // host's uptime, which no socket in use is.
    const ageMs = Math.min(now - statSync(path).ctimeMs, sinceBootMs);
    return Math.min(Math.max(0, START_GRACE_MS - ageMs), START_GRACE_MS);
  } catch {
    return START_GRACE_MS;
  }
}
