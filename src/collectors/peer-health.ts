// The state of the connections: overdue pings, blocks in flight, clocks, relay, fee filters.

import type { Registry } from "../metrics/registry.ts";
import type { JsonValue } from "../node/json.ts";
import { type Collector, fromRpc, polled, polledInto } from "./collector.ts";
import { samplesOf } from "./labelled.ts";
import * as result from "./result.ts";
import { lowest, median, sum } from "./statistics.ts";

/** A ping is overdue if it has no answer after this time. */
const OVERDUE_PING_S = 5;
/** Peers whose clock differs by more are counted. */
const CLOCK_TOLERANCE_S = 10;

const peerInfo = fromRpc("getpeerinfo");

export function peerHealthCollector(registry: Registry): Collector {
  const gauge = (name: string, help: string) => registry.gauge(`bitcoin_${name}`, help);
  const overduePings = gauge("peers_with_overdue_ping", "Peers that have not answered a ping for more than 5 seconds.");
  const servingBlocks = gauge("peers_with_blocks_in_flight", "Peers that the node has requested blocks from.");
  const blocksInFlight = gauge(
    "blocks_in_flight",
    "Distinct heights of blocks that the node has requested from peers.",
  );
  const highBandwidth = registry.gaugeVec(
    "bitcoin_peers_high_bandwidth",
    "Peers in the high-bandwidth mode of BIP 152, by whether the node selected the peer or the peer the node.",
    ["selected_by"],
    2,
  );
  const clocksOff = gauge("peers_with_clock_off", "Peers whose clock differs from the node's by more than 10 seconds.");
  const relaying = gauge("peers_relaying_transactions", "Peers that the node relays transactions to.");
  const processed = gauge(
    "peer_addresses_processed",
    "Addresses of nodes that the connected peers sent and the node processed.",
  );
  const rateLimited = gauge(
    "peer_addresses_rate_limited",
    "Addresses of nodes that the connected peers sent and the node dropped because there were too many.",
  );
  const queued = gauge("peer_announcement_queue_transactions", "Transactions to announce, over all peers.");
  const maxQueued = gauge(
    "peer_announcement_queue_max_transactions",
    "Transactions to announce to the peer with the longest queue.",
  );
  const lowestFilter = gauge(
    "peer_fee_filter_min_satoshis_per_vbyte",
    "Lowest fee filter of the connected peers, in satoshis per virtual byte.",
  );
  const medianFilter = gauge(
    "peer_fee_filter_median_satoshis_per_vbyte",
    "Median fee filter of the connected peers, in satoshis per virtual byte.",
  );
  return {
    polled: [
      polled(overduePings, countIf(hasOverduePing)),
      polled(servingBlocks, countIf(servesBlocks)),
      polled(blocksInFlight, peerInfo(countInFlight)),
      polledInto(samplesOf(highBandwidth), peerInfo(countHighBandwidth)),
      polled(clocksOff, countIf(hasClockOff)),
      polled(relaying, countIf(relaysTransactions)),
      polled(processed, peerInfo(ofAll(sum), "addr_processed")),
      polled(rateLimited, peerInfo(ofAll(sum), "addr_rate_limited")),
      polled(queued, peerInfo(ofAll(sum), "inv_to_send")),
      polled(maxQueued, peerInfo(ofAll(largest), "inv_to_send")),
      polled(lowestFilter, feeFilters(lowest)),
      polled(medianFilter, feeFilters(median)),
    ],
  };
}

/** Reads the number of peers for which the predicate is true. */
function countIf(isSuch: (peer: JsonValue) => boolean) {
  return peerInfo((peers) => result.asList(peers).filter(isSuch).length);
}

const hasOverduePing = (peer: JsonValue) => (result.number(peer, "pingwait") ?? 0) > OVERDUE_PING_S;
const servesBlocks = (peer: JsonValue) => inFlight(peer).length > 0;
const hasClockOff = (peer: JsonValue) => Math.abs(result.number(peer, "timeoffset") ?? 0) > CLOCK_TOLERANCE_S;
const relaysTransactions = (peer: JsonValue) => result.flag(peer, "relaytxes") === true;

function countInFlight(peers: JsonValue): number {
  return new Set(result.asList(peers).flatMap(inFlight)).size;
}

function inFlight(peer: JsonValue): readonly bigint[] {
  return result.counts(peer, "inflight") ?? [];
}

function countHighBandwidth(peers: JsonValue) {
  const count = (field: string) => result.asList(peers).filter((peer) => result.flag(peer, field) === true).length;
  return [
    [["node"], count("bip152_hb_to")],
    [["peer"], count("bip152_hb_from")],
  ] as const;
}

/** Reads a number of each peer; no value if there are peers and none has the field. */
function ofAll(read: (values: readonly number[]) => number) {
  return (info: JsonValue, field: string): number | undefined => {
    const peers = result.asList(info);
    const values = peers.flatMap((peer) => result.number(peer, field) ?? []);
    return peers.length > 0 && values.length === 0 ? undefined : read(values);
  };
}

const largest = (values: readonly number[]) => Math.max(0, ...values);

/** Reads the fee filters of the peers that sent one. A peer without one accepts any rate, or no transactions. */
function feeFilters(read: (rates: readonly number[]) => number | undefined) {
  return peerInfo((peers) => {
    const rates = result.asList(peers).flatMap((peer) => result.feeRate(peer, "minfeefilter") ?? []);
    return read(rates.filter((rate) => rate > 0));
  });
}
