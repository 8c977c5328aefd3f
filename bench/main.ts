// `bun run bench`: builds the programs, runs the benches one after the other and prints one table.

import { availableParallelism, loadavg } from "node:os";
import { compiledExporter } from "../test/exporter-command.ts";
import { buildReferenceNode } from "../test/reference-node/build.ts";
import { type Bench, BRIEF, CheckError, type Outcome } from "./bench.ts";
import { callbacks } from "./callbacks.ts";
import { describeMachine } from "./machine.ts";
import { memoryUse } from "./memory.ts";
import { buildNativePrograms } from "./native/build.ts";
import { type Options, readOptions, USAGE, UsageError } from "./options.ts";
import { polls } from "./polls.ts";
import { realNode } from "./real-node.ts";
import { RESULTS_FILE, renderReport, renderResults } from "./report.ts";
import { scrapes } from "./scrapes.ts";
import { start } from "./start.ts";

const BENCHES: readonly Bench[] = [callbacks, polls, scrapes, memoryUse, start, realNode];

/** Above the load that building the programs leaves behind. */
const BUSY_LOAD_PER_CORE = 0.75;

process.exit(await main());

/** Resolves to the exit code. */
async function main(): Promise<number> {
  const options = optionsOrUsage();
  if (options === undefined) return 2;
  const programs = await buildNativePrograms();
  await Promise.all([buildReferenceNode(), compiledExporter()]);

  const outcomes: Outcome[] = [{ rows: [], notes: noteLoad() }];
  let failed = 0;
  for (const bench of BENCHES) {
    if (options.only.length > 0 && !options.only.includes(bench.name)) continue;
    console.error(`bench: ${bench.name}`);
    try {
      outcomes.push(await bench.run(options.effort, programs));
    } catch (error) {
      // The other benches still have results.
      failed++;
      console.error(`bench: ${bench.name} failed: ${error instanceof CheckError ? error.message : Bun.inspect(error)}`);
      outcomes.push({ rows: [], notes: [`${bench.name}: FAILED`] });
    }
  }

  console.log(renderReport(outcomes, options.effort === BRIEF));
  if (options.write && failed === 0) {
    const today = new Date().toISOString().slice(0, 10);
    await Bun.write(RESULTS_FILE, renderResults(outcomes, await describeMachine(), options.effort, today));
  }
  return failed === 0 ? 0 : 1;
}

/** On a busy machine the figures mean little. */
function noteLoad(): string[] {
  const [load] = loadavg();
  if (load! < availableParallelism() * BUSY_LOAD_PER_CORE) return [];
  return [`the machine was busy at the start, with a load of ${load!.toFixed(1)}: the figures mean little`];
}

function optionsOrUsage(): Options | undefined {
  try {
    return readOptions(
      process.argv.slice(2),
      BENCHES.map((bench) => bench.name),
    );
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`bench: ${error.message}\n${USAGE}`);
    return undefined;
  }
}
