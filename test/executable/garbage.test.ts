// How often the executable collects garbage while blocks arrive. The compiled executable is tested, because it contains what
// keeps the collector from starting on its own.

import { expect, test } from "bun:test";
import { type CallbackParams, ReferenceNode } from "../reference-node/reference-node.ts";
import { compileFirst, session } from "./sessions.ts";

compileFirst();

const BLOCKS = 300;
/** Without ballast one in seven blocks of 2 MB, with it one in thirty. */
const MAX_COLLECTIONS = BLOCKS / 15;

const BLOCK: CallbackParams["ChainNotifications.blockConnected"] = {
  role: { validated: true },
  block: { hash: 32, height: 900_000, data: 2_000_000 },
};

test("large blocks do not start the garbage collector", async () => {
  await using node = await ReferenceNode.start();
  // JavaScriptCore's own log, on stderr like ours.
  const env = { BUN_JSC_logGC: "1" };
  const args = ["--poll-interval", "3600", "--no-collector", "blockstats"];
  await using exporter = await session(node, { args, env });
  const collections = () => exporter.log.filter((line) => line.includes("START")).length;
  const before = collections();
  await node.fire("ChainNotifications.blockConnected", BLOCK, { count: BLOCKS });
  await exporter.waitFor("bitcoin_blocks_connected_total", BLOCKS);
  const during = collections() - before;
  expect(during).toBeGreaterThan(0);
  expect(during).toBeLessThan(MAX_COLLECTIONS);
  exporter.signal("SIGTERM");
  expect((await exporter.ended()).exitCode).toBe(0);
});
