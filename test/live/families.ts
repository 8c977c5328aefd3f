// The value of each polled family of METRICS.md by bitcoin-cli's answers, and the names of the families that count events. The
// tests compare both with the page, and the lists with METRICS.md.

import type { Samples } from "../exporter-process.ts";
import { type BitcoinNode, CliError } from "./bitcoin-node.ts";
import type { NodeBuild } from "./executables.ts";

/** The samples of one family: label sets as they stand in the payload, "" for none → values as they are written. */
export type FamilySamples = Readonly<Record<string, string>>;

/** A number as bitcoin-cli writes it. */
type Num = string;

interface Peer {
  readonly inbound: boolean;
  readonly network: string;
  readonly connection_type: string;
  readonly transport_protocol_type: string;
  readonly pingtime?: Num;
  readonly minping?: Num;
  readonly pingwait?: Num;
  readonly inflight: readonly Num[];
  readonly bip152_hb_to: boolean;
  readonly bip152_hb_from: boolean;
  readonly timeoffset: Num;
  readonly relaytxes: boolean;
  readonly addr_processed?: Num;
  readonly addr_rate_limited?: Num;
  readonly inv_to_send?: Num;
  readonly minfeefilter?: Num;
  readonly subver: string;
  readonly version: Num;
  readonly servicesnames: readonly string[];
  readonly mapped_as?: Num;
}

interface Fee {
  readonly feerate?: Num;
  readonly estimator?: string;
}

interface Header {
  readonly time: Num;
  readonly previousblockhash?: string;
}

/** bitcoin-cli's answers at one moment, as far as families use them. */
interface Answers {
  readonly chain: {
    readonly chain: string;
    readonly blocks: Num;
    readonly headers: Num;
    readonly bestblockhash: string;
    readonly difficulty: Num;
    readonly time: Num;
    readonly mediantime: Num;
    readonly verificationprogress: Num;
    readonly initialblockdownload: boolean;
    readonly size_on_disk: Num;
    readonly pruned: boolean;
    readonly pruneheight?: Num;
    readonly warnings: readonly string[];
    readonly backgroundvalidation?: {
      readonly blocks: Num;
      readonly snapshotheight: Num;
      readonly verificationprogress: Num;
    };
  };
  readonly mempool: {
    readonly size: Num;
    readonly bytes: Num;
    readonly usage: Num;
    readonly total_fee: Num;
    readonly maxmempool: Num;
    readonly mempoolminfee: Num;
    readonly minrelaytxfee: Num;
    readonly unbroadcastcount: Num;
    readonly incrementalrelayfee: Num;
    readonly loaded: boolean;
    readonly optimal?: boolean;
    readonly limitclustercount?: Num;
    readonly limitclustersize?: Num;
  };
  readonly network: {
    readonly version: Num;
    readonly subversion: string;
    readonly protocolversion: Num;
    readonly networkactive: boolean;
    readonly connections: Num;
    readonly networks: readonly { readonly name: string; readonly reachable: boolean }[];
    readonly localaddresses: readonly unknown[];
    readonly localservicesnames: readonly string[];
    readonly timeoffset: Num;
    readonly tx_send_rate?: Num;
    readonly inv_buckets?: Readonly<Record<string, { backlog: Num; count_tok: Num; size_tok: Num }>>;
  };
  readonly totals: {
    readonly totalbytesrecv: Num;
    readonly totalbytessent: Num;
    readonly uploadtarget: Readonly<Record<string, Num | boolean>>;
  };
  readonly banned: readonly unknown[];
  readonly peers: readonly Peer[];
  readonly tips: readonly { readonly status: string }[];
  readonly indexes: Readonly<Record<string, { readonly synced: boolean; readonly best_block_height: Num }>>;
  readonly txStats: { readonly txcount: Num; readonly txrate?: Num };
  readonly uptime: Num;
  readonly addresses: Readonly<Record<string, { readonly new: Num; readonly tried: Num }>>;
  /** Undefined on a node without -privatebroadcast, or without the method. */
  readonly privateBroadcast: { readonly transactions: readonly { readonly attempts_remaining?: Num }[] } | undefined;
  /** Undefined on a node without the method. */
  readonly feeRates: readonly { readonly weight: Num; readonly fee: Num }[] | undefined;
  /** Undefined in initial block download, or without a synced coinstatsindex. */
  readonly utxoSet: Readonly<Record<string, Num>> | undefined;
  /** By target. */
  readonly fees: Readonly<Record<string, Fee>>;
  /** Of v32: the estimates of block_policy by target, and that of mempool_policy. Undefined before a node names an estimator. */
  readonly estimators: { readonly blockPolicy: Readonly<Record<string, Fee>>; readonly mempoolPolicy: Fee } | undefined;
  /** Of the tip; undefined in initial block download. */
  readonly block: (Readonly<Record<string, Num>> & { readonly feerate_percentiles: readonly Num[] }) | undefined;
  /** The tip's header and the one before it, as far as there is one. */
  readonly headers: readonly Header[];
}

