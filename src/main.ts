// The program: reads the command line, serves the exporter's metrics, ends on signals. The only place that exits.

import { BUILD, NAME } from "./build-info.ts";
import { Exporter } from "./exporter.ts";
import { listenErrorText } from "./http/listen-error.ts";
import { type MetricsServer, serve } from "./http/server.ts";
import { Log } from "./log.ts";
import { type Address, hostPort, type Options, readOptions, UsageError, usage } from "./options.ts";

const EXIT_OK = 0;
const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

/**
 * The same signal again this soon is the first one: `timeout` and some shells signal a process and then its group, and npm
 * passes on what the terminal has sent to all.
 */
const SAME_SIGNAL_MS = 500;

/** Leaving in order must be over before a service manager loses patience: 5 s in all. */
const LEAVE_DEADLINE_MS = 4000;
const LOG_DEADLINE_MS = 500;

const options = await readCommandLine();
await run(options);

async function readCommandLine(): Promise<Options> {
  try {
    const options = readOptions(process.argv.slice(2));
    if (typeof options === "object") return options;
    console.log(
      options === "help" ? await usage() : `${NAME} ${BUILD.version} (revision ${BUILD.revision}, Bun ${BUILD.bun})`,
    );
    process.exit(EXIT_OK);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${NAME}: ${error.message}\n\n${await usage()}`);
    process.exit(EXIT_USAGE);
  }
}

async function run(options: Options): Promise<void> {
  const { metricsAddress } = options;
  const log = new Log(() => exporter.logLineDropped());
  const exporter = new Exporter({ ...options, build: BUILD, log: log.line });
  const server = await listen(metricsAddress, exporter);
  endOnSignals(exporter, server, log);
  log.line(`${NAME} ${BUILD.version} serves metrics on http://${hostPort(server)}/metrics`);
  exporter.start();
}

async function listen(address: Address, exporter: Exporter): Promise<MetricsServer> {
  try {
    return serve({ ...address, ...exporter.serving });
  } catch (error) {
    console.error(`${NAME}: cannot listen on ${hostPort(address)}: ${await listenErrorText(address.hostname, error)}`);
    process.exit(EXIT_FAILURE);
  }
}

/**
 * A pr/trace node dies when a subscribed client just goes, so whatever can be caught leaves in order first. A second
 * signal ends at once: whoever sends it has decided. The first may find us leaving after an internal error: whoever sends it
 * asks for no more than that.
 */
function endOnSignals(exporter: Exporter, server: MetricsServer, log: Log): void {
  let first: { signal: string; since: number } | undefined;
  let isEnding = false;
  const end = async (reason: string, exitCode: number): Promise<void> => {
    if (isEnding) return;
    isEnding = true;
    log.line(`${reason}: leaving the node`);
    const inOrder = await exporter.leave(LEAVE_DEADLINE_MS);
    server.stop();
    log.line(inOrder ? "left in order" : "left without the node's consent: it did not answer in time");
    await log.flush(LOG_DEADLINE_MS);
    process.exit(exitCode);
  };
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    process.on(signal, () => {
      const now = performance.now();
      first ??= { signal, since: now };
      if (signal !== first.signal || now - first.since >= SAME_SIGNAL_MS) process.exit(EXIT_FAILURE);
      void end(signal, EXIT_OK);
    });
  }
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      log.line(`${event}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      void end("internal error", EXIT_FAILURE);
    });
  }
}
