// Options that operators use: the exporter collects the same families.

import { expect, setDefaultTimeout, test } from "bun:test";
import { ExporterProcess, type Metrics } from "../exporter-process.ts";
import { BitcoinNode, type NodeOptions } from "./bitcoin-node.ts";
import { describeEachBuild, RELEASES, V32 } from "./executables.ts";
import { TIP_EVENTS } from "./families.ts";
import { mine } from "./transactions.ts";

setDefaultTimeout(60_000);

const CALL_ERRORS = /^bitcoin_ipc_call_errors_total\{method="(.*)"\}$/;

describeEachBuild(
  "a node that is started with",
  (build) => {
    test.each([["-reindex"], ["-blocksonly"], ["-prune=1"], ["-disablewallet"], ["-listen=0"]])(
      "%s",
      async (option) => {
        const args = option === "-prune=1" ? ["-fastprune"] : [];
        await using node = await BitcoinNode.start(args, { build, listens: option !== "-listen=0" });
        await mine(node, 5);
        await node.restart(option);
        await using exporter = await ExporterProcess.start(node.socketPath);
        const before = await upAt(exporter, 5);
        if (build === V32) expect(before.get("bitcoin_pruned")).toBe(Number(option === "-prune=1"));
        await mine(node, 2);
        await exporter.waitFor(TIP_EVENTS.height, 7);
        // With -blocksonly a node estimates no fees.
        await expectNoErrors(exporter, option === "-blocksonly" ? ["estimatesmartfee"] : []);
        exporter.signal("SIGKILL");
        await exporter.ended();
        expect(await node.stop()).toMatchObject({ exitCode: 0, signal: null });
      },
    );

    test.each(["signet", "testnet4"] as const satisfies NodeOptions["chain"][])("-chain=%s", async (chain) => {
      await using node = await BitcoinNode.start([], { build, chain });
      await using exporter = await ExporterProcess.start(node.socketPath);
      const metrics = await upAt(exporter, 0);
      expect(metrics.get("bitcoin_ibd")).toBe(1);
      const info = [...metrics.keys()].filter((series) => series.startsWith("bitcoin_node_info{"));
      if (build === V32) expect(info).toEqual([expect.stringContaining(`{chain="${chain}",`)]);
      else expect(info).toEqual([]);
      await expectNoErrors(exporter);
      expect(await node.stop()).toMatchObject({ exitCode: 0, signal: null });
    });
  },
  RELEASES,
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

async function expectNoErrors(exporter: ExporterProcess, except: readonly string[] = []): Promise<void> {
  const metrics = await exporter.polled();
  const failed = [...metrics.keys()].flatMap((series) => CALL_ERRORS.exec(series)?.[1] ?? []);
  expect(failed.filter((method) => !except.includes(method))).toEqual([]);
}
