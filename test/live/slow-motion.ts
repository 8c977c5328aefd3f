// A node that starts in slow motion: it stops once its socket is open, until the test releases it, and then runs in slices with
// pauses between them. Its clients are always faster, so every call arrives as early in the start as possible.

import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { eventually } from "../eventually.ts";
import type { BitcoinNode } from "./bitcoin-node.ts";

const RUN_MS = 2;
const PAUSE_MS = 10;

/**
 * Starts a node that ran before, and resolves when its socket is open. The node reads the addresses of its peers after that and
 * before it loads its chain: they are a FIFO, on which it waits until `release` writes them.
 */
export async function holdStart(node: BitcoinNode, ...args: readonly string[]): Promise<{ release(): Promise<void> }> {
  const addresses = node.pathOf("peers.dat");
  const bytes = await readFile(addresses);
  await rename(addresses, `${addresses}.old`);
  if ((await Bun.spawn(["mkfifo", addresses]).exited) !== 0) throw new Error(`cannot make the FIFO ${addresses}`);
  // A node that crashed leaves it behind.
  await rm(node.socketPath, { force: true });
  node.launch(...args);
  await eventually("the node's socket is open", () => node.socketExists);
  return { release: () => writeFile(addresses, bytes) };
}

/** Continues slowly until `done`, then at full speed. */
export async function continueSlowly(node: BitcoinNode, done: () => boolean | Promise<boolean>): Promise<void> {
  while (node.isRunning && !(await done())) {
    node.signal("SIGSTOP");
    await Bun.sleep(PAUSE_MS);
    node.signal("SIGCONT");
    await Bun.sleep(RUN_MS);
  }
}
