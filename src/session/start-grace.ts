// When a v30 node whose process this host does not show may be asked. A call of its Mining before the chain is loaded crashes
// it. All that is known is when the node made its socket: then it began to start.

import { statSync } from "node:fs";
import { uptime } from "node:os";

/** A node that made its socket this long ago has loaded its chain, unless it rebuilds its indexes. */
const START_GRACE_MS = 5 * 60 * 1000;

/** Milliseconds until the node behind the socket at `path` may be asked; 0 when it may be now. */
export function startGraceMs(path: string, now = Date.now(), sinceBootMs = uptime() * 1000): number {
  try {
    // A clock that was set back makes the socket younger than now, one that was set forward older than it can be: what
    // answers was made since the host started.
    const ageMs = Math.min(now - statSync(path).ctimeMs, sinceBootMs);
    return Math.min(Math.max(0, START_GRACE_MS - ageMs), START_GRACE_MS);
  } catch {
    return START_GRACE_MS;
  }
}
