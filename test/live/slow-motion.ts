// A node that starts in slow motion: it runs in slices with pauses in between, so that whoever talks to it is always the
// faster one, and every call finds it as little started as can be.

import type { BitcoinNode } from "./bitcoin-node.ts";

const RUN_MS = 2;
const PAUSE_MS = 10;

/** Starts the process and stands still as soon as its socket is there. The socket of an earlier start must be gone. */
export async function launchToSocket(node: BitcoinNode, args: readonly string[] = []): Promise<void> {
  node.launch(...args);
  while (!node.socketExists && node.isRunning) await runSlice(node);
}

/** Goes on slowly until `done`, then at full speed. */
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