/** Calls bitcoin-cli for everything that `POLLED` uses. */
export async function ask(node: BitcoinNode, feeTargets: readonly number[]): Promise<Answers> {
  const chain = await node.cliExact<Answers["chain"]>("getblockchaininfo");
  const fees = await byTarget(feeTargets, (target) => node.cliExact("estimatesmartfee", target));
  const isSyncing = chain.initialblockdownload;
  const indexes = await node.cliExact<Answers["indexes"]>("getindexinfo");
  const hasUtxoSet = !isSyncing && indexes["coinstatsindex"]?.synced === true;
  return {
    chain,
    mempool: await node.cliExact("getmempoolinfo"),
    network: await node.cliExact("getnetworkinfo"),
    totals: await node.cliExact("getnettotals"),
    banned: await node.cliExact("listbanned"),
    peers: await node.cliExact("getpeerinfo"),
    tips: await node.cliExact("getchaintips"),
    indexes,
    txStats: await node.cliExact("getchaintxstats"),
    uptime: await node.cliExact("uptime"),
    addresses: await node.cliExact("getaddrmaninfo"),
    privateBroadcast: await ifThere(node.cliExact("getprivatebroadcastinfo")),
    feeRates: await ifThere(node.cliExact("getmempoolfeeratediagram")),
    utxoSet: hasUtxoSet ? await node.cliExact("gettxoutsetinfo", "none", Number(chain.blocks)) : undefined,
    fees,
    estimators: Object.values(fees).some(({ estimator }) => estimator !== undefined)
      ? {
          blockPolicy: await byTarget(feeTargets, (target) => estimateOf(node, target, "block_policy")),
          mempoolPolicy: await estimateOf(node, 2, "mempool_policy"),
        }
      : undefined,
    block: isSyncing ? undefined : await node.cliExact("getblockstats", Number(chain.blocks)),
    headers: isSyncing ? [] : await lastHeaders(node, chain.bestblockhash),
  };
}

async function byTarget(
  targets: readonly number[],
  ask: (target: number) => Promise<Fee>,
): Promise<Record<string, Fee>> {
  return Object.fromEntries(
    await Promise.all(targets.map(async (target) => [String(target), await ask(target)] as const)),
  );
}

function estimateOf(node: BitcoinNode, target: number, estimator: string): Promise<Fee> {
  return node.cliExact("estimatesmartfee", target, "economical", { fee_rate_estimator: estimator });
}

/** RPC_METHOD_NOT_FOUND. */
const METHOD_NOT_FOUND = -32601;

/** The answer; undefined when the node does not have the method, or not with its options. */
async function ifThere<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof CliError && error.code === METHOD_NOT_FOUND) return undefined;
    throw error;
  }
}

async function lastHeaders(node: BitcoinNode, hash: string): Promise<Header[]> {
  const header = await node.cliExact<Header>("getblockheader", hash);
  if (header.previousblockhash === undefined) return [header];
  return [header, await node.cliExact<Header>("getblockheader", header.previousblockhash)];
}

