// Options that operators use: the exporter collects the same families.

import { expect, setDefaultTimeout, test } from "bun:test";
import { DEFAULTS } from "../../src/options.ts";
import { ExporterProcess, failedCalls, type Metrics } from "../exporter-process.ts";
import { BitcoinNode } from "./bitcoin-node.ts";
import { describeEachBuild, EVERY_WAY, hasJsonRpc, PR_TRACE, RELEASES } from "./executables.ts";
import { TIP_EVENTS } from "./families.ts";
import { mine } from "./transactions.ts";

setDefaultTimeout(60_000);

const OPTIONS = ["-reindex", "-blocksonly", "-prune=1", "-disablewallet", "-listen=0"] as const;
/** Options that change what JSON-RPC answers. */
const OF_JSON_RPC = ["-blocksonly", "-prune=1"] as const;

describeEachBuild(
  "a node that is started with",
  (build) => {
    const isRelease = RELEASES.includes(build);
    test.each<string>(isRelease ? OPTIONS : OF_JSON_RPC)("%s", async (option) => {
      const args = option === "-prune=1" ? ["-fastprune"] : [];
      await using node = await BitcoinNode.start(args, { build, listens: option !== "-listen=0" });
      await mine(node, 5);
      await node.restart(option);
      await using exporter = await ExporterProcess.start(node.socketPath, {
        args: [...node.exporterArgs, "--debug"],
      });
      const before = await upAt(exporter, 5);
      const isPruned = Number(option === "-prune=1");
      expect(before.get("bitcoin_pruned")).toBe(hasJsonRpc(build) ? isPruned : undefined);
      await mine(node, 2);
      await exporter.waitFor(TIP_EVENTS.height, 7);
      await expectNoErrors(exporter);
      if (option === "-blocksonly" && hasJsonRpc(build)) await expectNoFees(exporter);
      // A subscribed exporter that is killed crashes the node.
      exporter.signal(build === PR_TRACE ? "SIGTERM" : "SIGKILL");
      await exporter.ended();
      expect(await node.stop()).toMatchObject({ exitCode: 0, signal: null });
    });

    test.each<"signet" | "testnet4">(isRelease ? ["signet", "testnet4"] : ["testnet4"])("-chain=%s", async (chain) => {
      await using node = await BitcoinNode.start([], { build, chain });
      await using exporter = await ExporterProcess.start(node.socketPath, { args: node.exporterArgs });
      const metrics = await upAt(exporter, 0);
      expect(metrics.get("bitcoin_ibd")).toBe(1);
      const info = [...metrics.keys()].filter((series) => series.startsWith("bitcoin_node_info{"));
      if (hasJsonRpc(build)) expect(info).toEqual([expect.stringContaining(`{chain="${chain}",`)]);
      else expect(info).toEqual([]);
      await expectNoErrors(exporter);
      expect(await node.stop()).toMatchObject({ exitCode: 0, signal: null });
    });
  },
  EVERY_WAY,
);

/** The metrics once the exporter shows the tip of a node of this height. */
async function upAt(exporter: ExporterProcess, height: number): Promise<Metrics> {
  await exporter.connected();
  // The exporter reads the tip before its second poll.
  await exporter.polled();
  const metrics = await exporter.polled();
  expect(metrics.get("bitcoin_chain_height")).toBe(height);
  return metrics;
}

async function expectNoErrors(exporter: ExporterProcess): Promise<void> {
  const metrics = await exporter.polled();
  expect(failedCalls(metrics)).toEqual({});
}

/** A node that estimates no fees is asked for each target once. */
async function expectNoFees(exporter: ExporterProcess): Promise<void> {
  const metrics = await exporter.polled();
  expect([...metrics.keys()].filter((series) => series.startsWith("bitcoin_fee_estimate"))).toEqual([]);
  const refusals = exporter.log.filter((line) => line.includes("Fee estimation disabled"));
  expect(refusals).toHaveLength(DEFAULTS.feeTargets.length);
}
