// The peers by direction, network, type and transport, and the network around the node.

import { bargauge, type Row, timeseries } from "../dashboard.ts";
import { of } from "./queries.ts";

const connections = (label: string) => `sum by (${label}) (${of("bitcoin_connections")})`;

export const peersRow: Row = {
  title: "Peers",
  panels: [
    timeseries({
      title: "By direction",
      description: "Peers by the direction of the connection.",
      unit: "none",
      width: 8,
      min: 0,
      stack: true,
      queries: [{ expr: connections("direction"), legend: "{{direction}}" }],
    }),
    timeseries({
      title: "By network",
      description: "Peers by the network of the connection.",
      unit: "none",
      width: 8,
      min: 0,
      stack: true,
      queries: [{ expr: connections("network"), legend: "{{network}}" }],
    }),
    timeseries({
      title: "By type and transport",
      description: "Peers by the type of the connection and by transport; v2 is encrypted.",
      unit: "none",
      width: 8,
      min: 0,
      stack: true,
      queries: [{ expr: connections("connection_type, transport"), legend: "{{connection_type}} {{transport}}" }],
    }),
    timeseries({
      title: "Ping times",
      description: "Median of the peers' last ping times, and the lowest ping time of any connected peer.",
      unit: "s",
      width: 8,
      min: 0,
      queries: [
        { expr: of("bitcoin_peer_ping_median_seconds"), legend: "median" },
        { expr: of("bitcoin_peer_ping_min_seconds"), legend: "lowest" },
      ],
    }),
    timeseries({
      title: "Known addresses",
      description: "Addresses of other nodes that this one knows: tried if it has connected to them, else new.",
      unit: "short",
      width: 8,
      min: 0,
      stack: true,
      queries: [
        {
          expr: `sum by (table) (${of("bitcoin_addrman_addresses")})`,
          legend: "{{table}}",
        },
      ],
    }),
    timeseries({
      title: "Banned",
      description: "Banned addresses and subnets.",
      unit: "none",
      width: 4,
      min: 0,
      queries: [{ expr: of("bitcoin_banned_subnets"), legend: "banned" }],
    }),
    bargauge({
      title: "Reachable networks",
      description: "Networks that the node connects to.",
      unit: "none",
      width: 4,
      min: 0,
      max: 1,
      mappings: { 0: { text: "no", color: "text" }, 1: { text: "yes", color: "green" } },
      queries: [{ expr: of("bitcoin_network_reachable"), legend: "{{network}}", instant: true }],
    }),
  ],
};
