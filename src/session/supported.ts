// What a node supports: the kinds of sources that serve this session's families, and the log line at the connect.

import type { Reported } from "../collectors/collector.ts";
import type { NodeClient } from "../node/client.ts";
import type { Options } from "../options.ts";
import type { SourceKind } from "./polled-calls.ts";

/** The kinds of sources that serve the families of this session. */
export function sourcesOf(client: NodeClient): ReadonlySet<SourceKind> {
  const { queries, jsonRpc } = client;
  const kinds = new Set<SourceKind>();
  if (queries !== undefined) kinds.add("node");
  if (jsonRpc !== undefined) kinds.add("jsonRpc").add("block");
  // Every node has Mining. If it also has Chain and Node, those are used.
  if (queries === undefined) kinds.add("mining");
  return kinds;
}

/** Which events a session with these options reports. */
export function reportedBy(client: NodeClient, options: Pick<Options, "subscribe" | "utxoTrace">): Reported {
  const notifications = client.hasNotifications && options.subscribe;
  return { notifications, utxoTrace: notifications && client.hasUtxoTrace && options.utxoTrace };
}

/** The interfaces that this node supports, and those that it does not, for the log. */
export function describeNode(client: NodeClient, hasRpcUrl: boolean): string {
  const interfaces = {
    notifications: client.hasNotifications,
    "utxo trace": client.hasUtxoTrace,
    "chain and node": client.queries !== undefined,
    [client.isJsonRpcOverHttp ? "json-rpc over HTTP" : "json-rpc"]: client.jsonRpc !== undefined,
    mining: true,
  };
  const list = (wanted: boolean) =>
    Object.entries(interfaces).flatMap(([name, isSupported]) => (isSupported === wanted ? [name] : []));
  const missing = list(false);
  const line = `supports ${list(true).join(", ")}${missing.length === 0 ? "" : `; not ${missing.join(", ")}`}`;
  if (client.jsonRpc === undefined) return `${line}; --rpc-url adds json-rpc`;
  return hasRpcUrl && !client.isJsonRpcOverHttp ? `${line}; --rpc-url is not needed` : line;
}
