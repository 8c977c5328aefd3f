// The JSON-RPC commands that the node is executing for any client. One that runs for minutes often blocks the node.

import type { Registry } from "../metrics/registry.ts";
import type { JsonValue } from "../node/json.ts";
import { type Collector, fromRpc, polled, polledInto } from "./collector.ts";
import { samplesOf } from "./labelled.ts";
import * as result from "./result.ts";

const METHOD = "getrpcinfo";
const MICROSECONDS_PER_SECOND = 1_000_000;

const rpcInfo = fromRpc(METHOD);

export function rpcInfoCollector(registry: Registry): Collector {
  const active = registry.gauge(
    "bitcoin_rpc_active_commands",
    "JSON-RPC commands that the node is executing, excluding the exporter's own getrpcinfo.",
  );
  const longest = registry.gaugeVec(
    "bitcoin_rpc_longest_command_seconds",
    "How long the longest running JSON-RPC command has been running, by its method.",
    ["method"],
    1,
  );
  return {
    polled: [polled(active, rpcInfo(countOthers)), polledInto(samplesOf(longest), rpcInfo(longestOther))],
  };
}

function countOthers(info: JsonValue): number | undefined {
  return othersOf(info)?.length;
}

function longestOther(info: JsonValue) {
  const [first] = othersOf(info) ?? [];
  return first && ([[[first.method], first.seconds]] as const);
}

/** The commands, the longest first, without the newest `getrpcinfo`, which is the exporter's own. */
function othersOf(info: JsonValue): { method: string; seconds: number }[] | undefined {
  const commands = result.list(info, "active_commands")?.map((command) => ({
    method: result.text(command, "method") ?? "",
    seconds: (result.number(command, "duration") ?? 0) / MICROSECONDS_PER_SECOND,
  }));
  const sorted = commands?.sort((a, b) => b.seconds - a.seconds);
  const own = sorted?.findLastIndex(({ method }) => method === METHOD);
  return sorted?.filter((_, index) => index !== own);
}
