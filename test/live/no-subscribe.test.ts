// --no-subscribe: blocks are counted, and the node survives a SIGKILL of the exporter between two calls. v32 has no subscriptions anyway.

import { expect, setDefaultTimeout, test } from "bun:test";
import { ExporterProcess } from "../exporter-process.ts";
import { BitcoinNode } from "./bitcoin-node.ts";
import { describeEachBuild, PR_TRACE, V32 } from "./executables.ts";
import { mine } from "./transactions.ts";

setDefaultTimeout(60_000);

const args = ["--no-subscribe", "--poll-interval", "0.5"];
const KILLS = 5;

describeEachBuild(
  "without subscriptions",
  (build) => {
    test("blocks are counted as the tip is polled", async () => {
      await using node = await BitcoinNode.start([], { build });
      await mine(node, 3);
      await using exporter = await ExporterProcess.start(node.socketPath, { args });
      await exporter.polled();
      await exporter.polled();
      await mine(node, 4);
      const metrics = await exporter.waitFor("bitcoin_blocks_connected_total", 4);
      expect(metrics.get("bitcoin_block_height")).toBe(7);
      expect(metrics.has("bitcoin_utxo_trace_active")).toBe(false);
      expect(metrics.get("bitcoin_ipc_callback_busy_seconds_total")).toBe(0);
      exporter.signal("SIGTERM");
      expect((await exporter.ended()).exitCode).toBe(0);
      expect(exporter.log.at(-1)).toBe("disconnected");
      expect(await node.cli<number>("getblockcount")).toBe(7);
    });

    test("the node survives exporters that are killed between two polls", async () => {
      await using node = await BitcoinNode.start([], { build });
      await mine(node, 1);
      for (let kill = 0; kill < KILLS; kill++) {
        await using exporter = await ExporterProcess.start(node.socketPath, { args: ["--no-subscribe"] });
        await exporter.polled();
        // The calls for the tip after the first poll are answered, too.
        await exporter.waitFor("bitcoin_last_block_transactions", 1);
        await Bun.sleep(100);
        exporter.signal("SIGKILL");
        await exporter.ended();
        await Bun.sleep(200);
        expect(await node.cli<number>("getblockcount")).toBe(1);
      }
    });
  },
  [V32, PR_TRACE],
);
