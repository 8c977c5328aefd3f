// The parts that all sessions of one process share: the registry with every family, the collectors, the clock and the budget of
// callbacks.

import { type Collectors, makeCollectors } from "./collectors/catalogue.ts";
import { type Build, type ExporterCollector, exporterCollector } from "./collectors/exporter.ts";
import { processCollector } from "./collectors/process.ts";
import { MAX_PAGE_BYTES, Registry } from "./metrics/registry.ts";
import type { Options } from "./options.ts";
import { BusyClock } from "./rpc/busy-clock.ts";
import { TraceBudget } from "./session/trace-budget.ts";

export interface ExporterOptions extends Omit<Options, "metricsAddresses" | "webConfigPath" | "mode" | "timeoutMs"> {
  readonly build: Build;
  /** Writes a log line; never blocks. */
  readonly log: (line: string) => void;
}

export interface Composition {
  readonly registry: Registry;
  readonly collectors: Collectors;
  readonly metrics: ExporterCollector;
  readonly busyClock: BusyClock;
  readonly traceBudget: TraceBudget;
}

/** Registers the families in the order of the page. */
export function compose(options: ExporterOptions): Composition {
  const busyClock = new BusyClock();
  const registry = new Registry({
    onLeftOut: (name) => options.log(`left ${name} out of the page: it would exceed ${MAX_PAGE_BYTES} bytes`),
  });
  const metrics = exporterCollector(registry, options.build, () => busyClock.busyMs);
  const collectors = makeCollectors(options.collectors, {
    registry,
    feeTargets: options.feeTargets,
    onRefused: metrics.callFailed,
  });
  processCollector(registry);
  return { registry, collectors, metrics, busyClock, traceBudget: new TraceBudget(options.traceBudgetPercent) };
}
