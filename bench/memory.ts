// The exporter's memory over millions of callbacks and thousands of blocks: its maximum, and whether it still grows after the
// first fifth.

import { ReferenceNode } from "../test/reference-node/reference-node.ts";
import type { Bench, Effort, Outcome } from "./bench.ts";
import { portion } from "./bench.ts";
import type { NativePrograms } from "./native/build.ts";
import { NODE_CORE, OWN_CORE, pinnedTo } from "./pinning.ts";
import { memory } from "./process-usage.ts";
import { median } from "./statistics.ts";
import { startSubscriber } from "./subscribers.ts";
import { atMost, type Row } from "./table.ts";
import { BLOCKS, fire, transactions, type Volley } from "./volleys.ts";

const MB = 1e6;
/** In the full run. */
const CALLS = 5_000_000;
const BLOCK_COUNT = 2_000;

/** Readings of memory at even distances, each after a scrape. */
const SAMPLES = 50;
/** The share of the calls after which memory should not grow. */
const SETTLED_SHARE = 1 / 5;
/** Growth is the difference of medians over this many samples, as garbage collection changes memory. */
const WINDOW = SAMPLES / 5;
const GROWTH_LIMIT = "1 MB";
const RSS_LIMIT = "64 MB";

const GROWTH_OBSTACLE = `\
Objects that survive young collections are freed with each 32nd, and hot code is compiled again, so memory varies by some MB. It \
does not grow permanently: over 10,000 blocks it was 58 MB after the first tenth and at the end.`;

export const memoryUse: Bench = {
  name: "memory",
  async run(effort: Effort, programs: NativePrograms): Promise<Outcome> {
    const rows = [
      ...(await watch(programs, transactions(16), portion(effort, CALLS))),
      ...(await watch(programs, BLOCKS, portion(effort, BLOCK_COUNT))),
    ];
    return { rows, notes: ["memory: one round"] };
  },
};

async function watch(programs: NativePrograms, volley: Volley, calls: number): Promise<Row[]> {
  await using node = await ReferenceNode.start({ prefix: pinnedTo(NODE_CORE) });
  await using exporter = await startSubscriber("exporter", programs, node, OWN_CORE);
  const samples: number[] = [];
  const callsPerSample = Math.ceil(calls / SAMPLES);
  for (let sample = 0; sample < SAMPLES; sample++) {
    await fire(node, exporter, volley, callsPerSample);
    samples.push(memory(exporter.pid).residentBytes / MB);
  }
  const peak = memory(exporter.pid).peakBytes / MB;
  const growth = growthOf(samples);
  const bench = `memory, ${(SAMPLES * callsPerSample).toLocaleString("en")} calls: ${volley.name}`;
  return [
    { bench, measure: "RSS MB, most", exporter: peak, digits: 1, targets: [atMost(RSS_LIMIT, peak)] },
    {
      bench,
      measure: "RSS MB, growth over the last 4/5",
      exporter: growth,
      digits: 1,
      targets: [atMost(GROWTH_LIMIT, growth)],
      obstacle: GROWTH_OBSTACLE,
    },
  ];
}

/** The last samples minus the first ones after the settled share, as medians. */
export function growthOf(samples: readonly number[]): number {
  const settled = samples.slice(Math.round(samples.length * SETTLED_SHARE));
  return median(settled.slice(-WINDOW)) - median(settled.slice(0, WINDOW));
}
