// --once and --check on each layout: one whole page, without a subscription or a call that waits, and an orderly disconnect.

import { describe, expect, test } from "bun:test";
import type { LayoutName } from "../../src/node/layouts.ts";
import { compileFirst, expectNothingLeft } from "../executable/sessions.ts";
import { exporterWith } from "../exporter-command.ts";
import { expectSameSeries, runExporter } from "../exporter-run.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import { NodeChain } from "./node-chain.ts";
import { LAYOUT_NAMES, SUPPORTED, session } from "./sessions.ts";

compileFirst();

/** No program of a reference node shows whether it has started, and its socket is new. */
const withoutGrace = exporterWith({ "session/start-grace": { START_GRACE_MS: 0 } });

const KILLED: Readonly<Record<LayoutName, RegExp>> = {
  "pr/trace": /^ {2}the node crashes; stop the exporter with SIGTERM, or set --no-subscribe$/m,
  "ipc-2026-02": /^ {2}the node may crash, as a pr\/trace node does; stop the exporter with SIGTERM$/m,
  "pr-29409": /^ {2}the node may crash, as a pr\/trace node does; stop the exporter with SIGTERM$/m,
  v32: /^ {2}the node survives$/m,
  v31: /^ {2}the node survives$/m,
  v30: /^ {2}the node survives$/m,
};

describe.each(LAYOUT_NAMES)("%s", (layout) => {
  const { jsonRpc, notifications, utxoTrace, chainAndNode } = SUPPORTED[layout];

  async function startNode(): Promise<ReferenceNode> {
    const node = await ReferenceNode.start({ layout });
    await NodeChain.on(node, 20);
    const estimate = { feerate: 0.00002, blocks: 2, estimator: "Block Policy" };
    await node.rpc("estimatesmartfee", estimate);
    await node.rpc("getblockstats", { txs: 3, total_size: 600, height: 20 });
    return node;
  }

  test("--once prints the page that the server has after some polls", async () => {
    await using node = await startNode();
    const { stdout, ...rest } = await runExporter(["--once", node.socketPath], withoutGrace);
    expect(rest).toEqual({ exitCode: 0, stderr: "" });
    await expectNothingLeft(node);
    const { calls, connections, threadViolations, waitTimeouts } = await node.stats();
    expect({ connections, threadViolations }).toEqual({ connections: 1, threadViolations: 0 });
    for (const method of ["Chain.handleNotifications", "Tracing.traceUtxoCache"])
      expect(Object.keys(calls)).not.toContain(method);
    // Not for a tip: a wait of no time asks whether the node is stopping.
    expect(waitTimeouts.filter((timeoutMs) => timeoutMs > 0)).toEqual([]);

    expect(stdout).toContain("\nbitcoin_ipc_up 1\n");
    expect(stdout).toContain("\nbitcoin_chain_height 20\n");
    // What a question after the first poll reports: the block, and the estimators that an answer shows.
    expect(stdout.includes("\nbitcoin_last_block_transactions 3\n")).toBe(jsonRpc !== undefined);
    expect(stdout.includes("\nbitcoin_fee_estimate_estimator")).toBe(false);
    await using exporter = await session(node, { args: ["--no-subscribe"] });
    await expectSameSeries(exporter, stdout);
  });

  test("--check reports what the node has", async () => {
    await using node = await startNode();
    const { stdout, ...rest } = await runExporter(["--check", node.socketPath], withoutGrace);
    expect(rest).toEqual({ exitCode: 0, stderr: "" });
    await expectNothingLeft(node);
    expect(stdout).toStartWith(`${node.socketPath}: the node has started\n`);
    expect(stdout).toMatch(new RegExp(`^ {2}layout +${layout}$`, "m"));
    expect(stdout).toMatch(/^ {2}height +20$/m);
    const interfaces = { "json-rpc": jsonRpc !== undefined, notifications, "utxo trace": utxoTrace };
    for (const [name, isSupported] of Object.entries({ ...interfaces, "chain and node": chainAndNode }))
      expect(stdout).toMatch(new RegExp(`^ {2}${name} +${isSupported ? "yes: " : "no$"}`, "m"));
    expect(stdout).toMatch(KILLED[layout]);
    expect(stdout.includes("--rpc-url http://127.0.0.1:8332")).toBe(jsonRpc === undefined);
    expect(stdout.includes("\n  --collectors default,feerates  cost to the node: ")).toBe(jsonRpc !== undefined);
    // The families of subscriptions count, though --check does not subscribe.
    const none = /^ {2}none +(.*)$/m.exec(stdout)?.[1]?.split(", ") ?? [];
    expect(none.includes("utxocache")).toBe(!utxoTrace);
    expect(none.includes("blockstats")).toBe(jsonRpc === undefined);
  });
});