/** Each family that has a value at any moment, computed from bitcoin-cli's answers. */
export const POLLED: Readonly<Record<string, (answers: Answers) => FamilySamples>> = {
  bitcoin_chain_height: ({ chain }) => one(chain.blocks),
  bitcoin_header_height: ({ chain }) => one(chain.headers),
  bitcoin_test_chain: ({ chain }) => one(flag(chain.chain !== "main")),
  bitcoin_ibd: ({ chain }) => one(flag(chain.initialblockdownload)),
  bitcoin_verification_progress: ({ chain }) => one(double(chain.verificationprogress)),
  bitcoin_difficulty: ({ chain }) => one(double(chain.difficulty)),
  bitcoin_tip_timestamp_seconds: ({ chain }) => one(chain.time),
  bitcoin_tip_median_timestamp_seconds: ({ chain }) => one(chain.mediantime),
  bitcoin_size_on_disk_bytes: ({ chain }) => one(chain.size_on_disk),
  bitcoin_pruned: ({ chain }) => one(flag(chain.pruned)),
  bitcoin_prune_height: ({ chain }) => one(chain.pruneheight),

  bitcoin_background_validation_height: ({ chain }) => one(chain.backgroundvalidation?.blocks),
  bitcoin_snapshot_height: ({ chain }) => one(chain.backgroundvalidation?.snapshotheight),
  bitcoin_background_validation_progress: ({ chain: { backgroundvalidation } }) =>
    one(backgroundvalidation && double(backgroundvalidation.verificationprogress)),

  bitcoin_last_block_height: ({ block }) => one(block?.["height"]),
  bitcoin_last_block_transactions: ({ block }) => one(block?.["txs"]),
  bitcoin_last_block_size_bytes: ({ block }) => one(block?.["total_size"]),
  bitcoin_last_block_weight: ({ block }) => one(block?.["total_weight"]),
  bitcoin_last_block_inputs: ({ block }) => one(block?.["ins"]),
  bitcoin_last_block_outputs: ({ block }) => one(block?.["outs"]),
  bitcoin_last_block_total_fee_satoshis: ({ block }) => one(block?.["totalfee"]),
  bitcoin_last_block_average_fee_satoshis: ({ block }) => one(block?.["avgfee"]),
  bitcoin_last_block_median_fee_satoshis: ({ block }) => one(block?.["medianfee"]),
  bitcoin_last_block_fee_rate_satoshis_per_vbyte: ({ block }) =>
    Object.fromEntries(
      (block?.feerate_percentiles ?? []).map((rate, index) => [`{percentile="${PERCENTILES[index]}"}`, rate]),
    ),
  bitcoin_last_block_subsidy_satoshis: ({ block }) => one(block?.["subsidy"]),
  bitcoin_last_block_total_out_satoshis: ({ block }) => one(block?.["total_out"]),
  bitcoin_last_block_segwit_transactions: ({ block }) => one(block?.["swtxs"]),
  bitcoin_last_block_utxo_change: ({ block }) => one(block?.["utxo_increase_actual"]),
  bitcoin_last_block_interval_seconds: ({ headers: [last, previous] }) =>
    one(previous && String(Number(last!.time) - Number(previous.time))),

  bitcoin_mempool_size: ({ mempool }) => one(mempool.size),
  bitcoin_mempool_bytes: ({ mempool }) => one(mempool.usage),
  bitcoin_mempool_max_bytes: ({ mempool }) => one(mempool.maxmempool),
  bitcoin_mempool_vsize_bytes: ({ mempool }) => one(mempool.bytes),
  bitcoin_mempool_total_fee_satoshis: ({ mempool }) => one(shiftPoint(mempool.total_fee, 8)),
  bitcoin_mempool_min_fee_rate_satoshis_per_vbyte: ({ mempool }) => one(shiftPoint(mempool.mempoolminfee, 5)),
  bitcoin_min_relay_fee_rate_satoshis_per_vbyte: ({ mempool }) => one(shiftPoint(mempool.minrelaytxfee, 5)),
  bitcoin_incremental_relay_fee_rate_satoshis_per_vbyte: ({ mempool }) =>
    one(shiftPoint(mempool.incrementalrelayfee, 5)),
  bitcoin_mempool_loaded: ({ mempool }) => one(flag(mempool.loaded)),
  bitcoin_mempool_optimal: ({ mempool }) => one(mempool.optimal === undefined ? undefined : flag(mempool.optimal)),
  bitcoin_mempool_max_cluster_transactions: ({ mempool }) => one(mempool.limitclustercount),
  bitcoin_mempool_max_cluster_vsize_bytes: ({ mempool }) => one(mempool.limitclustersize),
  bitcoin_mempool_unbroadcast_transactions: ({ mempool }) => one(mempool.unbroadcastcount),

  bitcoin_peers: ({ network }) => one(network.connections),
  bitcoin_bytes_recv_total: ({ totals }) => one(totals.totalbytesrecv),
  bitcoin_bytes_sent_total: ({ totals }) => one(totals.totalbytessent),
  bitcoin_network_active: ({ network }) => one(flag(network.networkactive)),
  bitcoin_banned_subnets: ({ banned }) => one(String(banned.length)),

  bitcoin_network_reachable: ({ network }) =>
    Object.fromEntries(network.networks.map(({ name, reachable }) => [`{network="${name}"}`, flag(reachable)])),
  // These nodes announce no address.
  bitcoin_local_addresses: ({ network }) =>
    countBy(
      network.localaddresses.map(String),
      [...NETWORKS, "other"].map((name) => `{network="${name}"}`),
    ),
  bitcoin_local_services_info: ({ network }) => ({ [`{services="${network.localservicesnames.join()}"}`]: "1" }),
  bitcoin_time_offset_seconds: ({ network }) => one(network.timeoffset),

  bitcoin_relay_backlog_transactions: ({ network }) => byDirection(network, ({ backlog }) => backlog),
  bitcoin_relay_transaction_tokens: ({ network }) => byDirection(network, ({ count_tok }) => double(count_tok)),
  bitcoin_relay_byte_tokens: ({ network }) => byDirection(network, ({ size_tok }) => double(size_tok)),
  bitcoin_relay_target_transactions_per_second: ({ network }) => one(network.tx_send_rate),

  bitcoin_upload_target_bytes: ({ totals }) => ofUploadTarget(totals, "target"),
  bitcoin_upload_target_reached: ({ totals }) => ofUploadTarget(totals, "target_reached"),
  bitcoin_upload_target_left_bytes: ({ totals }) => ofUploadTarget(totals, "bytes_left_in_cycle"),
  bitcoin_upload_target_cycle_left_seconds: ({ totals }) => ofUploadTarget(totals, "time_left_in_cycle"),

  bitcoin_peers_with_overdue_ping: ({ peers }) => countIf(peers, ({ pingwait }) => Number(pingwait ?? 0) > 5),
  bitcoin_peers_with_blocks_in_flight: ({ peers }) => countIf(peers, ({ inflight }) => inflight.length > 0),
  bitcoin_blocks_in_flight: ({ peers }) => one(String(new Set(peers.flatMap(({ inflight }) => inflight)).size)),
  bitcoin_peers_high_bandwidth: ({ peers }) =>
    countBy(
      peers.flatMap(({ bip152_hb_to, bip152_hb_from }) => [
        ...(bip152_hb_to ? ['{selected_by="node"}'] : []),
        ...(bip152_hb_from ? ['{selected_by="peer"}'] : []),
      ]),
      ['{selected_by="node"}', '{selected_by="peer"}'],
    ),
  bitcoin_peers_with_clock_off: ({ peers }) => countIf(peers, ({ timeoffset }) => Math.abs(Number(timeoffset)) > 10),
  bitcoin_peers_relaying_transactions: ({ peers }) => countIf(peers, ({ relaytxes }) => relaytxes),
  bitcoin_peer_addresses_processed: ({ peers }) => one(sum(peers, ({ addr_processed }) => addr_processed)),
  bitcoin_peer_addresses_rate_limited: ({ peers }) => one(sum(peers, ({ addr_rate_limited }) => addr_rate_limited)),
  bitcoin_peer_announcement_queue_transactions: ({ peers }) => one(sum(peers, ({ inv_to_send }) => inv_to_send)),
  bitcoin_peer_announcement_queue_max_transactions: ({ peers }) =>
    one(
      sum(peers, ({ inv_to_send }) => inv_to_send) &&
        String(Math.max(0, ...peers.map(({ inv_to_send }) => Number(inv_to_send ?? 0)))),
    ),
  bitcoin_peer_fee_filter_min_satoshis_per_vbyte: ({ peers }) => one(sorted(feeFilters(peers))[0]?.toString()),
  bitcoin_peer_fee_filter_median_satoshis_per_vbyte: ({ peers }) => one(median(feeFilters(peers))),

  bitcoin_peers_by_client: ({ peers }) =>
    countKnown(
      "client",
      CLIENTS,
      peers.map(({ subver }) => /^\/(Satoshi:\d+)\.[^/]*\/$/.exec(subver)?.[1]),
    ),
  bitcoin_peers_by_protocol: ({ peers }) =>
    countKnown(
      "protocol",
      PROTOCOLS,
      peers.map(({ version }) => version),
    ),
  bitcoin_peers_by_service: ({ peers }) =>
    Object.fromEntries(
      SERVICES.map((service) => [
        `{service="${service}"}`,
        String(peers.filter(({ servicesnames }) => servicesnames.includes(service)).length),
      ]),
    ),

  // These nodes have no -asmap.
  bitcoin_peer_autonomous_systems: () => ({}),
  bitcoin_peers_without_autonomous_system: () => ({}),
  bitcoin_peer_autonomous_system_largest_share: () => ({}),

  bitcoin_addrman_addresses: ({ addresses }) =>
    Object.fromEntries(
      NETWORKS.flatMap((network) =>
        (["new", "tried"] as const).map((table) => [
          `{network="${network}",table="${table}"}`,
          addresses[network]![table],
        ]),
      ),
    ),

  bitcoin_private_broadcast_transactions: ({ privateBroadcast }) =>
    one(privateBroadcast && String(privateBroadcast.transactions.length)),
  bitcoin_private_broadcast_exhausted_transactions: ({ privateBroadcast }) =>
    one(
      privateBroadcast &&
        String(privateBroadcast.transactions.filter(({ attempts_remaining }) => attempts_remaining === "0").length),
    ),

  // bitcoin-cli makes one call after the other, and nothing else runs.
  bitcoin_rpc_active_commands: () => one("0"),
  bitcoin_rpc_longest_command_seconds: () => ({}),

  bitcoin_mempool_fee_rate_band_vbytes: ({ feeRates }) => byBand(feeRates, ({ weight }) => weight / 4),
  bitcoin_mempool_fee_rate_band_fees_satoshis: ({ feeRates }) => byBand(feeRates, ({ fee }) => fee),
  // Their mempools do not fill a block.
  bitcoin_mempool_next_blocks_fee_rate_satoshis_per_vbyte: () => ({}),
  bitcoin_mempool_next_block_fees_satoshis: ({ feeRates }) => one(feeRates && shiftPoint(feeRates.at(-1)!.fee, 8)),

  bitcoin_utxo_set_height: ({ utxoSet }) => one(utxoSet?.["height"]),
  bitcoin_utxo_set_coins: ({ utxoSet }) => one(utxoSet?.["txouts"]),
  bitcoin_utxo_set_amount_satoshis: ({ utxoSet }) => one(utxoSet && shiftPoint(utxoSet["total_amount"]!, 8)),
  bitcoin_utxo_set_bogosize: ({ utxoSet }) => one(utxoSet?.["bogosize"]),

  bitcoin_connections: ({ peers }) => countBy(peers.map(connectionLabels), ORDINARY_CONNECTIONS),
  bitcoin_peer_ping_median_seconds: ({ peers }) => one(median(peers.flatMap(({ pingtime }) => pingtime ?? []))),
  bitcoin_peer_ping_min_seconds: ({ peers }) =>
    one(sorted(peers.flatMap(({ minping }) => minping ?? []))[0]?.toString()),

  bitcoin_chain_tips: ({ tips }) =>
    countBy(
      tips.map(({ status }) => `{status="${status}"}`),
      TIP_STATUSES,
    ),

  bitcoin_index_height: ({ indexes }) => byIndex(indexes, ({ best_block_height }) => best_block_height),
  bitcoin_index_synced: ({ indexes }) => byIndex(indexes, ({ synced }) => flag(synced)),

  bitcoin_fee_estimate_satoshis_per_vbyte: ({ fees }) =>
    Object.fromEntries(
      Object.entries(fees).flatMap(([target, { feerate }]) =>
        feerate === undefined ? [] : [[`{target="${target}"}`, shiftPoint(feerate, 5)]],
      ),
    ),

  bitcoin_fee_estimate_by_estimator_satoshis_per_vbyte: ({ fees, estimators }) => {
    const { blockPolicy, mempoolPolicy } = estimators ?? { blockPolicy: fees, mempoolPolicy: {} };
    const all = [...Object.entries(blockPolicy).map(([target, fee]) => ["block_policy", target, fee] as const)];
    return Object.fromEntries(
      [...all, ["mempool_policy", "2", mempoolPolicy] as const].flatMap(([estimator, target, { feerate }]) =>
        feerate === undefined ? [] : [[`{estimator="${estimator}",target="${target}"}`, shiftPoint(feerate, 5)]],
      ),
    );
  },

  bitcoin_chain_transactions: ({ txStats }) => one(txStats.txcount),
  bitcoin_chain_transactions_per_second: ({ txStats }) => one(txStats.txrate && double(txStats.txrate)),

  bitcoin_node_info: ({ chain: { chain }, network: { version, subversion, protocolversion } }) => ({
    [`{chain="${chain}",version="${version}",subversion="${subversion}",protocol="${protocolversion}"}`]: "1",
  }),
  bitcoin_uptime_seconds: ({ uptime }) => one(uptime),
  bitcoin_warnings: ({ chain }) => one(String(chain.warnings.length)),
};

