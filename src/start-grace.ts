// When a node that cannot be asked whether it has started may be asked at all. v30 and v31 offer only Mining over IPC, and
// a question to it before the chain is loaded ends the node. All that is known is when the node made its socket: then it
// began to start.

import { statSync } from "node:fs";

/** A node that made its socket this long ago has loaded its chain, unless it rebuilds its indexes. */
const START_GRACE_MS = 5 * 60 * 1000;

/** Milliseconds until the node behind the socket at `path` may be asked; 0 when it may be now. */
export function startGraceMs(path: string, now = Date.now()): number {
  try {
    const restMs = statSync(path).ctimeMs + START_GRACE_MS - now;
    // A clock that was set back makes the socket younger than now.
    return Math.min(Math.max(0, restMs), START_GRACE_MS);
  } catch {
    return START_GRACE_MS;
  }
}
