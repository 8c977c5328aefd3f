// Runs a simulated node at high speed: initial block download first, then transactions, replacements, blocks,
// reorganizations and flushes at fixed intervals, and a restart from time to time.

import { setTimeout as pause } from "node:timers/promises";
import { Random } from "./node/random.ts";
import type { SimulatedNode } from "./simulated-node.ts";

const DEFAULT_BEAT_MS = 250;
/** From the stop to the next start. */
const STOPPED_MS = 300;
/** Transactions per beat in busy and in quiet times, which alternate: more and fewer than the blocks have room for. */
const MAX_TRANSACTIONS = { busy: 9, quiet: 2 };
const BUSY_BEATS = 120;
/** Blocks of the initial block download. */
const DOWNLOADED_BLOCKS = 5;

/** Events by their interval and first occurrence, in beats. */
const SCHEDULE = [
  { every: 10, first: 4, play: (node: SimulatedNode) => node.mineBlock() },
  { every: 14, first: 3, play: (node: SimulatedNode) => node.replaceTransaction() },
  { every: 24, first: 6, play: (node: SimulatedNode) => node.flush() },
  { every: 120, first: 8, play: (node: SimulatedNode, random: Random) => node.reorg(random.integer(1, 2)) },
  { every: 200, first: 60, play: restart },
];

/** Runs until `signal` aborts; resolves when the clients have answered every event. */
export async function autopilot(
  node: SimulatedNode,
  signal: AbortSignal,
  { beatMs = DEFAULT_BEAT_MS } = {},
): Promise<void> {
  const random = new Random(1);
  const beat = () => pause(beatMs, undefined, { signal }).catch(() => {});
  await node.ready();
  node.setInitialBlockDownload(true);
  for (let block = 0; block < DOWNLOADED_BLOCKS; block++) {
    await node.mineBlock();
    await beat();
  }
  node.setInitialBlockDownload(false);
  for (let count = 0; !signal.aborted; count++) {
    const isBusy = Math.floor(count / BUSY_BEATS) % 2 === 0;
    const max = isBusy ? MAX_TRANSACTIONS.busy : MAX_TRANSACTIONS.quiet;
    for (let left = random.integer(0, max); left > 0; left--) await node.addTransaction();
    for (const { every, first, play } of SCHEDULE) {
      if (count >= first && (count - first) % every === 0) await play(node, random);
    }
    await beat();
  }
  await node.idle();
}

async function restart(node: SimulatedNode): Promise<void> {
  await node.flush();
  await node.stop();
  await Bun.sleep(STOPPED_MS);
  node.start();
  await node.ready();
}