/** Of `POLLED`, those that change with the time. */
export const DRIFTING: readonly string[] = [
  "bitcoin_verification_progress",
  "bitcoin_uptime_seconds",
  "bitcoin_upload_target_cycle_left_seconds",
  "bitcoin_relay_transaction_tokens",
  "bitcoin_relay_byte_tokens",
];

/** Of `POLLED`, those that v32 has after a snapshot was loaded, until the blocks below it are validated. */
export const SNAPSHOT: readonly string[] = [
  "bitcoin_background_validation_height",
  "bitcoin_snapshot_height",
  "bitcoin_background_validation_progress",
];

/** Of `POLLED`, those that need a state which the tests do not produce. */
export const NEVER: readonly string[] = [
  "bitcoin_peer_autonomous_systems",
  "bitcoin_peers_without_autonomous_system",
  "bitcoin_peer_autonomous_system_largest_share",
  "bitcoin_private_broadcast_transactions",
  "bitcoin_private_broadcast_exhausted_transactions",
  "bitcoin_rpc_longest_command_seconds",
  "bitcoin_mempool_next_blocks_fee_rate_satoshis_per_vbyte",
];

/** Of `POLLED`, those that nodes before v32 need not have. */
export const NEWER: readonly string[] = [
  "bitcoin_mempool_fee_rate_band_vbytes",
  "bitcoin_mempool_fee_rate_band_fees_satoshis",
  "bitcoin_mempool_next_block_fees_satoshis",
  "bitcoin_mempool_optimal",
  "bitcoin_mempool_max_cluster_transactions",
  "bitcoin_mempool_max_cluster_vsize_bytes",
  "bitcoin_relay_backlog_transactions",
  "bitcoin_relay_transaction_tokens",
  "bitcoin_relay_byte_tokens",
  "bitcoin_relay_target_transactions_per_second",
  "bitcoin_peer_announcement_queue_transactions",
  "bitcoin_peer_announcement_queue_max_transactions",
];

