// The program: reads the command line, serves the exporter's metrics, ends or stops on signals. The only place that exits.

import { UsageError } from "./argument-reader.ts";
import { BUILD, NAME } from "./build-info.ts";
import { checkReport } from "./check.ts";
import { readOptions } from "./command-line.ts";
import { Exporter } from "./exporter.ts";
import { usage } from "./flags.ts";
import { listenErrorText } from "./http/listen-error.ts";
import { createServer, type ListenAddress, type MetricsServer } from "./http/server.ts";
import { WebConfigError } from "./http/web-config.ts";
import { WebConfigFile } from "./http/web-config-file.ts";
import { escapeUnprintable, Log } from "./log.ts";
import { withReason } from "./node/socket.ts";
import { NoPollError, pollOnce } from "./one-poll.ts";
import { hostPort, type Options } from "./options.ts";
import { type EndingSignal, handleSignals, stopProcess } from "./signals.ts";

const EXIT_OK = 0;
const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

/**
 * A signal this soon after the first one belongs to it: systemd sends SIGTERM and SIGHUP together (SendSIGHUP=), a terminal
 * SIGHUP and SIGCONT, and `timeout` signals a process and then its group.
 */
const SAME_REQUEST_MS = 500;

/** Disconnecting and the log have 5 s in all, before the service manager sends SIGKILL. */
const LEAVE_DEADLINE_MS = 4000;
const LOG_DEADLINE_MS = 500;

/** The longest timer, 25 days. Ctrl-Z has no deadline: the exporter stops once the node has confirmed the disconnect. */
const NO_DEADLINE_MS = 2 ** 31 - 1;

/** Addresses that only this host reaches. */
const LOOPBACK = /^(localhost|127\.[\d.]+|::1)$/;

const options = await readCommandLine();
if (options.mode === "serve") await run(options);
else await poll(options);

async function readCommandLine(): Promise<Options> {
  try {
    const options = readOptions(process.argv.slice(2), process.env);
    if (typeof options === "object") return options;
    console.log(
      options === "help" ? await usage() : `${NAME} ${BUILD.version} (revision ${BUILD.revision}, Bun ${BUILD.bun})`,
    );
    process.exit(EXIT_OK);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return fail(`${error.message}; --help lists the flags`, EXIT_USAGE);
  }
}

async function run(options: Options): Promise<void> {
  const log = new Log(() => exporter.logLineDropped());
  const exporter = new Exporter({ ...options, build: BUILD, log: log.line });
  const web = await openWebConfig(options.webConfigPath);
  const refusals = new Set<string>();
  const onRefused = (reason: string) => {
    if (!refusals.has(reason)) log.line(`refused a TLS client: ${reason}; this is logged once`);
    refusals.add(reason);
  };
  const server = createServer({ ...exporter.serving, web, onRefused });
  const addresses: ListenAddress[] = [];
  for (const address of options.metricsAddresses) addresses.push(await listen(server, address));
  leaveInOrder(exporter, server, log);
  const scheme = web?.tls === undefined ? "http" : "https";
  for (const address of addresses)
    log.line(`${NAME} ${BUILD.version} serves metrics on ${scheme}://${hostPort(address)}/metrics`);
  if (web !== undefined && web.tls === undefined && !web.passwords.areNeeded)
    log.line(`web configuration ${options.webConfigPath}: it sets neither TLS nor passwords`);
  const open = addresses.filter(({ hostname }) => scheme === "http" && !LOOPBACK.test(hostname)).map(hostPort);
  const readable = web?.passwords.areNeeded ? "metrics and passwords" : "the metrics";
  if (open.length > 0)
    log.line(`plain HTTP on ${open.join(" ")}: the network can read ${readable}; --web-config adds TLS`);
  web?.follow(log.line);
  exporter.start();
}

