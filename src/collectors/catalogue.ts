// The collectors by the names that --collectors and --no-collector take: which there are, which run unless the command line
// says otherwise, and what each costs the node. The one place that knows them all, so this file alone imports them.

import type { Registry } from "../metrics/registry.ts";
import { type ChainEvents, NO_EVENTS } from "../node/chain-notifications.ts";
import type { UtxoCacheEvents } from "../node/utxo-cache-trace.ts";
import { blockStatsCollector } from "./block-stats.ts";
import { chainCollector } from "./chain.ts";
import type { Collector } from "./collector.ts";
import { feesCollector } from "./fees.ts";
import { indexesCollector } from "./indexes.ts";
import { mempoolCollector } from "./mempool.ts";
import { networkCollector } from "./network.ts";
import { nodeCollector } from "./node.ts";
import { peersCollector } from "./peers.ts";
import { mergeRpcPolls } from "./rpc-poll.ts";
import { tipsCollector } from "./tips.ts";
import { txStatsCollector } from "./tx-stats.ts";
import { utxoCacheCollector } from "./utxo-cache.ts";

/** What collectors are made from. */
export interface CollectorContext {
  readonly registry: Registry;
  /** As feesCollector takes them. */
  readonly feeTargets: readonly number[];
  /** Told of each coin whose value is no amount. */
  readonly onRefused: (method: string) => void;
}

interface Entry {
  /** `always`: the exporter itself goes by what it reads. `default`: unless the command line leaves it out. */
  readonly use: "always" | "default";
  /** What it costs the node, in one line. */
  readonly cost: string;
  make(context: CollectorContext): Collector;
}

/** In the order of the page. */
export const CATALOGUE = {
  chain: {
    use: "always",
    cost: "getblockchaininfo, and four calls to Chain and Node: each takes a lock and reads a few fields",
    make: ({ registry }) => chainCollector(registry),
  },
  mempool: {
    use: "default",
    cost: "getmempoolinfo, and three calls to Node: each takes a lock and reads a few fields",
    make: ({ registry }) => mempoolCollector(registry),
  },
  network: {
    use: "default",
    cost: "getnetworkinfo, getnettotals and three calls to Node: a few fields each; listbanned: a line per ban",
    make: ({ registry }) => networkCollector(registry),
  },
  node: {
    use: "default",
    cost: "uptime; the other values come from answers to chain and network",
    make: ({ registry }) => nodeCollector(registry),
  },
  peers: {
    use: "default",
    cost: "getpeerinfo: about 2 kB of text per peer",
    make: ({ registry }) => peersCollector(registry),
  },
  tips: {
    use: "default",
    cost: "getchaintips, at every 10th poll: reads the whole block index while validation waits",
    make: ({ registry }) => tipsCollector(registry),
  },
  indexes: {
    use: "default",
    cost: "getindexinfo: a few fields per index",
    make: ({ registry }) => indexesCollector(registry),
  },
  fees: {
    use: "default",
    cost: "estimatesmartfee per target: waits until the node has processed its queued notifications",
    make: ({ registry, feeTargets }) => feesCollector(registry, feeTargets),
  },
  txstats: {
    use: "default",
    cost: "getchaintxstats: two entries of the block index",
    make: ({ registry }) => txStatsCollector(registry),
  },
  blockstats: {
    use: "default",
    cost: "getblockstats and two getblockheader, for each new tip: reads the block and its undo data from disk",
    make: ({ registry }) => blockStatsCollector(registry),
  },
  utxocache: {
    use: "default",
    cost: "a callback for each coin of the UTXO cache: validation waits for each answer",
    make: ({ registry, onRefused }) => utxoCacheCollector(registry, onRefused),
  },
} as const satisfies Record<string, Entry>;
export type CollectorName = keyof typeof CATALOGUE;

export const COLLECTOR_NAMES = Object.keys(CATALOGUE) as readonly CollectorName[];

/** Those that run unless the command line says otherwise. */
export const DEFAULT_COLLECTORS = COLLECTOR_NAMES;

export function isCollectorName(name: string): name is CollectorName {
  return Object.hasOwn(CATALOGUE, name);
}

/** Whether a collector runs whatever the command line says. */
export function isAlwaysUsed(name: CollectorName): boolean {
  return CATALOGUE[name].use === "always";
}

/** All the collectors of one exporter as one. */
export interface Collectors extends Required<Omit<Collector, "events" | "utxoCacheEvents">> {
  readonly events: ChainEvents;
  /** Undefined when nobody counts coins: then there is no need to trace them. */
  readonly utxoCacheEvents: UtxoCacheEvents | undefined;
  /** For a node that tells its tip, but not the blocks on the way to it. */
  tipSeen(height: number): void;
  /** Whether the node is in initial block download; undefined while that is not known. */
  readonly initialBlockDownload: boolean | undefined;
}

/** Makes the collectors of these names and those that always run, and registers their families. */
export function makeCollectors(names: Iterable<CollectorName>, context: CollectorContext): Collectors {
  const chosen = new Set(names);
  const chain = CATALOGUE.chain.make(context);
  const others = COLLECTOR_NAMES.filter((name) => name !== "chain" && chosen.has(name));
  const all: readonly Collector[] = [chain, ...others.map((name) => CATALOGUE[name].make(context))];
  // The node reports all or nothing: what no collector counts is answered and forgotten.
  let events = NO_EVENTS;
  for (const collector of all) events = { ...events, ...collector.events };
  return {
    queryPolls: all.flatMap(({ queryPolls = [] }) => queryPolls),
    rpcPolls: mergeRpcPolls(all.flatMap(({ rpcPolls = [] }) => rpcPolls)),
    miningPolls: all.flatMap(({ miningPolls = [] }) => miningPolls),
    tipPolls: all.flatMap(({ tipPolls = [] }) => tipPolls),
    events,
    utxoCacheEvents: all.find(({ utxoCacheEvents }) => utxoCacheEvents !== undefined)?.utxoCacheEvents,
    setUtxoTraceActive(isActive) {
      for (const collector of all) collector.setUtxoTraceActive?.(isActive);
    },
    tipSeen: chain.tipSeen,
    get initialBlockDownload() {
      return chain.initialBlockDownload;
    },
  };
}
