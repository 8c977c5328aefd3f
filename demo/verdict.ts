// Whether the exporter counted what the simulated node told it, to the last satoshi, and left the node as it should.

import type { SeriesMap } from "../scripts/text-format.ts";
import { DEFAULT_COLLECTORS } from "../src/collectors/catalogue.ts";
import type { ExporterOptions } from "../src/exporter.ts";
import { REMOVAL_REASONS } from "../src/node/chain-notifications.ts";
import type { SimulatedNode } from "./simulated-node.ts";
import type { Tally } from "./tally.ts";

/** What of the exporter's options leaves events uncounted. */
type Choice = Partial<Pick<ExporterOptions, "collectors" | "subscribe">>;

export interface Verdict {
  readonly isGood: boolean;
  /** What was told and counted; with faults, a line for each. */
  readonly lines: readonly string[];
}

/** Counters of events, and the callback that each counts. */
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

/** To be called when the exporter has left the node; `counted` is a scrape after that. */
export function judge(node: SimulatedNode, counted: SeriesMap, choice: Choice = {}): Verdict {
  const faults = [...differences(node.told, counted, choice), ...misconduct(node, counted, choice)];
  const isGood = faults.length === 0;
  const lines = [`${summary(node.told, counted, choice)}: ${isGood ? "all is equal" : "not all is well"}`, ...faults];
  return { isGood, lines };
}

function summary(told: Tally, counted: SeriesMap, choice: Choice): string {
  if (choice.subscribe === false) return "the exporter did not subscribe, so the node told it nothing";
  const counters = Object.entries(COUNTERS).filter(([series]) => isCompared(series, choice));
  const sum = counters.reduce((sum, [series]) => sum + (counted.get(series)?.value ?? 0), 0);
  const uncounted = counters.reduce((rest, [, event]) => rest - told.count(event), told.count());
  const coins = told.count("add") + told.count("spend") + told.count("uncache");
  return (
    `the node told ${told.count()} events (sessions: ${told.sessions}, ` +
    `blocks connected: ${told.count("blockConnected")}, disconnected: ${told.count("blockDisconnected")}, ` +
    `transactions: ${told.count("transactionAddedToMempool")}, coins: ${coins}), ` +
    (uncounted === 0 ? "" : `${uncounted} of them for no collector, `) +
    `the exporter counted ${sum}`
  );
}

/** Whether the exporter serves a series, and the node told what it should say. */
function isCompared(series: string, { collectors = DEFAULT_COLLECTORS, subscribe = true }: Choice): boolean {
  if (!subscribe) return false;
  if (series.startsWith("bitcoin_mempool_")) return collectors.includes("mempool");
  if (series.startsWith("bitcoin_utxo_cache_")) return collectors.includes("utxocache");
  return true;
}

/** Series that differ. Values are compared as text, which is exact. */
function differences(told: Tally, counted: SeriesMap, choice: Choice): string[] {
  const expected: [string, number | bigint | undefined][] = [
    ["bitcoin_ipc_connects_total", told.sessions],
    ["bitcoin_block_height", told.height],
    ...Object.entries(COUNTERS).map(([series, event]): [string, number] => [series, told.count(event)]),
    ...REMOVAL_REASONS.map((name, reason): [string, number] => [
      `bitcoin_mempool_tx_removed_by_reason_total{reason="${name}"}`,
      told.removals(reason),
    ]),
    ...(["add", "spend", "uncache"] as const).map((flow): [string, bigint] => [
      `bitcoin_utxo_cache_${flow}_value_total`,
      told.valueSat(flow),
    ]),
  ];
  return expected
    .filter(([series, value]) => isCompared(series, choice) && counted.get(series)?.text !== value?.toString())
    .map(([series, value]) => `${series}: the node told ${value}, the exporter counted ${counted.get(series)?.text}`);
}

/** An exporter that was never there, and what would have ended a real node. */
function misconduct(node: SimulatedNode, counted: SeriesMap, { subscribe = true }: Choice): string[] {
  const { told, uncleanLeaves, subscriptions, fatalCalls } = node;
  const faults: string[] = [];
  // The node knows a session by its subscription.
  const sessions = subscribe ? told.sessions : counted.get("bitcoin_ipc_connects_total")?.value;
  if (!sessions) faults.push("the exporter has not connected");
  if (uncleanLeaves > 0) faults.push(`the exporter left ${uncleanLeaves} times with something registered`);
  if (subscriptions > 0) faults.push(`the exporter left ${subscriptions} objects registered`);
  if (fatalCalls > 0) faults.push(`the exporter asked ${fatalCalls} times for a chain that was not loaded`);
  return faults;
}
