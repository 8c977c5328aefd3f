// --once and --check on real nodes: the whole page, also of a node that is starting, and no end of the exporter crashes the node.

import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { eventually } from "../eventually.ts";
import { ExporterProcess } from "../exporter-process.ts";
import { expectSameSeries, runExporter, seriesOfNode } from "../exporter-run.ts";
import { BitcoinNode } from "./bitcoin-node.ts";
import { describeEachBuild, EVERY_WAY, hasJsonRpc, PR_TRACE } from "./executables.ts";
import { mine } from "./transactions.ts";

setDefaultTimeout(120_000);

const STARTS = 3;
/** After the start of the exporter: while it starts, connects, polls and disconnects. */
const MOMENTS_MS = Array.from({ length: 12 }, (_, index) => 60 + 15 * index);

describeEachBuild(
  "one poll",
  (build) => {
    test("--once has what the server has, and --check describes the node", async () => {
      await using node = await BitcoinNode.start([], { build });
      await mine(node, 110);
      const args = [...node.exporterArgs];
      const page = await runExporter(["--once", ...args, node.socketPath]);
      expect(page).toMatchObject({ exitCode: 0, stderr: "" });
      expect(page.stdout).toContain("\nbitcoin_chain_height 110\n");
      expect(seriesOfNode(page.stdout).length > 150).toBe(hasJsonRpc(build));
      await using exporter = await ExporterProcess.start(node.socketPath, { args: ["--no-subscribe", ...args] });
      await expectSameSeries(exporter, page.stdout);

      const check = await runExporter(["--check", ...args, node.socketPath]);
      expect(check).toMatchObject({ exitCode: 0, stderr: "" });
      expect(check.stdout).toMatch(new RegExp(`^ {2}layout +${build.layout}$`, "m"));
      const { version } = await node.cli<{ version: number }>("getnetworkinfo");
      const shown = hasJsonRpc(build) ? `${version} /Satoshi:` : "not reported";
      expect(check.stdout).toMatch(new RegExp(`^ {2}version +${shown}`, "m"));
      const effect = build.layout === PR_TRACE.layout ? "the node crashes; " : "the node survives$";
      expect(check.stdout).toMatch(new RegExp(`^ {2}${effect}`, "m"));
      expect(check.stdout.includes("--rpc-url http")).toBe(!hasJsonRpc(build));
    });
  },
  EVERY_WAY,
);

describeEachBuild("one poll", (build) => {
  test("waits for a node that has just opened its socket", async () => {
    await using node = await BitcoinNode.start([], { build });
    await mine(node, 110);
    for (let start = 0; start < STARTS; start++) {
      expect(await node.stop()).toMatchObject({ exitCode: 0, signal: null });
      node.launch();
      await eventually("the node listens", () => isListening(node.socketPath), { intervalMs: 1 });
      const { exitCode, stdout, stderr } = await runExporter(["--once", node.socketPath]);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      expect(stdout).toContain("\nbitcoin_chain_height 110\n");
      await node.expectAlive();
    }
  });

  // Without a subscription a pr/trace node survives SIGKILL between two calls, and the others at any moment.
  test.each(build.layout === PR_TRACE.layout ? ["SIGINT" as const] : ["SIGINT" as const, "SIGKILL" as const])(
    "survives %s at any moment",
    async (signal) => {
      await using node = await BitcoinNode.start([], { build });
      await mine(node, 10);
      for (const ms of MOMENTS_MS) {
        const { stdout, stderr } = await runExporter(["--once", node.socketPath], {
          onStart: async (child) => {
            await Bun.sleep(ms);
            child.kill(signal);
          },
        });
        // A page, or a line, or nothing before the exporter handles signals.
        if (stdout !== "" || signal === "SIGKILL") expect(stderr).toBe("");
        else expect(stderr).toMatch(/^(|[^\n]+: stopped by SIGINT\n)$/);
        await node.expectAlive();
      }
    },
  );
});

/** By the flag of a listening socket in /proc/net/unix: a file is left by a node that stopped. */
function isListening(path: string): boolean {
  const lines = readFileSync("/proc/net/unix", "utf8").split("\n");
  return lines.some((line) => line.includes(" 00010000 ") && line.endsWith(` ${path}`));
}
