// Which core runs what. A pair that shares a core pays for each change from one to the other, a pair on two cores for each
// wake-up: the figures differ by half, so no bench of callbacks, scrapes or memory leaves it to the scheduler. How long a
// start takes, and what a real node takes with all its threads, is timed as the scheduler has it.

import { availableParallelism } from "node:os";

export type Variant = "one core" | "two cores";

const CORES = availableParallelism();

/** The variants that this machine can run. */
export const VARIANTS: readonly Variant[] = CORES > 1 ? ["one core", "two cores"] : ["one core"];

export const NODE_CORE = 0;

export function subscriberCore(variant: Variant): number {
  return variant === "two cores" ? 1 : NODE_CORE;
}

/** Where the subscriber is when something else than the node is to have its own core. */
export const OWN_CORE = CORES > 1 ? 1 : 0;

/** A core for what loads the exporter from outside: with the node, unless there is one to spare. */
export const CLIENT_CORE = CORES > 2 ? 2 : 0;

/** What comes before a command, to run it with all its threads on one core. taskset becomes the command: one process. */
export function pinnedTo(core: number): readonly string[] {
  return ["taskset", "-c", String(core)];
}
