// The variables that select nodes, in both dashboards.

import type { Variable } from "./dashboard.ts";

/** Nodes that do not report their chain match every choice: v30 and v31 without --rpc-url. */
export const chain: Variable = {
  name: "chain",
  label: "Chain",
  description: "Chains to show. Nodes that do not report their chain are always shown.",
  query: "label_values(bitcoin_node_info, chain)",
  multi: true,
  allValue: ".*",
};

/** Every node that has a sample within the time range, including nodes that are disconnected by now. */
export function instance({ multi }: { multi: boolean }): Variable {
  return {
    name: "instance",
    label: multi ? "Nodes" : "Node",
    description: "Nodes, by the address of their exporter.",
    query:
      "query_result(max by (instance) (last_over_time(bitcoin_ipc_up[$__range]) unless on (job, instance) " +
      'last_over_time(bitcoin_node_info{chain!~"$chain"}[$__range])))',
    regex: '/instance="([^"]+)"/',
    multi,
  };
}
