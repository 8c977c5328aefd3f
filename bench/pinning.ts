// Pins processes to cores. Two processes on one core pay for context switches, on two cores for wake-ups, and the figures differ
// by half, so the benches of callbacks, polls, scrapes and memory pin. Those of the start and of a real node do not.

import { availableParallelism } from "node:os";

export type Variant = "one core" | "two cores";

const CORES = availableParallelism();

/** The variants that this machine can run. */
export const VARIANTS: readonly Variant[] = CORES > 1 ? ["one core", "two cores"] : ["one core"];

export const NODE_CORE = 0;

export function subscriberCore(variant: Variant): number {
  return variant === "two cores" ? 1 : NODE_CORE;
}

/** The subscriber's core, apart from the node's if there are two. */
export const OWN_CORE = CORES > 1 ? 1 : 0;

/** The core of load generators: the third, or the node's. */
export const CLIENT_CORE = CORES > 2 ? 2 : 0;

/** The prefix of a command that pins all its threads to a core. taskset replaces itself by the command, so the pid is right. */
export function pinnedTo(core: number): readonly string[] {
  return ["taskset", "-c", String(core)];
}