/** Families that count events after the exporter has connected; other tests cover them. */
export const SINCE_CONNECT = {
  arrival: "bitcoin_block_arrival_seconds",
  traffic: "bitcoin_peer_message_bytes_total",
} as const;

/** Families that follow the tip. */
export const TIP_EVENTS = {
  connected: "bitcoin_blocks_connected_total",
  disconnected: "bitcoin_blocks_disconnected_total",
  updates: "bitcoin_tip_updates_total",
  height: "bitcoin_block_height",
} as const;

/** Families that count what only notifications report. */
export const NOTIFICATIONS = {
  flushes: "bitcoin_chain_state_flushes_total",
  added: "bitcoin_mempool_tx_added_total",
  addedSizes: "bitcoin_mempool_tx_added_size_bytes",
  removed: "bitcoin_mempool_tx_removed_total",
  removedByReason: "bitcoin_mempool_tx_removed_by_reason_total",
} as const;

/** The family that shows whether coins are counted. */
export const IS_TRACED = "bitcoin_utxo_trace_active";

/** Families that count the coins of the UTXO cache. */
export const COINS = {
  add: "bitcoin_utxo_cache_add_total",
  addValue: "bitcoin_utxo_cache_add_value_total",
  spend: "bitcoin_utxo_cache_spend_total",
  spendValue: "bitcoin_utxo_cache_spend_value_total",
  uncache: "bitcoin_utxo_cache_uncache_total",
  uncacheValue: "bitcoin_utxo_cache_uncache_value_total",
} as const;

