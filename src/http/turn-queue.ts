// Shares the thread between the connections that have something to answer and everything else the process does.
// A connection asks it before it takes a turn; one with more to do than a turn allows waits in it.

/** Turns in one round of the event loop that are taken at once. With what one turn may do, that is how long all else waits. */
const MAX_TURNS_PER_ROUND = 8;
/**
 * Turns in one round of those who wait: while there is more to answer than a round has room for, as in a flood, whatever else
 * there is waits for one turn only. With eight, 50 clients of 100 pages each made a node's calls wait 20 times as long.
 */
const MAX_WAITING_TURNS_PER_ROUND = 1;

// What clients get while something more urgent wants the thread. Not a turn alone makes that late: a client that is answered
// as fast as it asks takes a core, and of two the node and the exporter each need one.

/** Turns that are taken at once: more than any Prometheus asks for. */
const RATION_PER_MS = 1.5;
const LARGEST_RATION = 16;
/** Between two turns of those who wait. With a call of the node every 50 µs, one in two hundred has a turn before it. */
const RATIONED_INTERVAL_MS = 10;

export interface TurnTaker {
  /** Does what a turn allows. False when there was nothing to do, as after its client has gone: then it was no turn. */
  takeTurn(): boolean;
}

export interface TurnQueue<T extends TurnTaker> {
  /** Whether a turn may be taken at once: nobody waits and the round has a turn left, which this takes. */
  takeNow(): boolean;
  /** Calls `takeTurn` in a later round, in the order of the calls. */
  add(taker: T): void;
}

/** `isBusy`: whether something more urgent wants the thread. */
export function createTurnQueue<T extends TurnTaker>(isBusy: () => boolean = () => false): TurnQueue<T> {
  const waiting: T[] = [];
  const takeRation = createRation();
  let turns = 0;
  let scheduled = false;

  // Between two immediates the event loop looks after sockets and timers: that is a round.
  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    if (waiting.length > 0 && isBusy()) setTimeout(startRound, RATIONED_INTERVAL_MS);
    else setImmediate(startRound);
  }

  function startRound(): void {
    scheduled = false;
    turns = 0;
    while (turns < MAX_WAITING_TURNS_PER_ROUND && waiting.length > 0) if (waiting.shift()!.takeTurn()) turns++;
    turns = 0; // while some still wait nobody takes one at once, and when none do the round has only begun
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

/** Whether there is a turn left in the ration, which each call that says so takes from it. */
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
