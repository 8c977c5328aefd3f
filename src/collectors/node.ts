// The node itself: what it is, how long it runs, and what it warns of.

import type { Registry } from "../metrics/registry.ts";
import type { Collector } from "./collector.ts";
import * as result from "./result.ts";
import { type Part, rpcPoll, value } from "./rpc-poll.ts";

export function nodeCollector(registry: Registry): Collector {
  const info = registry.gaugeVec(
    "bitcoin_node_info",
    "What the node is; always 1.",
    ["chain", "version", "subversion", "protocol"],
    1,
  );
  const uptime = registry.gauge("bitcoin_uptime_seconds", "Time since the node started.");
  const warnings = registry.gauge("bitcoin_warnings", "Warnings that the node shows its operator.");

  // The labels come from two methods: there is a series when both have answered.
  let chain: string | undefined;
  let build: readonly [version: string, subversion: string, protocol: string] | undefined;

  function show(): void {
    info.clear();
    if (chain !== undefined && build !== undefined) info.with(chain, ...build).set(1);
  }

  const chainPart: Part = {
    set(blockchainInfo) {
      chain = result.text(blockchainInfo, "chain");
      show();
    },
    clear() {
      chain = undefined;
      show();
    },
  };
  const buildPart: Part = {
    set(networkInfo) {
      const version = result.count(networkInfo, "version");
      const subversion = result.text(networkInfo, "subversion");
      const protocol = result.count(networkInfo, "protocolversion");
      const isComplete = version !== undefined && subversion !== undefined && protocol !== undefined;
      build = isComplete ? [String(version), subversion, String(protocol)] : undefined;
      show();
    },
    clear() {
      build = undefined;
      show();
    },
  };

  return {
    rpcPolls: [
      rpcPoll("getblockchaininfo", [
        chainPart,
        value(warnings, (blockchainInfo) => result.warningCount(blockchainInfo, "warnings")),
      ]),
      rpcPoll("getnetworkinfo", [buildPart]),
      rpcPoll("uptime", [value(uptime, result.asCount)]),
    ],
  };
}
