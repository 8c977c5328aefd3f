// The cost of a callback: wall time for the node, which waits for the answer, and CPU time and memory of the subscriber. The
// exporter is compared with a bare C loop, the floor, and a plain subscriber on the Cap'n Proto C++ runtime.

import { availableParallelism } from "node:os";
import { ReferenceNode } from "../test/reference-node/reference-node.ts";
import type { Bench, Effort, Outcome } from "./bench.ts";
import { portion } from "./bench.ts";
import type { NativePrograms } from "./native/build.ts";
import { NODE_CORE, pinnedTo, subscriberCore, VARIANTS, type Variant } from "./pinning.ts";
import { cpuNs, memory } from "./process-usage.ts";
import { inTurn, median } from "./statistics.ts";
import { CONTESTANTS, type Contestant, startSubscriber } from "./subscribers.ts";
import { atMost, type Row, type Target } from "./table.ts";
import { BLOCKS, COINS, fire, transactions, type Volley } from "./volleys.ts";

const MB = 1e6;

interface Case {
  readonly volley: Volley;
  /** In the full run. */
  readonly calls: number;
  readonly wallTargets: (variant: Variant, ratio: Ratios) => Target[];
  readonly cpuTargets: (variant: Variant, ratio: Ratios) => Target[];
  /** The known reason for a missed target. */
  readonly obstacle?: (variant: Variant) => string | undefined;
}

/** The exporter's figure divided by that of the other. */
interface Ratios {
  readonly floor: number;
  readonly cpp: number;
}

const oneAtATime = {
  wallTargets: (variant: Variant, ratio: Ratios) =>
    variant === "one core"
      ? [atMost("1.10", ratio.floor, "floor")]
      : [atMost("1.35", ratio.floor, "floor"), atMost("1.0", ratio.cpp, "C++")],
  cpuTargets: (variant: Variant, ratio: Ratios) =>
    variant === "one core" ? [atMost("1.45", ratio.floor, "floor")] : [atMost("0.75", ratio.cpp, "C++")],
};

const CALLS_OBSTACLE = `\
Cap'n Proto 0.9 writes a Call and the Finish of the previous one separately, for notifications also a Resolve. On one core each \
write may wake the reader: two turns of Bun's event loop per call, of which our code is a tenth. How often this happens varies: \
with a C loop of 26 to 46 µs, transactions took 0.88 to 1.29 of its wall time and 1.14 to 1.65 of its CPU time. Versions with \
noFinishNeeded omit Finish. Tried: a niceness of 5 saves a turn and a third of the CPU time, but a call takes 1.8 times as long \
when another program needs the core, and 37 times with SCHED_BATCH; waiting for the next call in poll(2), by bun:ffi, costs more \
than it saves.`;
const WAKING_OBSTACLE = `\
A call costs the exporter one wake-up and three system calls (perf stat), and less CPU time than C++. On two cores the node \
waits mainly for the wake-up, which depends on the machine: 0.65 of C++'s time on an Intel Xeon, 1.15 to 1.33 on an AMD EPYC, \
with earlier builds too. Busy waiting for the next call would avoid it, and use a whole core.`;
const obstacleOf = (variant: Variant) => (variant === "one core" ? CALLS_OBSTACLE : WAKING_OBSTACLE);

const BLOCKS_OBSTACLE = `\
Bun reads a chunk of up to 219 KB into its own buffer and copies it into a new one. While a block arrives, the exporter reads \
available bytes into one buffer itself. On one core the node only writes while the exporter waits, so six chunks, about half of \
a block, still pass through Bun, which cannot signal bytes without reading them. With the whole block through Bun one core took \
1.3 of C++. Tried: smaller reads, and sleeping until the node has written more; both are slower.`;

const CASES: readonly Case[] = [
  { volley: transactions(1), calls: 60_000, ...oneAtATime, obstacle: obstacleOf },
  {
    volley: transactions(16),
    calls: 60_000,
    wallTargets: () => [],
    cpuTargets: (_, ratio) => [atMost("0.55", ratio.cpp, "C++")],
  },
  { volley: COINS, calls: 60_000, ...oneAtATime, obstacle: obstacleOf },
  {
    volley: BLOCKS,
    calls: 1_000,
    wallTargets: (_, ratio) => [atMost("1.0", ratio.cpp, "C++")],
    cpuTargets: () => [],
    obstacle: () => BLOCKS_OBSTACLE,
  },
];

interface Measured {
  readonly wallUs: number;
  readonly cpuUs: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** Unmeasured calls before the timed ones, as a share of them: code is compiled while it is used. */
const WARM_UP_SHARE = 1 / 3;

export const callbacks: Bench = {
  name: "callbacks",
  async run(effort: Effort, programs: NativePrograms): Promise<Outcome> {
    const rows: Row[] = [];
    for (const variant of VARIANTS) {
      for (const one of CASES) {
        const run = (contestant: Contestant) => measure(contestant, programs, variant, one, portion(effort, one.calls));
        rows.push(...rowsOf(variant, one, await inTurn(effort.rounds, CONTESTANTS, run)));
      }
    }
    const notes = availableParallelism() > 1 ? [] : ["callbacks on two cores: skipped, this machine has one"];
    return { rows, notes };
  },
};

/** One contestant on a new node. */
async function measure(
  contestant: Contestant,
  programs: NativePrograms,
  variant: Variant,
  { volley }: Case,
  calls: number,
): Promise<Measured> {
  await using node = await ReferenceNode.start({ prefix: pinnedTo(NODE_CORE) });
  await using subscriber = await startSubscriber(contestant, programs, node, subscriberCore(variant));
  const { pid } = subscriber;
  const bytesBefore = memory(pid).residentBytes;
  await fire(node, subscriber, volley, Math.ceil(calls * WARM_UP_SHARE));
  // Includes the two requests for counts: some tens of microseconds in total.
  const cpuBefore = cpuNs(pid);
  const { wallMicroseconds } = await fire(node, subscriber, volley, calls);
  const cpuUs = (cpuNs(pid) - cpuBefore) / 1000 / calls;
  return { wallUs: wallMicroseconds / calls, cpuUs, bytesBefore, bytesAfter: memory(pid).residentBytes };
}

function rowsOf(variant: Variant, one: Case, results: Record<Contestant, Measured[]>): Row[] {
  const bench = `${one.volley.name}, ${variant}`;
  const figures = (read: (measured: Measured) => number) => ({
    floor: median(results.floor.map(read)),
    cpp: median(results.cpp.map(read)),
    exporter: median(results.exporter.map(read)),
  });
  const ratios = ({ floor, cpp, exporter }: Ratios & { exporter: number }) => ({
    floor: exporter / floor,
    cpp: exporter / cpp,
  });
  const obstacle = one.obstacle?.(variant);
  const wall = figures((measured) => measured.wallUs);
  const cpu = figures((measured) => measured.cpuUs);
  const before = figures((measured) => measured.bytesBefore / MB);
  const after = figures((measured) => measured.bytesAfter / MB);
  return [
    { bench, measure: "wall µs/call", ...wall, digits: 1, targets: one.wallTargets(variant, ratios(wall)), obstacle },
    { bench, measure: "CPU µs/call", ...cpu, digits: 1, targets: one.cpuTargets(variant, ratios(cpu)), obstacle },
    { bench, measure: "RSS MB before", ...before, digits: 1 },
    { bench, measure: "RSS MB after", ...after, digits: 1, targets: [atMost("64 MB", after.exporter)] },
  ];
}
