// The health of the peers: stalls, clocks, clients and services.

import { type Row, timeseries } from "../dashboard.ts";
import { of } from "./queries.ts";

const ASMAP = "Empty without `-asmap`.";

export const peerHealthRow: Row = {
  title: "Peers' health",
  panels: [
    timeseries({
      title: "Peers that stall",
      description:
        "Peers that have not answered a ping for more than 5 s, and peers whose clock differs by more than 10 s.",
      unit: "none",
      width: 8,
      min: 0,
      queries: [
        { expr: of("bitcoin_peers_with_overdue_ping"), legend: "ping overdue" },
        { expr: of("bitcoin_peers_with_clock_off"), legend: "clock off" },
      ],
    }),
    timeseries({
      title: "Blocks in flight",
      description: "Blocks that the node has requested, and the peers that it has requested them from.",
      unit: "none",
      width: 8,
      min: 0,
      queries: [
        { expr: of("bitcoin_blocks_in_flight"), legend: "blocks" },
        { expr: of("bitcoin_peers_with_blocks_in_flight"), legend: "peers" },
      ],
    }),
    timeseries({
      title: "High bandwidth",
      description:
        "Peers that send new blocks unasked (BIP 152): selected by this node, three at most, and peers that selected this node.",
      unit: "none",
      width: 8,
      min: 0,
      queries: [{ expr: of("bitcoin_peers_high_bandwidth"), legend: "selected by {{selected_by}}" }],
    }),
    timeseries({
      title: "Clients",
      description: "Peers by client: the major version of Bitcoin Core, or other.",
      unit: "none",
      width: 8,
      min: 0,
      stack: true,
      queries: [{ expr: `${of("bitcoin_peers_by_client")} > 0`, legend: "{{client}}" }],
    }),
    timeseries({
      title: "Protocols",
      description: "Peers by protocol version.",
      unit: "none",
      width: 8,
      min: 0,
      stack: true,
      queries: [{ expr: `${of("bitcoin_peers_by_protocol")} > 0`, legend: "{{protocol}}" }],
    }),
    timeseries({
      title: "Services",
      description: "Peers that offer each service, and peers that the node relays transactions to.",
      unit: "none",
      width: 8,
      min: 0,
      queries: [
        { expr: of("bitcoin_peers_by_service"), legend: "{{service}}" },
        { expr: of("bitcoin_peers_relaying_transactions"), legend: "relaying" },
      ],
    }),
    timeseries({
      title: "Fee filters",
      description:
        "Lowest and median fee filter of the peers: the fee rate below which a peer accepts no announcements.",
      unit: "suffix: sat/vB",
      width: 8,
      min: 0,
      queries: [
        { expr: of("bitcoin_peer_fee_filter_min_satoshis_per_vbyte"), legend: "lowest" },
        { expr: of("bitcoin_peer_fee_filter_median_satoshis_per_vbyte"), legend: "median" },
      ],
    }),
    timeseries({
      title: "Addresses from peers",
      description: "Addresses that the connected peers sent: processed, and dropped because there were too many.",
      unit: "short",
      width: 8,
      min: 0,
      queries: [
        { expr: of("bitcoin_peer_addresses_processed"), legend: "processed" },
        { expr: of("bitcoin_peer_addresses_rate_limited"), legend: "dropped" },
      ],
    }),
    timeseries({
      title: "Autonomous systems",
      description: `Distinct autonomous systems of the peers, and peers without one. ${ASMAP}`,
      unit: "none",
      width: 4,
      min: 0,
      queries: [
        { expr: of("bitcoin_peer_autonomous_systems"), legend: "systems" },
        { expr: of("bitcoin_peers_without_autonomous_system"), legend: "unmapped" },
      ],
    }),
    timeseries({
      title: "Largest system",
      description: `Share of the peers that are in the most frequent autonomous system. ${ASMAP}`,
      unit: "percentunit",
      width: 4,
      min: 0,
      queries: [{ expr: of("bitcoin_peer_autonomous_system_largest_share"), legend: "share" }],
    }),
  ],
};
