// What bitcoin-cli says for each family of METRICS.md that the exporter asks a node for, and the names of those that count
// what the node reports. The tests compare both with the page, and the lists with METRICS.md.

import type { Samples } from "../exporter-process.ts";
import type { BitcoinNode } from "./bitcoin-node.ts";
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
}

interface Header {
  readonly time: Num;
  readonly previousblockhash?: string;
}

/** bitcoin-cli's answers at one moment, as far as families are made of them. */
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
  };
  readonly network: {
    readonly version: Num;
    readonly subversion: string;
    readonly protocolversion: Num;
    readonly networkactive: boolean;
    readonly connections: Num;
  };
  readonly totals: { readonly totalbytesrecv: Num; readonly totalbytessent: Num };
  readonly banned: readonly unknown[];
  readonly peers: readonly Peer[];
  readonly tips: readonly { readonly status: string }[];
  readonly indexes: Readonly<Record<string, { readonly synced: boolean; readonly best_block_height: Num }>>;
  readonly txStats: { readonly txcount: Num; readonly txrate?: Num };
  readonly uptime: Num;
  /** By target. */
  readonly fees: Readonly<Record<string, { readonly feerate?: Num; readonly errors?: readonly string[] }>>;
  /** Of the tip; undefined in initial block download. */
  readonly block: Readonly<Record<string, Num>> | undefined;
  /** The tip's header and the one before it, as far as there is one. */
  readonly headers: readonly Header[];
}

/** Asks bitcoin-cli for all that `POLLED` is made of. */
export async function ask(node: BitcoinNode, feeTargets: readonly number[]): Promise<Answers> {
  const chain = await node.cliExact<Answers["chain"]>("getblockchaininfo");
  const fees = feeTargets.map(async (target) => [target, await node.cliExact("estimatesmartfee", target)]);
  const isSyncing = chain.initialblockdownload;
  return {
    chain,
    mempool: await node.cliExact("getmempoolinfo"),
    network: await node.cliExact("getnetworkinfo"),
    totals: await node.cliExact("getnettotals"),
    banned: await node.cliExact("listbanned"),
    peers: await node.cliExact("getpeerinfo"),
    tips: await node.cliExact("getchaintips"),
    indexes: await node.cliExact("getindexinfo"),
    txStats: await node.cliExact("getchaintxstats"),
    uptime: await node.cliExact("uptime"),
    fees: Object.fromEntries(await Promise.all(fees)),
    block: isSyncing ? undefined : await node.cliExact("getblockstats", chain.bestblockhash),
    headers: isSyncing ? [] : await lastHeaders(node, chain.bestblockhash),
  };
}

async function lastHeaders(node: BitcoinNode, hash: string): Promise<Header[]> {
  const header = await node.cliExact<Header>("getblockheader", hash);
  if (header.previousblockhash === undefined) return [header];
  return [header, await node.cliExact<Header>("getblockheader", header.previousblockhash)];
}

/** Each family that has a value at any moment, and what it is by bitcoin-cli's answers. */
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

  bitcoin_last_block_height: ({ block }) => one(block?.["height"]),
  bitcoin_last_block_transactions: ({ block }) => one(block?.["txs"]),
  bitcoin_last_block_size_bytes: ({ block }) => one(block?.["total_size"]),
  bitcoin_last_block_weight: ({ block }) => one(block?.["total_weight"]),
  bitcoin_last_block_inputs: ({ block }) => one(block?.["ins"]),
  bitcoin_last_block_outputs: ({ block }) => one(block?.["outs"]),
  bitcoin_last_block_total_fee_satoshis: ({ block }) => one(block?.["totalfee"]),
  bitcoin_last_block_interval_seconds: ({ headers: [last, previous] }) =>
    one(previous && String(Number(last!.time) - Number(previous.time))),

  bitcoin_mempool_size: ({ mempool }) => one(mempool.size),
  bitcoin_mempool_bytes: ({ mempool }) => one(mempool.usage),
  bitcoin_mempool_max_bytes: ({ mempool }) => one(mempool.maxmempool),
  bitcoin_mempool_vsize_bytes: ({ mempool }) => one(mempool.bytes),
  bitcoin_mempool_total_fee_satoshis: ({ mempool }) => one(shiftPoint(mempool.total_fee, 8)),
  bitcoin_mempool_min_fee_rate_satoshis_per_vbyte: ({ mempool }) => one(shiftPoint(mempool.mempoolminfee, 5)),
  bitcoin_min_relay_fee_rate_satoshis_per_vbyte: ({ mempool }) => one(shiftPoint(mempool.minrelaytxfee, 5)),
  bitcoin_mempool_unbroadcast_transactions: ({ mempool }) => one(mempool.unbroadcastcount),

  bitcoin_peers: ({ network }) => one(network.connections),
  bitcoin_bytes_recv_total: ({ totals }) => one(totals.totalbytesrecv),
  bitcoin_bytes_sent_total: ({ totals }) => one(totals.totalbytessent),
  bitcoin_network_active: ({ network }) => one(flag(network.networkactive)),
  bitcoin_banned_subnets: ({ banned }) => one(String(banned.length)),

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

  bitcoin_chain_transactions: ({ txStats }) => one(txStats.txcount),
  bitcoin_chain_transactions_per_second: ({ txStats }) => one(txStats.txrate && double(txStats.txrate)),

  bitcoin_node_info: ({ chain: { chain }, network: { version, subversion, protocolversion } }) => ({
    [`{chain="${chain}",version="${version}",subversion="${subversion}",protocol="${protocolversion}"}`]: "1",
  }),
  bitcoin_uptime_seconds: ({ uptime }) => one(uptime),
  bitcoin_warnings: ({ chain }) => one(String(chain.warnings.length)),
};

