// Plays a day in the life of a node in fast motion: it catches up, then transactions, replacements, blocks, reorgs and
// flushes come at their intervals, and now and then the node restarts.

import { setTimeout as pause } from "node:timers/promises";
import { Random } from "./random.ts";
import type { SimulatedNode } from "./simulated-node.ts";

const DEFAULT_BEAT_MS = 250;
/** How long a restarting node is away. */
const AWAY_MS = 300;
const MOST_TRANSACTIONS = 6;
/** Blocks that the node downloads before it is up to date. */
const DOWNLOADED_BLOCKS = 5;

/** What happens every so many beats, and at which beat for the first time. */
const SCORE = [
  { every: 10, first: 4, play: (node: SimulatedNode) => node.mineBlock() },
  { every: 14, first: 3, play: (node: SimulatedNode) => node.replaceTransaction() },
  { every: 24, first: 6, play: (node: SimulatedNode) => node.flush() },
  { every: 40, first: 8, play: (node: SimulatedNode, random: Random) => node.reorg(random.integer(1, 2)) },
  { every: 200, first: 60, play: restart },
];

/** Plays until `signal` aborts, then resolves when the node is through with what it had begun. */
export async function autopilot(
  node: SimulatedNode,
  signal: AbortSignal,
  { seed = 1, beatMs = DEFAULT_BEAT_MS } = {},
): Promise<void> {
  const random = new Random(seed);
  const beat = () => pause(beatMs, undefined, { signal }).catch(() => {});
  await node.ready();
  node.setInitialBlockDownload(true);
  for (let block = 0; block < DOWNLOADED_BLOCKS; block++) {
    await node.mineBlock();
    await beat();
  }
  node.setInitialBlockDownload(false);
  for (let count = 0; !signal.aborted; count++) {
    for (let left = random.integer(0, MOST_TRANSACTIONS); left > 0; left--) await node.addTransaction();
    for (const { every, first, play } of SCORE) {
      if (count >= first && (count - first) % every === 0) await play(node, random);
    }
    await beat();
  }
  await node.idle();
}

async function restart(node: SimulatedNode): Promise<void> {
  await node.flush();
  await node.stop();
  await Bun.sleep(AWAY_MS);
  node.start();
  await node.ready();
}
