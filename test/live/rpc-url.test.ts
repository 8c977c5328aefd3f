// --rpc-url on nodes that answer JSON-RPC over HTTP only. Other files run their tests with it, too.

import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ExporterProcess } from "../exporter-process.ts";
import { BitcoinNode } from "./bitcoin-node.ts";
import { describeEachBuild, WITH_RPC_URL } from "./executables.ts";
import { TIP_EVENTS } from "./families.ts";
import { mine } from "./transactions.ts";

setDefaultTimeout(60_000);

const OF_JSON_RPC = "bitcoin_mempool_size";
/** A node of a few blocks stops within 0.2 s without a client. */
const STOP_MS = 5_000;

describeEachBuild(
  "JSON-RPC over HTTP",
  (build) => {
    test("the node stops at once, and its next cookie is read", async () => {
      await using node = await BitcoinNode.start([], { build });
      await mine(node, 3);
      await using exporter = await start(node);
      for (let stops = 1; stops <= 3; stops++) {
        await Bun.sleep(20 * stops);
        const { exitCode, signal, durationMs } = await node.stop();
        expect({ exitCode, signal }).toEqual({ exitCode: 0, signal: null });
        expect(durationMs).toBeLessThan(STOP_MS);
        const down = await exporter.waitFor("bitcoin_ipc_up", 0);
        expect(down.has(OF_JSON_RPC)).toBe(false);
        node.launch();
        await node.ready();
        await exporter.waitFor("bitcoin_ipc_connects_total", stops + 1);
        await exporter.waitFor(OF_JSON_RPC, 0);
      }
      await mine(node);
      await exporter.waitFor(TIP_EVENTS.connected, 1);
    });

    test("a wrong cookie: the log names the file, and the exporter reads it again", async () => {
      const folder = await mkdtemp(join(tmpdir(), "live-cookie-"));
      const cookie = join(folder, "cookie");
      await Bun.write(cookie, "__cookie__:wrong");
      await using node = await BitcoinNode.start([], { build });
      await using exporter = await ExporterProcess.start(node.socketPath, {
        args: [...node.exporterArgs, "--rpc-cookie-file", cookie],
      });
      const refused = `the node refuses the user or password (401); check ${cookie}`;
      await exporter.logs(new RegExp(RegExp.escape(refused)));
      await Bun.write(cookie, await node.cookie());
      await exporter.waitFor(OF_JSON_RPC, 0);
      expect(exporter.log.join("\n")).not.toContain("__cookie__");
      await rm(folder, { recursive: true });
    });
  },
  WITH_RPC_URL,
);

/** An exporter that has read the tip, and has the first answers over HTTP. */
async function start(node: BitcoinNode): Promise<ExporterProcess> {
  const exporter = await ExporterProcess.start(node.socketPath, { args: node.exporterArgs });
  await exporter.logs(/ supports json-rpc over HTTP, mining; not notifications, /);
  await exporter.waitFor(OF_JSON_RPC, 0);
  await exporter.waitUntil("the first tip", (metrics) => metrics.has("bitcoin_last_block_transactions"));
  return exporter;
}
