// The node: commands of any client, warnings, clocks.

import { type Row, timeseries } from "../dashboard.ts";
import { of } from "./queries.ts";

export const nodeRow: Row = {
  title: "Node",
  panels: [
    timeseries({
      title: "Running commands",
      description: "JSON-RPC commands of any client that the node is executing.",
      unit: "none",
      width: 8,
      min: 0,
      queries: [{ expr: of("bitcoin_rpc_active_commands"), legend: "commands" }],
    }),
    timeseries({
      title: "Longest command",
      description: "How long the longest running command has been running. A command of minutes often blocks the node.",
      unit: "s",
      width: 8,
      min: 0,
      queries: [{ expr: of("bitcoin_rpc_longest_command_seconds"), legend: "{{method}}" }],
    }),
    timeseries({
      title: "Peers' clocks",
      description: "Median difference of the outbound peers' clocks from the node's. Negative if theirs are behind.",
      unit: "s",
      width: 8,
      queries: [{ expr: of("bitcoin_time_offset_seconds"), legend: "difference" }],
    }),
  ],
};
