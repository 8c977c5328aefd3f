// Shares the thread between connections with requests to answer and everything else in the process.
// A connection calls it before it takes a turn; one with more work than a turn allows waits in it.

/** Turns at once in one round of the event loop. With the limits of a turn, this is how long everything else waits. */
const MAX_TURNS_PER_ROUND = 8;
/**
 * Turns of waiting connections in one round. While there is more to answer than a round allows, as in a flood, everything else
 * waits for one turn only. With eight, 50 clients of 100 pages each made the node's calls wait 20 times as long.
 */
const MAX_WAITING_TURNS_PER_ROUND = 1;

// Limits while something more urgent needs the thread. One turn alone does not make it late, but a client that is answered as
// fast as it requests uses a core, and on two cores the node and the exporter need one each.

/** Turns at once: more than any Prometheus needs. */
const RATION_PER_MS = 1.5;
const LARGEST_RATION = 16;
/** Between two turns of waiting connections. With a call of the node every 50 µs, one in two hundred waits for a turn. */
const RATIONED_INTERVAL_MS = 10;

export interface TurnTaker {
  /** Does what a turn allows. False if there was nothing to do, as its client has disconnected: this is not a turn. */
  takeTurn(): boolean;
}

export interface TurnQueue<T extends TurnTaker> {
  /** Whether a turn may be taken at once: no connection waits, and the round has a turn left, which this call uses. */
  takeNow(): boolean;
  /** Calls `takeTurn` in a later round, in the order of `add`. */
  add(taker: T): void;
}

/**
 * `isBusy`: whether something more urgent needs the thread; `rationedIntervalMs`: then, the time between two turns of waiting
 * takers.
 */
export function createTurnQueue<T extends TurnTaker>(
  isBusy: () => boolean = () => false,
  rationedIntervalMs = RATIONED_INTERVAL_MS,
): TurnQueue<T> {
  const waiting: T[] = [];
  const takeRation = createRation();
  let turns = 0;
  let scheduled = false;

  // Between two immediates the event loop handles sockets and timers: a round.
  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    if (waiting.length > 0 && isBusy()) setTimeout(startRound, rationedIntervalMs);
    else setImmediate(startRound);
  }

  function startRound(): void {
    scheduled = false;
    turns = 0;
    while (turns < MAX_WAITING_TURNS_PER_ROUND && waiting.length > 0) if (waiting.shift()!.takeTurn()) turns++;
    turns = 0; // while connections wait, none gets a turn at once; when none waits, the round has just begun
    if (waiting.length > 0) schedule();
  }

  return {
    takeNow() {
      if (waiting.length > 0 || turns === MAX_TURNS_PER_ROUND) return false;
      if (isBusy() && !takeRation()) return false;
      turns++;
      schedule();
      return true;
    },
    add(taker) {
      waiting.push(taker);
      schedule();
    },
  };
}

/** Returns a function that takes a turn from the ration; false if none is left. */
function createRation(): () => boolean {
  let left = LARGEST_RATION;
  let filledAt = performance.now();
  return () => {
    const now = performance.now();
    left = Math.min(LARGEST_RATION, left + (now - filledAt) * RATION_PER_MS);
    filledAt = now;
    if (left < 1) return false;
    left--;
    return true;
  };
}
