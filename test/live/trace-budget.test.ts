// The UTXO trace on a node that it slows down: above the budget the trace ends, and the node is fast again.

import { expect, setDefaultTimeout, test } from "bun:test";
import { ExporterProcess } from "../exporter-process.ts";
import { BitcoinNode } from "./bitcoin-node.ts";
import { describeLive } from "./executables.ts";
import { Load } from "./load.ts";
import { fund } from "./transactions.ts";

setDefaultTimeout(120_000);

const ACTIVE = "bitcoin_utxo_trace_active";
const BUSY = "bitcoin_ipc_callback_busy_seconds_total";

describeLive("the trace budget", () => {
  test("ends the trace under load, and the node survives", async () => {
    await using node = await BitcoinNode.start();
    const [coin] = await fund(node, 1);
    await using exporter = await ExporterProcess.start(node.socketPath, { args: ["--trace-budget", "10"] });
    await exporter.waitFor(ACTIVE, 1);
    await using load = new Load(node, coin!);
    const paused = await exporter.waitUntil("the trace is ended", (metrics) => metrics.get(ACTIVE) === 0, 60_000);
    expect(paused.get(BUSY)).toBeGreaterThan(1);
    expect(exporter.logged(/^paused the UTXO trace for 60 s: .*, over the budget of 10 %$/)).toBeDefined();
    // The notifications continue, and no more coins are reported.
    const { bitcoin_utxo_cache_add_total: coins } = Object.fromEntries(paused);
    const blocks = paused.get("bitcoin_blocks_connected_total")!;
    const later = await exporter.waitUntil(
      "two blocks more",
      (metrics) => metrics.get("bitcoin_blocks_connected_total")! >= blocks + 2,
    );
    expect(later.get("bitcoin_utxo_cache_add_total")).toBe(coins!);
    await load.stop();
    exporter.signal("SIGTERM");
    expect((await exporter.ended()).exitCode).toBe(0);
    expect(exporter.log.at(-1)).toBe("disconnected");
    expect(await node.cli<number>("getblockcount")).toBeGreaterThan(0);
  });

  test("100 never ends it", async () => {
    await using node = await BitcoinNode.start();
    const [coin] = await fund(node, 1);
    await using exporter = await ExporterProcess.start(node.socketPath, { args: ["--trace-budget", "100"] });
    await exporter.waitFor(ACTIVE, 1);
    await using load = new Load(node, coin!);
    await exporter.waitUntil("it was busy for long", (metrics) => metrics.get(BUSY)! > 12, 60_000);
    expect((await exporter.metrics()).get(ACTIVE)).toBe(1);
    await load.stop();
  });
});
