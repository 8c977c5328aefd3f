// What the simulated node answers about the network: itself, its traffic and its peers.

import { type Peer, stallOf } from "./peers.ts";
import type { NodeState } from "./state.ts";

const VERSION = 320_000;
const SUBVERSION = "/Satoshi:32.0.0(simulated)/";
const PROTOCOL_VERSION = 70_017;
const SERVICES = ["NETWORK", "WITNESS", "COMPACT_FILTERS", "NETWORK_LIMITED", "P2P_V2"];
const LOCAL_ADDRESSES = ["203.0.113.7", "2001:db8::7", "simulatednode.onion"];
/** In bitcoin per 1000 virtual bytes. */
const INCREMENTAL_FEE_RATE = 0.000001;
const FEE_FILTERS = [0.00001, 0.000001, 0.00001, 0.00005, 0.000005];

/** Transactions per second, the default of -txsendrate. */
const SEND_RATE = 14;
/** Of a bucket for transactions, and of one for their bytes. */
const MAX_TOKENS = { count: 420, bytes: 50_000_000 };
const BYTES_PER_TRANSACTION = 25_000;
/** Of -maxuploadtarget, for a day. */
const UPLOAD_TARGET = 1_000_000_000;
const DAY_S = 86_400;
const S_PER_BLOCK = 4;

export function networkInfo({ chain: { mempool, tip }, peers }: NodeState) {
  // Announcements wait while many transactions arrive.
  const bucket = (backlog: number, rate: number) => ({
    backlog,
    count_tok: Math.max(0, MAX_TOKENS.count - rate * backlog),
    size_tok: Math.max(0, MAX_TOKENS.bytes - BYTES_PER_TRANSACTION * mempool.length * rate),
  });
  return {
    version: VERSION,
    subversion: SUBVERSION,
    protocolversion: PROTOCOL_VERSION,
    localservicesnames: SERVICES,
    timeoffset: tip.height % 7 === 0 ? -1 : 0,
    tx_send_rate: SEND_RATE,
    inv_buckets: {
      inbound: bucket(Math.max(0, mempool.length - 40), 4),
      outbound: bucket(Math.max(0, mempool.length - 90), 2),
    },
    networkactive: true,
    connections: peers.connected.length,
    networks: ["ipv4", "ipv6", "onion", "i2p", "cjdns"].map((name) => ({ name, reachable: name !== "cjdns" })),
    incrementalfee: INCREMENTAL_FEE_RATE,
    localaddresses: LOCAL_ADDRESSES.map((address) => ({ address })),
  };
}

export function netTotals({ peers: { receivedBytes, sentBytes }, uptimeS }: NodeState) {
  return {
    totalbytesrecv: receivedBytes,
    totalbytessent: sentBytes,
    uploadtarget: {
      target: UPLOAD_TARGET,
      target_reached: sentBytes >= UPLOAD_TARGET,
      bytes_left_in_cycle: Math.max(0, UPLOAD_TARGET - sentBytes),
      time_left_in_cycle: DAY_S - (uptimeS % DAY_S),
    },
  };
}

export function peerInfo(state: NodeState) {
  return state.peers.connected.map((peer, index) => onePeer(peer, index, state));
}

function onePeer(peer: Peer, index: number, { chain: { tip, mempool }, missingBlocks, headerHeight }: NodeState) {
  const stall = stallOf(index, tip.height);
  const minPingS = peer.minPingMs / 1000;
  const relaysTransactions = peer.type !== "block-relay-only";
  return {
    id: peer.id,
    network: peer.network,
    ...(peer.autonomousSystem !== undefined && { mapped_as: peer.autonomousSystem }),
    servicesnames: SERVICES.filter((name) => offers(peer, name)),
    relaytxes: relaysTransactions,
    inv_to_send: relaysTransactions ? Math.floor(mempool.length / (4 + index)) : 0,
    timeoffset: peer.timeOffsetS ?? (index % 3) - 1,
    // Up to half above the minimum, different at each block.
    pingtime: minPingS * (1 + ((tip.height + index) % 6) / 10),
    minping: minPingS,
    ...(stall > 0 && { pingwait: stall * S_PER_BLOCK }),
    version: peer.protocol,
    subver: peer.subversion,
    inbound: peer.isInbound,
    bip152_hb_to: peer.isHighBandwidth,
    bip152_hb_from: peer.isInbound && index % 2 === 0,
    inflight: blocksInFlight(index, stall, missingBlocks, tip.height, headerHeight),
    addr_processed: relaysTransactions ? 40 * (index + 1) + tip.height : 0,
    addr_rate_limited: peer.isInbound ? tip.height % 5 : 0,
    minfeefilter: relaysTransactions ? FEE_FILTERS[index % FEE_FILTERS.length] : 0,
    bytessent_per_msg: peer.sent,
    bytesrecv_per_msg: peer.received,
    connection_type: peer.type,
    transport_protocol_type: peer.transport,
  };
}

/** Each of the first peers sends one of the missing blocks; one that stalls does not send the next block. */
function blocksInFlight(index: number, stall: number, missing: number, height: number, headerHeight: number): number[] {
  if (stall > 0) return [height + 1];
  const next = height + 1 + index;
  return missing > 0 && next <= headerHeight ? [next] : [];
}

function offers({ protocol, transport }: Peer, service: string): boolean {
  if (service === "P2P_V2") return transport === "v2";
  return service !== "COMPACT_FILTERS" || protocol > 70_016;
}

/** Addresses of other nodes: the more blocks, the more are known. */
export function addrmanInfo({ chain: { tip } }: NodeState) {
  return {
    ipv4: { new: 41_312 + tip.height, tried: 5_127 },
    ipv6: { new: 7_934, tried: 1_010 },
    onion: { new: 12_480, tried: 1_733 },
    i2p: { new: 1_204, tried: 311 },
    cjdns: { new: 4, tried: 2 },
  };
}

/** Up to three transactions of the node's own; sending one has failed too often. */
export function privateBroadcastInfo({ chain: { tip } }: NodeState) {
  const transactions = Array.from({ length: tip.height % 4 }, (_, index) => ({ attempts_remaining: 3 * index }));
  return { transactions };
}
