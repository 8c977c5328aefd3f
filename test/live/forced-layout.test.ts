// --layout with each name on each node: the exporter logs what the node lacks, uses what it has, and harms no node.

import { expect, setDefaultTimeout, test } from "bun:test";
import type { LayoutName } from "../../src/node/layouts.ts";
import { exporterWith } from "../exporter-command.ts";
import { ExporterProcess } from "../exporter-process.ts";
import { BitcoinNode } from "./bitcoin-node.ts";
import { describeEachBuild } from "./executables.ts";
import { TIP_EVENTS } from "./families.ts";
import { mine } from "./transactions.ts";

setDefaultTimeout(60_000);

/** Connects some hundred times in the two seconds of a test. */
const RESTLESS = exporterWith({ "session/backoff": { FIRST_MS: 10, LONGEST_MS: 10 } });

const OLD_MINING = /Old mining interface \(@2\) not supported/;

/** Node → layout → the exporter's log line; undefined where the node has all of the layout. */
const COMPLAINTS: Readonly<Record<string, Readonly<Record<LayoutName, RegExp | undefined>>>> = {
  "pr/trace": {
    "pr/trace": undefined,
    "ipc-2026-02": /interface not implemented.*Chain/,
    v30: OLD_MINING,
    v31: undefined,
    v32: /interface not implemented.*Chain/,
    "pr-29409": /the node does not have the layout pr-29409: Init@4 exists; .*Chain/,
  },
  v32: {
    "pr/trace": /the node does not have the layout pr\/trace: Init@4 exists; .*Rpc/,
    "ipc-2026-02": /interface not implemented.*Rpc/,
    v30: OLD_MINING,
    v31: undefined,
    v32: undefined,
    "pr-29409": /Method not implemented/,
  },
  v31: {
    "pr/trace": /Method not implemented/,
    "ipc-2026-02": /Method not implemented/,
    v30: OLD_MINING,
    v31: undefined,
    v32: /Method not implemented/,
    "pr-29409": /Method not implemented/,
  },
  v30: {
    "pr/trace": /Method not implemented/,
    "ipc-2026-02": /Method not implemented/,
    v30: undefined,
    v31: /Method not implemented/,
    v32: /Method not implemented/,
    "pr-29409": /Method not implemented/,
  },
};

describeEachBuild("--layout", (build) => {
  test.each(Object.entries(COMPLAINTS[build.layout]!))("%s", async (layout, complaint) => {
    await using node = await BitcoinNode.start([], { build });
    await mine(node, 3);
    await using exporter = await ExporterProcess.start(node.socketPath, { ...RESTLESS, args: ["--layout", layout] });
    if (complaint === undefined) {
      await exporter.waitFor(`bitcoin_ipc_layout_info{layout="${layout}"}`, 1);
      expect((await exporter.polled()).get("bitcoin_chain_height")).toBe(3);
      await mine(node);
      await exporter.waitFor(TIP_EVENTS.height, 4);
    } else {
      const [line] = await exporter.logs(/^cannot reach the node at /);
      expect(line).toMatch(complaint);
      expect(line).toMatch(/; next attempt in \d/);
      // It retries, and the node survives that.
      await Bun.sleep(2000);
      expect((await exporter.metrics()).get("bitcoin_ipc_up")).toBe(0);
    }
    exporter.signal("SIGTERM");
    expect(await exporter.ended()).toMatchObject({ exitCode: 0 });
    // A wait for a tip that the exporter no longer needs ends now.
    await mine(node);
    await node.expectAlive();
    expect(await node.stop()).toMatchObject({ exitCode: 0, signal: null });
  });
});
