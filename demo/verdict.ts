// Whether the exporter counted exactly what the simulated node reported, and disconnected cleanly.

import { DEFAULT_COLLECTORS } from "../src/collectors/catalogue.ts";
import type { ExporterOptions } from "../src/composition.ts";
import type { SeriesMap } from "../src/metrics/text-format-reader.ts";
import { REMOVAL_REASONS } from "../src/node/chain-notifications.ts";
import type { Tally } from "./node/tally.ts";
import type { SimulatedNode } from "./simulated-node.ts";

/** The exporter's options that leave events uncounted. */
type Choice = Partial<Pick<ExporterOptions, "collectors" | "subscribe">>;

export interface Verdict {
  readonly isGood: boolean;
  /** What was reported and counted, then a line for each fault. */
  readonly lines: readonly string[];
}

/** The callback that each counter counts. */
const COUNTERS = {
  bitcoin_blocks_connected_total: "blockConnected",
  bitcoin_blocks_disconnected_total: "blockDisconnected",
  bitcoin_tip_updates_total: "updatedBlockTip",
  bitcoin_chain_state_flushes_total: "chainStateFlushed",
  bitcoin_mempool_tx_added_total: "transactionAddedToMempool",
  bitcoin_mempool_tx_removed_total: "transactionRemovedFromMempool",
  bitcoin_utxo_cache_add_total: "add",
  bitcoin_utxo_cache_spend_total: "spend",
  bitcoin_utxo_cache_uncache_total: "uncache",
} as const;

/** `counted` is a scrape after the exporter has disconnected. */
export function judge(node: SimulatedNode, counted: SeriesMap, choice: Choice = {}): Verdict {
  const faults = [...differences(node.reported, counted, choice), ...misconduct(node, counted, choice)];
  const isGood = faults.length === 0;
  const lines = [`${summary(node.reported, counted, choice)}: ${isGood ? "equal" : "not correct"}`, ...faults];
  return { isGood, lines };
}

function summary(reported: Tally, counted: SeriesMap, choice: Choice): string {
  if (choice.subscribe === false) return "the exporter did not subscribe, so the node reported nothing";
  const counters = Object.entries(COUNTERS).filter(([series]) => isCompared(series, choice));
  const sum = counters.reduce((sum, [series]) => sum + (counted.get(series)?.value ?? 0), 0);
  const uncounted = counters.reduce((rest, [, event]) => rest - reported.count(event), reported.count());
  const coins = reported.count("add") + reported.count("spend") + reported.count("uncache");
  return (
    `the node reported ${reported.count()} events (sessions: ${reported.sessions}, ` +
    `blocks connected: ${reported.count("blockConnected")}, disconnected: ${reported.count("blockDisconnected")}, ` +
    `transactions: ${reported.count("transactionAddedToMempool")}, coins: ${coins}), ` +
    (uncounted === 0 ? "" : `${uncounted} of them not collected, `) +
    `the exporter counted ${sum}`
  );
}

/** Whether the exporter collects the series from what the node reported. */
function isCompared(series: string, { collectors = DEFAULT_COLLECTORS, subscribe = true }: Choice): boolean {
  if (!subscribe) return false;
  if (series.startsWith("bitcoin_mempool_")) return collectors.includes("mempool");
  if (series.startsWith("bitcoin_utxo_cache_")) return collectors.includes("utxocache");
  return true;
}

/** A line for each series that differs. Values are compared as text, which is exact. */
function differences(reported: Tally, counted: SeriesMap, choice: Choice): string[] {
  const expected: [string, number | bigint | undefined][] = [
    ["bitcoin_ipc_connects_total", reported.sessions],
    // Without a node there is no height.
    ["bitcoin_block_height", undefined],
    ...Object.entries(COUNTERS).map(([series, event]): [string, number] => [series, reported.count(event)]),
    ...REMOVAL_REASONS.map((name, reason): [string, number] => [
      `bitcoin_mempool_tx_removed_by_reason_total{reason="${name}"}`,
      reported.removals(reason),
    ]),
    ...(["add", "spend", "uncache"] as const).map((flow): [string, bigint] => [
      `bitcoin_utxo_cache_${flow}_value_total`,
      reported.valueSat(flow),
    ]),
  ];
  return expected
    .filter(([series, value]) => isCompared(series, choice) && counted.get(series)?.text !== value?.toString())
    .map(
      ([series, value]) => `${series}: the node reported ${value}, the exporter counted ${counted.get(series)?.text}`,
    );
}

/** Faults of an exporter that never connected, or that would have crashed a real node. */
function misconduct(node: SimulatedNode, counted: SeriesMap, { subscribe = true }: Choice): string[] {
  const { reported, uncleanLeaves, subscriptions, fatalCalls } = node;
  const faults: string[] = [];
  // The node counts a session by its subscription.
  const sessions = subscribe ? reported.sessions : counted.get("bitcoin_ipc_connects_total")?.value;
  if (!sessions) faults.push("the exporter has not connected");
  if (uncleanLeaves > 0) faults.push(`the exporter disconnected ${uncleanLeaves} times without unsubscribing`);
  if (subscriptions > 0) faults.push(`the exporter left ${subscriptions} subscriptions`);
  if (fatalCalls > 0) faults.push(`the exporter called the node ${fatalCalls} times for a chain that was not loaded`);
  return faults;
}
