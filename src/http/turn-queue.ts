// Shares the thread between the connections that have something to answer and everything else the process does.
// A connection asks it before it takes a turn; one with more to do than a turn allows waits in it.

/** Turns in one round of the event loop that are taken at once. With what one turn may do, that is how long all else waits. */
const MAX_TURNS_PER_ROUND = 8;
/**
 * Turns in one round of those who wait: while there is more to answer than a round has room for, as in a flood, whatever else
 * there is waits for one turn only. With eight, 50 clients of 100 pages each made a node's calls wait 20 times as long.
 */
const MAX_WAITING_TURNS_PER_ROUND = 1;

export interface TurnTaker {
  takeTurn(): void;
}

export interface TurnQueue<T extends TurnTaker> {
  /** Whether a turn may be taken at once: nobody waits and the round has a turn left, which this takes. */
  takeNow(): boolean;
  /** Calls `takeTurn` in a later round, in the order of the calls. */
  add(taker: T): void;
}

export function createTurnQueue<T extends TurnTaker>(): TurnQueue<T> {
  const waiting: T[] = [];
  let turns = 0;
  let scheduled = false;

  // Between two immediates the event loop looks after sockets and timers: that is a round.
  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    setImmediate(startRound);
  }

  function startRound(): void {
    scheduled = false;
    for (turns = 0; turns < MAX_WAITING_TURNS_PER_ROUND && waiting.length > 0; turns++) waiting.shift()!.takeTurn();
    turns = 0; // while some still wait nobody takes one at once, and when none do the round has only begun
    if (waiting.length > 0) schedule();
  }

  return {
    takeNow() {
      if (waiting.length > 0 || turns === MAX_TURNS_PER_ROUND) return false;
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
