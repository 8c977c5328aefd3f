// The variables that both dashboards have, by which the reader chooses nodes.

import type { Variable } from "./dashboard.ts";

/** Of the nodes that tell it: those of v30 and v31 do not, and are there whatever is chosen. */
export const chain: Variable = {
  name: "chain",
  label: "Chain",
  description: "Leaves out nodes of other chains. Nodes that do not tell theirs, as v30 and v31, always stay.",
  query: "label_values(bitcoin_node_info, chain)",
  multi: true,
  allValue: ".*",
};

/** Those that were there at any time that is shown, so that one that went can be looked at. */
export function instance({ multi }: { multi: boolean }): Variable {
  return {
    name: "instance",
    label: multi ? "Nodes" : "Node",
    description: "Nodes by the address of their exporter.",
    query:
      "query_result(max by (instance) (last_over_time(bitcoin_ipc_up[$__range]) unless on (job, instance) " +
      'last_over_time(bitcoin_node_info{chain!~"$chain"}[$__range])))',
    regex: '/instance="([^"]+)"/',
    multi,
  };
}
