// --layout with each name on each node: what the node does not have is said, what it does have is used, and no node is harmed.

import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { LayoutName } from "../../src/node/layouts.ts";
import { preloading } from "../exporter-command.ts";
import { ExporterProcess } from "../exporter-process.ts";
import { BitcoinNode } from "./bitcoin-node.ts";
import { describeEachBuild } from "./executables.ts";
import { TIP_EVENTS } from "./families.ts";
import { mine } from "./transactions.ts";

setDefaultTimeout(60_000);

/** v30 and v31 are left alone while their socket is new. */
const env = preloading(join(import.meta.dirname, "../layouts/later-clock.ts"));

const OLD_MINING = /Old mining interface \(@2\) not supported/;

/** What the exporter says of a node that is not what it was told; undefined where the node has all that it is told to have. */
const COMPLAINTS: Readonly<Record<string, Readonly<Record<LayoutName, RegExp | undefined>>>> = {
  "pr/trace": {
    "pr/trace": undefined,
    "ipc-2026-02": /interface not implemented.*Chain/,
    v30: OLD_MINING,
    v31: undefined,
    v32: /interface not implemented.*Chain/,
    "pr-29409": /the node is not of the layout pr-29409 that it is said to have: Init@4 is there; .*Chain/,
  },
  v32: {
    "pr/trace": /the node is not of the layout pr\/trace that it is said to have: Init@4 is there; .*Rpc/,
    "ipc-2026-02": /interface not implemented.*Rpc/,
    v30: OLD_MINING,
    v31: undefined,
    v32: undefined,
    "pr-29409": /Method not implemented/,
  },
};

describeEachBuild("--layout", (build) => {
  test.each(Object.entries(COMPLAINTS[build.layout]!))("%s", async (layout, complaint) => {
    await using node = await BitcoinNode.start([], { build });
    await mine(node, 3);
    await using exporter = await ExporterProcess.start(node.socketPath, { args: ["--layout", layout], env });
    if (complaint === undefined) {
      await exporter.waitFor(`bitcoin_ipc_layout_info{layout="${layout}"}`, 1);
      expect((await exporter.polled()).get("bitcoin_chain_height")).toBe(3);
      await mine(node);
      await exporter.waitFor(TIP_EVENTS.height, 4);
    } else {
      const [line] = await exporter.logs(/^cannot reach the node at /);
      expect(line).toMatch(complaint);
      expect(line).toMatch(/; next attempt in \d/);
      // It tries again, and the node bears it.
      await Bun.sleep(600);
      expect((await exporter.metrics()).get("bitcoin_ipc_up")).toBe(0);
    }
    exporter.signal("SIGTERM");
    expect(await exporter.ended()).toMatchObject({ exitCode: 0 });
    // What is left of a call that was under way ends now.
    await mine(node);
    await node.expectAlive();
    expect(await node.stop()).toMatchObject({ exitCode: 0, signal: null });
  });
});
