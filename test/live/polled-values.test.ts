// Every polled metric equals bitcoin-cli's answer, in several states of a node.

import { expect, setDefaultTimeout, test } from "bun:test";
import { eventually } from "../eventually.ts";
import { ExporterProcess, type Metrics } from "../exporter-process.ts";
import { lacking } from "../skipped.ts";
import { BitcoinNode, type BlockchainInfo, type MempoolInfo, type NetTotals } from "./bitcoin-node.ts";
import { describeLive } from "./executables.ts";
import { fund, mine, send, spend, split } from "./transactions.ts";

setDefaultTimeout(60_000);

describeLive("polled metrics equal bitcoin-cli's answers", () => {
  test("of a fresh node, after blocks, and with a mempool", async () => {
    await using node = await BitcoinNode.start(["-maxmempool=50"]);
    await using exporter = await ExporterProcess.start(node.socketPath);
    const fresh = await expectAgreement(node, exporter);
    expect(fresh).toMatchObject({ bitcoin_chain_height: 0, bitcoin_ibd: 1, bitcoin_mempool_max_bytes: 50_000_000 });

    const [coin] = await fund(node, 1);
    expect(await expectAgreement(node, exporter)).toMatchObject({ bitcoin_chain_height: 101, bitcoin_ibd: 0 });

    const transaction = split(coin!, 20, 10_000);
    await send(node, transaction);
    for (const output of transaction.coins) await send(node, spend([output], [output.value - 1_000]));
    const full = await expectAgreement(node, exporter);
    expect(full["bitcoin_mempool_size"]).toBe(21);
    expect(full["bitcoin_mempool_bytes"]).toBeGreaterThan(1_000);

    await mine(node);
    expect(await expectAgreement(node, exporter)).toMatchObject({ bitcoin_mempool_size: 0, bitcoin_chain_height: 102 });
  });

  test("with headers ahead of the blocks", async () => {
    await using miner = await BitcoinNode.start();
    await using node = await BitcoinNode.start();
    await using exporter = await ExporterProcess.start(node.socketPath);
    for (const hash of await mine(miner, 3)) {
      await node.cli("submitheader", await miner.cli<string>("getblockheader", hash, false));
    }
    const state = await expectAgreement(node, exporter);
    expect(state).toMatchObject({ bitcoin_chain_height: 0, bitcoin_header_height: 3, bitcoin_ibd: 1 });
  });

  test("with peers, inbound and outbound", async () => {
    await using first = await BitcoinNode.start([], { listens: true });
    await using node = await BitcoinNode.start([], { listens: true });
    await using last = await BitcoinNode.start();
    await using exporter = await ExporterProcess.start(node.socketPath);
    await node.cli("addnode", first.p2pAddress, "onetry");
    await last.cli("addnode", node.p2pAddress, "onetry");
    await exporter.waitFor("bitcoin_peers", 2);
    const [hash] = await mine(first);
    // The nodes relay the block.
    await eventually("the block arrives", async () => (await last.cli("getbestblockhash")) === hash);
    const state = await expectAgreement(node, exporter);
    expect(state).toMatchObject({ bitcoin_peers: 2, bitcoin_chain_height: 1 });
    expect(state["bitcoin_bytes_recv_total"]).toBeGreaterThan(500);
    expect(state["bitcoin_bytes_sent_total"]).toBeGreaterThan(500);

    await node.cli("disconnectnode", first.p2pAddress);
    await exporter.waitFor("bitcoin_peers", 1);
  });

  const noPromtool = lacking("promtool");
  test.skipIf(noPromtool !== "")(`and promtool finds nothing wrong with the page${noPromtool}`, async () => {
    await using node = await BitcoinNode.start();
    await using exporter = await ExporterProcess.start(node.socketPath);
    await mine(node);
    await exporter.polled();
    const promtool = Bun.spawn(["promtool", "check", "metrics"], { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
    promtool.stdin.write(await exporter.payload());
    promtool.stdin.end();
    const [stdout, stderr] = await Promise.all([promtool.stdout.text(), promtool.stderr.text(), promtool.exited]);
    expect({ stdout, stderr, exitCode: promtool.exitCode }).toEqual({ stdout: "", stderr: "", exitCode: 0 });
  });
});

const PROGRESS = "bitcoin_verification_progress";
/** JSON-RPC prints 16 digits, the exporter as many as the double needs. */
const ROUNDING = 1e-12;

/** Compares at a moment when bitcoin-cli's answers are equal before and after the poll, and returns them. */
function expectAgreement(node: BitcoinNode, exporter: ExporterProcess): Promise<Record<string, number>> {
  return eventually("a quiet moment", async () => {
    const before = await ask(node);
    const metrics = await exporter.polled();
    const after = await ask(node);
    // The verification progress depends on the time and falls while no block arrives.
    const { [PROGRESS]: progressBefore, ...valuesBefore } = before;
    const { [PROGRESS]: progressAfter, ...valuesAfter } = after;
    if (!Bun.deepEquals(valuesBefore, valuesAfter)) return false;
    expect(pick(metrics, Object.keys(valuesBefore))).toEqual(valuesBefore);
    expect(metrics.get(PROGRESS)).toBeWithin(progressAfter! * (1 - ROUNDING), progressBefore! * (1 + ROUNDING));
    return before;
  });
}

/** The metrics by bitcoin-cli's answers. */
async function ask(node: BitcoinNode): Promise<Record<string, number>> {
  const [chain, mempool, net, peers] = await Promise.all([
    node.cli<BlockchainInfo>("getblockchaininfo"),
    node.cli<MempoolInfo>("getmempoolinfo"),
    node.cli<NetTotals>("getnettotals"),
    node.cli<readonly unknown[]>("getpeerinfo"),
  ]);
  expect(await node.cli<number>("getconnectioncount")).toBe(peers.length);
  return {
    bitcoin_chain_height: chain.blocks,
    bitcoin_header_height: chain.headers,
    bitcoin_ibd: Number(chain.initialblockdownload),
    [PROGRESS]: chain.verificationprogress,
    bitcoin_mempool_size: mempool.size,
    bitcoin_mempool_bytes: mempool.usage,
    bitcoin_mempool_max_bytes: mempool.maxmempool,
    bitcoin_peers: peers.length,
    bitcoin_bytes_recv_total: net.totalbytesrecv,
    bitcoin_bytes_sent_total: net.totalbytessent,
  };
}

function pick(metrics: Metrics, names: readonly string[]): Record<string, number | undefined> {
  return Object.fromEntries(names.map((name) => [name, metrics.get(name)]));
}