/** Prints what one poll of the node shows. A fault of the web configuration comes first: nothing is polled then. */
async function poll(options: Options): Promise<void> {
  await openWebConfig(options.webConfigPath);
  const log = new Log(() => {});
  const end = new AbortController();
  onSignals(
    (signal) => end.abort(`stopped by ${signal}`),
    // At once: the node waits for no answer of an exporter that has not subscribed.
    function stop() {
      stopProcess(stop);
    },
  );
  try {
    const text = await pollOnce(
      { ...options, build: BUILD, log: options.debug ? log.line : () => {} },
      end.signal,
      (node) => (options.mode === "once" ? node.registry.render() : checkReport(node, options)),
    );
    await print(text);
    await log.flush(LOG_DEADLINE_MS);
    process.exit(EXIT_OK);
  } catch (error) {
    if (!(error instanceof NoPollError)) throw error;
    await log.flush(LOG_DEADLINE_MS);
    fail(`cannot poll the node at ${options.socketPath}: ${error.message}`);
  }
}

async function print(text: string | Uint8Array): Promise<void> {
  try {
    await Bun.write(Bun.stdout, text);
  } catch (error) {
    fail(`cannot write to stdout: ${withReason(error as NodeJS.ErrnoException).message}`);
  }
}

async function openWebConfig(path: string | undefined): Promise<WebConfigFile | undefined> {
  try {
    return path === undefined ? undefined : await WebConfigFile.open(path);
  } catch (error) {
    if (!(error instanceof WebConfigError)) throw error;
    return fail(error.message);
  }
}

async function listen(server: MetricsServer, address: ListenAddress): Promise<ListenAddress> {
  try {
    return server.listen(address);
  } catch (error) {
    return fail(`cannot listen on ${hostPort(address)}: ${await listenErrorText(address.hostname, error)}`);
  }
}

/** Prints the error as one line and exits. */
function fail(message: string, exitCode = EXIT_FAILURE): never {
  console.error(`${NAME}: ${escapeUnprintable(message)}`);
  process.exit(exitCode);
}

/**
 * A pr/trace node crashes if a subscribed client disconnects without unsubscribing, so every signal and every internal error
 * disconnects in order first. A second signal that comes later exits immediately. After an internal error the first signal changes
 * nothing, because the exporter is disconnecting already.
 */
function leaveInOrder(exporter: Exporter, server: MetricsServer, log: Log): void {
  let isEnding = false;
  let isStopping = false;
  const end = async (reason: string, exitCode: number): Promise<void> => {
    if (isEnding) return;
    isEnding = true;
    log.line(`${reason}: disconnecting from the node`);
    const isConfirmed = await exporter.leave(LEAVE_DEADLINE_MS);
    server.stop();
    log.line(
      isConfirmed
        ? "disconnected"
        : `disconnected without confirmation: the node did not answer within ${LEAVE_DEADLINE_MS / 1000} s`,
    );
    await log.flush(LOG_DEADLINE_MS);
    process.exit(exitCode);
  };
  const stop = async (): Promise<void> => {
    if (isEnding || isStopping) return;
    isStopping = true;
    log.line("SIGTSTP: disconnecting from the node until SIGCONT");
    await exporter.leave(NO_DEADLINE_MS);
    await log.flush(LOG_DEADLINE_MS);
    isStopping = false;
    // A signal to end may have arrived meanwhile.
    if (isEnding) return;
    stopProcess(stop);
    exporter.start();
  };
  onSignals((signal) => void end(signal, EXIT_OK), stop);
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      log.line(`${event}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      void end("internal error", EXIT_FAILURE);
    });
  }
}

/** Calls `onEnd` for the signals of the first request to end. A later one exits immediately. */
function onSignals(onEnd: (signal: EndingSignal) => void, onStop: () => void): void {
  let firstAt: number | undefined;
  handleSignals((signal) => {
    const now = performance.now();
    firstAt ??= now;
    if (now - firstAt >= SAME_REQUEST_MS) process.exit(EXIT_FAILURE);
    onEnd(signal);
  }, onStop);
}