/** Of `POLLED`, those that change with the time. */
export const DRIFTING: readonly string[] = ["bitcoin_verification_progress", "bitcoin_uptime_seconds"];

/** Families that follow the tip. */
export const TIP_EVENTS = {
  connected: "bitcoin_blocks_connected_total",
  disconnected: "bitcoin_blocks_disconnected_total",
  updates: "bitcoin_tip_updates_total",
  height: "bitcoin_block_height",
} as const;

/** Families that count what only notifications tell. */
export const NOTIFICATIONS = {
  flushes: "bitcoin_chain_state_flushes_total",
  added: "bitcoin_mempool_tx_added_total",
  removed: "bitcoin_mempool_tx_removed_total",
  removedByReason: "bitcoin_mempool_tx_removed_by_reason_total",
} as const;

/** The family that says whether coins are counted. */
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

/** All of a family that stands on the page. */
export function samplesOf(page: Samples, family: string): FamilySamples {
  const own = [...page].filter(([series]) => series === family || series.startsWith(`${family}{`));
  return Object.fromEntries(own.map(([series, value]) => [series.slice(family.length), value]));
}

/** A family of METRICS.md and whether a node of some layout gives it. */
export interface DocumentedFamily {
  readonly name: string;
  readonly isGiven: boolean;
}

/** The families of METRICS.md that are a node's, with what it says of nodes of this build's layout. */
export function documentedFamilies(metricsPage: string, { layout }: NodeBuild): DocumentedFamily[] {
  const rows = metricsPage.split("\n").map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()));
  const head = rows.find((row) => row[1] === "source")!;
  const column = head.indexOf(`\`${layout}\``);
  if (column < 0) throw new Error(`METRICS.md has no column for ${layout}`);
  const sources = rows.slice(rows.indexOf(head) + 2).filter((row) => row.length === head.length);
  const gives = sources.filter((row) => row[column]!.startsWith("yes")).map((row) => row[1]!);
  const isGiven = (on: string) => on === "all" || on === layout || gives.some((source) => source.startsWith(on));
  // Families of the exporter itself stand in tables without "from" and "on".
  return rows
    .filter((row) => /^`bitcoin_\w+`$/.test(row[1] ?? "") && row.length === FAMILY_ROW_CELLS)
    .map((row) => ({ name: row[1]!.slice(1, -1), isGiven: row[5]!.split(", ").some(isGiven) }));
}

/** Name, type, unit, from, on and meaning, and what is left and right of the outer bars. */
const FAMILY_ROW_CELLS = 8;

const TIP_STATUSES = ["active", "valid-fork", "valid-headers", "headers-only", "invalid", "other"].map(
  (status) => `{status="${status}"}`,
);

/** Those that have a sample even without such a peer. */
const ORDINARY_CONNECTIONS = [
  ["inbound", "inbound"],
  ["outbound", "outbound-full-relay"],
].flatMap(([direction, type]) => ["v1", "v2"].map((transport) => labels(direction!, "ipv4", type!, transport)));

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

/** The shortest text of the double that is meant. */
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
