// The collectors by the names that --collectors and --no-collector use: which exist, which run by default, and what each costs
// the node. The only file that imports them all.

import type { Registry } from "../metrics/registry.ts";
import { type ChainEvents, NO_EVENTS } from "../node/chain-notifications.ts";
import type { UtxoCacheEvents } from "../node/utxo-cache-trace.ts";
import { addrmanCollector } from "./addrman.ts";
import { asmapCollector } from "./asmap.ts";
import { blockStatsCollector } from "./block-stats.ts";
import { type ChainCollector, chainCollector } from "./chain.ts";
import { clientsCollector } from "./clients.ts";
import type { Collector, PolledFamily, Reported } from "./collector.ts";
import { feeRatesCollector } from "./fee-rates.ts";
import { feesCollector } from "./fees.ts";
import { indexesCollector } from "./indexes.ts";
import { mempoolCollector } from "./mempool.ts";
import { networkCollector } from "./network.ts";
import { nodeCollector } from "./node.ts";
import { peerHealthCollector } from "./peer-health.ts";
import { peersCollector } from "./peers.ts";
import { privateBroadcastCollector } from "./private-broadcast.ts";
import { relayCollector } from "./relay.ts";
import { rpcInfoCollector } from "./rpc-info.ts";
import { snapshotCollector } from "./snapshot.ts";
import { tipsCollector } from "./tips.ts";
import { trafficCollector } from "./traffic.ts";
import { txStatsCollector } from "./tx-stats.ts";
import { uploadTargetCollector } from "./upload-target.ts";
import { utxoCacheCollector } from "./utxo-cache.ts";
import { utxoSetCollector } from "./utxo-set.ts";

/** The parameters of all collectors. */
export interface CollectorContext {
  readonly registry: Registry;
  /** As feesCollector takes them. */
  readonly feeTargets: readonly number[];
  /** Called for each coin whose value is not an amount, with the method. */
  readonly onRefused: (method: string) => void;
}