/** A family as the page has it. */
export function samplesOf(page: Samples, family: string): FamilySamples {
  const own = [...page].filter(([series]) => series === family || series.startsWith(`${family}{`));
  return Object.fromEntries(own.map(([series, value]) => [series.slice(family.length), value]));
}

/** A family of METRICS.md and whether a node of some layout reports it. */
export interface DocumentedFamily {
  readonly name: string;
  readonly isGiven: boolean;
}

/** The families of METRICS.md that come from a node, and whether a node of this layout reports them, with --rpc-url or without. */
export function documentedFamilies(metricsPage: string, { layout }: NodeBuild, hasRpcUrl: boolean): DocumentedFamily[] {
  const rows = metricsPage.split("\n").map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()));
  const head = rows.find((row) => row[1] === "source")!;
  const column = head.indexOf(`\`${layout}\``);
  if (column < 0) throw new Error(`METRICS.md has no column for ${layout}`);
  const sources = rows.slice(rows.indexOf(head) + 2).filter((row) => row.length === head.length);
  const isYes = (cell: string) => cell.startsWith("yes") || (hasRpcUrl && cell === "with `--rpc-url`");
  const gives = sources.filter((row) => isYes(row[column]!)).map((row) => row[1]!);
  const isGiven = (on: string) => on === "all" || on === layout || gives.some((source) => source.startsWith(on));
  // Families of the exporter itself stand in tables without "from" and "on".
  return rows
    .filter((row) => /^`bitcoin_\w+`$/.test(row[1] ?? "") && row.length === FAMILY_ROW_CELLS)
    .map((row) => ({ name: row[1]!.slice(1, -1), isGiven: row[5]!.split(", ").some(isGiven) }));
}

