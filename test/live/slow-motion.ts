// A node that starts in slow motion: it runs in slices with pauses between them. Its clients are always faster, so every call
// arrives as early in the start as possible.

import type { BitcoinNode } from "./bitcoin-node.ts";

const RUN_MS = 2;
const PAUSE_MS = 10;

/** Starts the process and stops it as soon as its socket exists. The socket of an earlier start must not exist. */
export async function launchToSocket(node: BitcoinNode, args: readonly string[] = []): Promise<void> {
  node.launch(...args);
  while (!node.socketExists && node.isRunning) await runSlice(node);
}

/** Continues slowly until `done`, then at full speed. */
export async function continueSlowly(node: BitcoinNode, done: () => boolean | Promise<boolean>): Promise<void> {
  while (node.isRunning && !(await done())) {
    await Bun.sleep(PAUSE_MS);
    await runSlice(node);
  }
  node.signal("SIGCONT");
}

async function runSlice(node: BitcoinNode): Promise<void> {
  node.signal("SIGCONT");
  await Bun.sleep(RUN_MS);
  node.signal("SIGSTOP");
}
