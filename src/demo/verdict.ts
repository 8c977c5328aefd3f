// Whether the exporter counted what the simulated node told it, to the last satoshi, and left the node as it should.

import { REMOVAL_REASONS } from "../node/chain-notifications.ts";
import type { Samples } from "./scrape.ts";
import type { SimulatedNode } from "./simulated-node.ts";
import type { Tally } from "./tally.ts";

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
export function judge(node: SimulatedNode, counted: Samples): Verdict {
  const { told } = node;
  const faults = [...differences(told, counted), ...misconduct(node)];
  const sum = Object.keys(COUNTERS).reduce((sum, series) => sum + (counted.value(series) ?? 0), 0);
  const coins = told.count("add") + told.count("spend") + told.count("uncache");
  const lines = [
    `the node told ${told.count()} events (sessions: ${told.sessions}, ` +
      `blocks connected: ${told.count("blockConnected")}, disconnected: ${told.count("blockDisconnected")}, ` +
      `transactions: ${told.count("transactionAddedToMempool")}, coins: ${coins}), ` +
      `the exporter counted ${sum}: ${faults.length === 0 ? "all is equal" : "not all is well"}`,
    ...faults,
  ];
  return { isGood: faults.length === 0, lines };
}

/** Series that differ. Values are compared as text, which is exact. */
function differences(told: Tally, counted: Samples): string[] {
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
    .filter(([series, value]) => counted.text(series) !== value?.toString())
    .map(([series, value]) => `${series}: the node told ${value}, the exporter counted ${counted.text(series)}`);
}

/** An exporter that was never there, and what would have ended a real node. */
function misconduct({ told, uncleanLeaves, subscriptions, fatalCalls }: SimulatedNode): string[] {
  const faults: string[] = [];
  if (told.sessions === 0) faults.push("the exporter has not connected");
  if (uncleanLeaves > 0) faults.push(`the exporter left ${uncleanLeaves} times with something registered`);
  if (subscriptions > 0) faults.push(`the exporter left ${subscriptions} objects registered`);
  if (fatalCalls > 0) faults.push(`the exporter asked ${fatalCalls} times for a chain that was not loaded`);
  return faults;
}
