// The node itself: version, uptime, warnings.

import type { Registry } from "../metrics/registry.ts";
import type { JsonValue } from "../node/json.ts";
import { type Collector, fromRpc, polled, polledInto, type Target } from "./collector.ts";
import * as result from "./result.ts";

type Build = readonly [version: string, subversion: string, protocol: string];

const blockchainInfo = fromRpc("getblockchaininfo");

export function nodeCollector(registry: Registry): Collector {
  const info = registry.gaugeVec(
    "bitcoin_node_info",
    "Chain, version and protocol of the node; always 1.",
    ["chain", "version", "subversion", "protocol"],
    1,
  );
  const uptime = registry.gauge("bitcoin_uptime_seconds", "Time since the node started.");
  const warnings = registry.gauge("bitcoin_warnings", "Active warnings of the node.");

  // The labels come from two methods. The series exists once the node has answered both.
  let chain: string | undefined;
  let build: Build | undefined;

  function show(): void {
    info.clear();
    if (chain !== undefined && build !== undefined) info.with(chain, ...build).set(1);
  }

  const chainLabel: Target<string | undefined> = {
    set(name) {
      chain = name;
      show();
    },
    clear: () => chainLabel.set(undefined),
  };
  const buildLabels: Target<Build | undefined> = {
    set(labels) {
      build = labels;
      show();
    },
    clear: () => buildLabels.set(undefined),
  };

  return {
    polled: [
      polledInto(chainLabel, blockchainInfo(result.text, "chain")),
      polledInto(buildLabels, fromRpc("getnetworkinfo")(buildOf)),
      polled(warnings, blockchainInfo(result.warningCount, "warnings")),
      polled(uptime, fromRpc("uptime")(result.asCount)),
    ],
  };
}

function buildOf(networkInfo: JsonValue): Build | undefined {
  const version = result.count(networkInfo, "version");
  const subversion = result.text(networkInfo, "subversion");
  const protocol = result.count(networkInfo, "protocolversion");
  const isComplete = version !== undefined && subversion !== undefined && protocol !== undefined;
  return isComplete ? [String(version), subversion, String(protocol)] : undefined;
}
