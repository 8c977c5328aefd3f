// `npm run demo`: reads the command line, stops on signals, and exits with 1 if the exporter miscounted.

import { UsageError } from "../src/argument-reader.ts";
import { NAME } from "../src/build-info.ts";
import { runDemo } from "./demo.ts";
import { type DemoOptions, readDemoOptions, USAGE } from "./options.ts";

const EXIT_OK = 0;
const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

const { exporter, durationMs } = readCommandLine();
const signals = [endOnSignals()];
if (durationMs !== undefined) signals.push(AbortSignal.timeout(durationMs));
try {
  const { isGood, lines } = await runDemo(exporter, process.stdout, AbortSignal.any(signals));
  console.log(lines.join("\n"));
  process.exit(isGood ? EXIT_OK : EXIT_FAILURE);
} catch (error) {
  console.error(`${NAME} demo: ${error instanceof Error ? error.message : error}`);
  process.exit(EXIT_FAILURE);
}

function readCommandLine(): DemoOptions {
  try {
    const options = readDemoOptions(process.argv.slice(2));
    if (options !== "help") return options;
    console.log(USAGE);
    process.exit(EXIT_OK);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${NAME} demo: ${error.message}\n\n${USAGE}`);
    process.exit(EXIT_USAGE);
  }
}

/** Aborts on the first signal; the second exits immediately. */
function endOnSignals(): AbortSignal {
  const ending = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (ending.signal.aborted) process.exit(EXIT_FAILURE);
      ending.abort();
    });
  }
  // The reader has closed the pipe, as in `demo | head`.
  process.stdout.on("error", () => ending.abort());
  return ending.signal;
}
