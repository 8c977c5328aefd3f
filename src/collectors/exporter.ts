// The exporter itself: its connection to the node, its polls, its log, its build.

import type { Registry } from "../metrics/registry.ts";

export interface Build {
  readonly version: string;
  /** The source's commit, or "unknown". */
  readonly revision: string;
  /** Version of the Bun runtime inside. */
  readonly bun: string;
}

export interface ExporterCollector {
  /** A session with a node of this layout begins. */
  connected(layout: string): void;
  disconnected(): void;
  /** A call to or from the node failed. `method` is a JSON-RPC method, or an interface and its method. */
  callFailed(method: string): void;
  /** As OnCall in src/node/calls.ts. */
  called(methods: readonly string[], durationMs: number | undefined): void;
  /** A poll ended, with or without failed calls. */
  polled(durationMs: number): void;
  /** `count` polls were due while another poll was running. */
  pollsMissed(count: number): void;
  logLineDropped(): void;
}

/** The label value of a batch of several JSON-RPC methods. */
const BATCH = "batch";

/** `busyMs`: milliseconds so far in which callbacks kept threads of the node waiting. */
export function exporterCollector(registry: Registry, build: Build, busyMs: () => number): ExporterCollector {
  const up = registry.gauge("bitcoin_ipc_up", "1 while the exporter is connected to a node that has started, else 0.");
  const connects = registry.counter("bitcoin_ipc_connects_total", "Connections to a node that had started.");
  const layouts = registry.gaugeVec("bitcoin_ipc_layout_info", "IPC layout of the node; always 1.", ["layout"], 1);
  const errors = registry.counterVec("bitcoin_ipc_call_errors_total", "Failed calls to the node, by method.", [
    "method",
  ]);
  const calls = registry.counterVec("bitcoin_ipc_calls_total", "Calls to the node that have ended, by method.", [
    "method",
  ]);
  const callSeconds = registry.polledCounterVec(
    "bitcoin_ipc_call_seconds_total",
    "Time from sending a call to its end, by method; batches of several methods count as batch.",
    ["method"],
  );
  const busy = registry.polledCounter(
    "bitcoin_ipc_callback_busy_seconds_total",
    "Time from the arrival of callbacks to their answers, including pauses of less than 0.5 ms between two callbacks.",
  );
  registry.onRender(() => busy.set(busyMs() / 1000));
  const pollDuration = registry.gauge("bitcoin_ipc_poll_duration_seconds", "Duration of the last poll.");
  const lastPoll = registry.gauge("bitcoin_ipc_last_poll_timestamp_seconds", "End of the last poll, in Unix time.");
  const missed = registry.counter(
    "bitcoin_ipc_polls_missed_total",
    "Polls skipped because another poll was still running.",
  );
  const dropped = registry.counter(
    "bitcoin_ipc_exporter_log_lines_dropped_total",
    "Log lines dropped because stderr did not accept them.",
  );
  registry.info("bitcoin_ipc_exporter_build_info", "Version, revision and Bun version of the exporter; always 1.", {
    ...build,
  });
  up.set(0);

  return {
    connected(layout) {
      up.set(1);
      connects.inc();
      layouts.clear();
      layouts.with(layout).set(1);
    },
    disconnected() {
      up.set(0);
      layouts.clear();
    },
    callFailed: (method) => void errors.with(method).inc(),
    called(methods, durationMs) {
      for (const method of methods) calls.with(method).inc();
      const isBatch = new Set(methods).size > 1;
      if (isBatch) calls.with(BATCH).inc();
      if (durationMs === undefined) return;
      const seconds = callSeconds.with(isBatch ? BATCH : methods[0]!);
      seconds.set(Number(seconds.read() ?? 0) + durationMs / 1000);
    },
    pollsMissed: (count) => void missed.add(count),
    polled(durationMs) {
      pollDuration.set(durationMs / 1000);
      lastPoll.set(Date.now() / 1000);
    },
    logLineDropped: () => void dropped.inc(),
  };
}