/** Name, type, unit, from, on and meaning, and what is left and right of the outer bars. */
const FAMILY_ROW_CELLS = 8;

const BAND_BOUNDS = [0, 0.1, 0.2, 0.5, 1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300, 500, 1000];

/** The sum of `value` over the chunks of each band of fee rates. */
function byBand(
  points: Answers["feeRates"],
  value: (chunk: { readonly weight: number; readonly fee: number }) => number,
): FamilySamples {
  if (points === undefined) return {};
  const at = (index: number) => ({
    weight: Number(points[index]!.weight),
    fee: Number(shiftPoint(points[index]!.fee, 8)),
  });
  const chunks = points.slice(1).map((_, index) => ({
    weight: at(index + 1).weight - at(index).weight,
    fee: at(index + 1).fee - at(index).fee,
  }));
  const bands = BAND_BOUNDS.map((from, index) => {
    const to = BAND_BOUNDS[index + 1];
    const own = chunks.filter(({ weight, fee }) => {
      const rate = (fee * 4) / weight;
      return rate >= from && rate < (to ?? Number.POSITIVE_INFINITY);
    });
    const sum = own.reduce((total, chunk) => total + value(chunk), 0);
    return [`{band="${to === undefined ? `${from}+` : `${from}-${to}`}"}`, String(sum)];
  });
  return Object.fromEntries(bands);
}

const TIP_STATUSES = ["active", "valid-fork", "valid-headers", "headers-only", "invalid", "other"].map(
  (status) => `{status="${status}"}`,
);

/** Those that have a sample even without such a peer. */
const ORDINARY_CONNECTIONS = [
  ["inbound", "inbound"],
  ["outbound", "outbound-full-relay"],
].flatMap(([direction, type]) => ["v1", "v2"].map((transport) => labels(direction!, "ipv4", type!, transport)));