interface Entry {
  /**
   * `always`: the exporter itself needs its values. `default`: runs unless the command line excludes it. `off`: runs only if
   * the command line adds it.
   */
  readonly use: "always" | "default" | "off";
  /** The cost to the node, in one line. METRICS.md has it too. */
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
  snapshot: {
    use: "default",
    cost: "none besides that of chain",
    make: ({ registry }) => snapshotCollector(registry),
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
  relay: {
    use: "default",
    cost: "none besides that of network",
    make: ({ registry }) => relayCollector(registry),
  },
  uploadtarget: {
    use: "default",
    cost: "getnettotals: a few fields",
    make: ({ registry }) => uploadTargetCollector(registry),
  },
  node: {
    use: "default",
    cost: "uptime; the other values come from answers to chain and network",
    make: ({ registry }) => nodeCollector(registry),
  },
  rpcinfo: {
    use: "default",
    cost: "getrpcinfo: a few fields",
    make: ({ registry }) => rpcInfoCollector(registry),
  },
  peers: {
    use: "default",
    cost: "getpeerinfo: about 2 kB of text per peer",
    make: ({ registry }) => peersCollector(registry),
  },
  peerhealth: {
    use: "default",
    cost: "none besides that of peers",
    make: ({ registry }) => peerHealthCollector(registry),
  },
  clients: {
    use: "default",
    cost: "none besides that of peers",
    make: ({ registry }) => clientsCollector(registry),
  },
  asmap: {
    use: "default",
    cost: "none besides that of peers",
    make: ({ registry }) => asmapCollector(registry),
  },
  traffic: {
    use: "default",
    cost: "none besides that of peers",
    make: ({ registry }) => trafficCollector(registry),
  },
  addrman: {
    use: "default",
    cost: "getaddrmaninfo: a lock and ten numbers",
    make: ({ registry }) => addrmanCollector(registry),
  },
  privatebroadcast: {
    use: "default",
    cost: "getprivatebroadcastinfo: the queued transactions",
    make: ({ registry }) => privateBroadcastCollector(registry),
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
    cost: "estimatesmartfee per target: waits until the node has processed its queued notifications; v32 builds a block template",
    make: ({ registry, feeTargets }) => feesCollector(registry, feeTargets),
  },
  feerates: {
    use: "off",
    cost: "getmempoolfeeratediagram, at every 5th poll: a line per chunk of the mempool, which is locked meanwhile",
    make: ({ registry }) => feeRatesCollector(registry),
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
  utxoset: {
    use: "off",
    cost: "getindexinfo and gettxoutsetinfo, for each new tip, with a synced coinstatsindex: writes the chain state to disk",
    make: ({ registry }) => utxoSetCollector(registry),
  },
  utxocache: {
    use: "default",
    cost: "a callback for each coin of the UTXO cache: validation waits for each answer",
    make: ({ registry, onRefused }) => utxoCacheCollector(registry, onRefused),
  },
} as const satisfies Record<string, Entry>;
export type CollectorName = keyof typeof CATALOGUE;

export const COLLECTOR_NAMES = Object.keys(CATALOGUE) as readonly CollectorName[];

/** Those that run by default. */
export const DEFAULT_COLLECTORS = COLLECTOR_NAMES.filter((name) => CATALOGUE[name].use !== "off");

export function isCollectorName(name: string): name is CollectorName {
  return Object.hasOwn(CATALOGUE, name);
}

/** Whether a collector cannot be excluded. */
export function isAlwaysUsed(name: CollectorName): boolean {
  return CATALOGUE[name].use === "always";
}

/** What a collector costs the node, in one line. */
export function costOf(name: CollectorName): string {
  return CATALOGUE[name].cost;
}

/** All the collectors of one exporter as one. */
export interface Collectors {
  readonly chain: ChainCollector;
  readonly polled: readonly PolledFamily[];
  /** The families of each collector by name, in the order of the page. */
  readonly families: ReadonlyMap<CollectorName, readonly string[]>;
  readonly events: ChainEvents;
  /** Undefined when no collector counts coins: then the trace is not needed. */
  readonly utxoCacheEvents: UtxoCacheEvents | undefined;
  startSession(reported: Reported): void;
  endSession(): void;
  setUtxoTraceActive(isActive: boolean | undefined): void;
}

/** Makes the collectors of these names and those that always run, and registers their families. */
export function makeCollectors(names: Iterable<CollectorName>, context: CollectorContext): Collectors {
  const chosen = new Set(names);
  const families = new Map<CollectorName, readonly string[]>();
  const record = <C extends Collector>(name: CollectorName, make: (context: CollectorContext) => C): C => {
    const before = context.registry.familyNames.length;
    const collector = make(context);
    families.set(name, context.registry.familyNames.slice(before));
    return collector;
  };
  const chain = record("chain", CATALOGUE.chain.make);
  const others = COLLECTOR_NAMES.filter((name) => name !== "chain" && chosen.has(name));
  const all: readonly Collector[] = [chain, ...others.map((name) => record<Collector>(name, CATALOGUE[name].make))];
  // The node reports all events or none: those that no collector counts are ignored.
  let events = NO_EVENTS;
  for (const collector of all) events = { ...events, ...collector.events };
  return {
    chain,
    polled: all.flatMap(({ polled = [] }) => polled),
    families,
    events,
    utxoCacheEvents: all.find(({ utxoCacheEvents }) => utxoCacheEvents !== undefined)?.utxoCacheEvents,
    setUtxoTraceActive(isActive) {
      for (const collector of all) collector.setUtxoTraceActive?.(isActive);
    },
    startSession(reported) {
      for (const collector of all) collector.startSession?.(reported);
    },
    endSession() {
      for (const collector of all) collector.endSession?.();
    },
  };
}