const PERCENTILES = [10, 25, 50, 75, 90];
const NETWORKS = ["ipv4", "ipv6", "onion", "i2p", "cjdns"];
const CLIENTS = Array.from({ length: 10 }, (_, index) => `Satoshi:${23 + index}`);
const PROTOCOLS = ["70014", "70015", "70016", "70017"];
const SERVICES = ["NETWORK", "NETWORK_LIMITED", "WITNESS", "COMPACT_FILTERS", "P2P_V2"];

type Bucket = Required<Answers["network"]>["inv_buckets"][string];

function byDirection({ inv_buckets }: Answers["network"], value: (bucket: Bucket) => Num): FamilySamples {
  const buckets = Object.entries(inv_buckets ?? {});
  return Object.fromEntries(buckets.map(([direction, bucket]) => [`{direction="${direction}"}`, value(bucket)]));
}

/** No samples without a target. */
function ofUploadTarget({ uploadtarget }: Answers["totals"], field: string): FamilySamples {
  const value = uploadtarget[field];
  if (uploadtarget["target"] === "0") return {};
  return one(typeof value === "boolean" ? flag(value) : value);
}

function countIf(peers: readonly Peer[], isSuch: (peer: Peer) => boolean): FamilySamples {
  return one(String(peers.filter(isSuch).length));
}

/** Undefined where there are peers and none has the number. */
function sum(peers: readonly Peer[], value: (peer: Peer) => Num | undefined): string | undefined {
  const values = peers.flatMap((peer) => value(peer) ?? []);
  if (values.length === 0 && peers.length > 0) return undefined;
  return String(values.reduce((total, one) => total + Number(one), 0));
}

function feeFilters(peers: readonly Peer[]): Num[] {
  const rates = peers.flatMap(({ minfeefilter }) => (minfeefilter === undefined ? [] : shiftPoint(minfeefilter, 5)));
  return rates.filter((rate) => Number(rate) > 0);
}

function countKnown(label: string, known: readonly string[], found: readonly (string | undefined)[]): FamilySamples {
  const series = (value: string) => `{${label}="${value}"}`;
  return countBy(
    found.map((value) => series(value !== undefined && known.includes(value) ? value : "other")),
    [...known, "other"].map(series),
  );
}

function labels(direction: string, network: string, type: string, transport: string): string {
  return `{direction="${direction}",network="${network}",connection_type="${type}",transport="${transport}"}`;
}

function connectionLabels({ inbound, network, connection_type, transport_protocol_type }: Peer): string {
  return labels(inbound ? "inbound" : "outbound", network, connection_type, transport_protocol_type);
}

function countBy(found: readonly string[], always: readonly string[]): FamilySamples {
  const counts = Object.fromEntries(always.map((label) => [label, 0]));
  for (const label of found) counts[label] = (counts[label] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).map(([label, count]) => [label, String(count)]));
}

function byIndex(indexes: Answers["indexes"], value: (index: Answers["indexes"][string]) => string): FamilySamples {
  return Object.fromEntries(Object.entries(indexes).map(([name, index]) => [`{index="${name}"}`, value(index)]));
}

/** A family without labels; undefined where it has no sample. */
function one(value: string | undefined): FamilySamples {
  return value === undefined ? {} : { "": value };
}

function flag(value: boolean): string {
  return value ? "1" : "0";
}

/** The shortest text of the same double. */
function double(text: Num): string {
  return String(Number(text));
}

/** A decimal times 10^places, exact: bitcoin to satoshis by 8, bitcoin per 1000 bytes to satoshis per byte by 5. */
export function shiftPoint(text: Num, places: number): string {
  const [whole, fraction = ""] = text.split(".") as [string, string?];
  const digits = whole + fraction.padEnd(places, "0");
  const point = whole.length + places;
  const integer = digits.slice(0, point).replace(/^0+(?=\d)/, "");
  const rest = digits.slice(point).replace(/0+$/, "");
  return rest === "" ? integer : `${integer}.${rest}`;
}

function sorted(values: readonly Num[]): number[] {
  return values.map(Number).sort((a, b) => a - b);
}

function median(values: readonly Num[]): string | undefined {
  const all = sorted(values);
  if (all.length === 0) return undefined;
  return String((all[Math.ceil(all.length / 2) - 1]! + all[Math.floor(all.length / 2)]!) / 2);
}
