// The lines of --debug about each event equal bitcoin-cli's answers for the same transaction, block or coin.

import { expect, setDefaultTimeout, test } from "bun:test";
import { ExporterProcess } from "../exporter-process.ts";
import { BitcoinNode, type Block } from "./bitcoin-node.ts";
import { describeLive } from "./executables.ts";
import { BRANCH_DESCRIPTOR, coinbaseOf, fund, mine, mineExactly, send, spend, split } from "./transactions.ts";

setDefaultTimeout(60_000);

describeLive("the debug log", () => {
  test("transactions: ids, sizes and reasons", async () => {
    await using node = await BitcoinNode.start();
    const [first, second] = await fund(node, 2);
    await using exporter = await debugging(node);
    const sent = [
      split(first!, 30, 10_000),
      spend([second!], [second!.value - 1_000], 300),
      spend([second!], [second!.value - 10_000]),
    ];
    for (const transaction of sent) await send(node, transaction);
    const conflicting = spend([first!], [first!.value - 500]);
    await mineExactly(node, [conflicting]);

    const added = await exporter.logs(/^transaction added to mempool: /, 3);
    expect(added).toEqual(sent.map(({ txid, size }) => `transaction added to mempool: txid=${txid} size=${size}`));
    expect(await node.cli<string[]>("getrawmempool")).toEqual([sent[2]!.txid]);
    const removed = await exporter.logs(/^transaction removed from mempool: /, 2);
    const line = ({ txid, size }: { txid: string; size: number }, reason: string) =>
      `transaction removed from mempool: txid=${txid} size=${size} reason=${reason}`;
    expect(removed).toEqual([line(sent[1]!, "replaced"), line(sent[0]!, "conflict")]);
  });

  test("blocks: heights, hashes and sizes, connected and disconnected", async () => {
    await using node = await BitcoinNode.start();
    const [coin] = await fund(node, 1);
    await using exporter = await debugging(node);
    // A block of more than a frame's first segment.
    await send(node, split(coin!, 1_500, 100_000));
    const hashes = await mine(node, 3);
    const blocks = await Promise.all(hashes.map((hash) => node.cli<Block>("getblock", hash)));
    const describe = ({ height, hash, size }: Block) => `height=${height} hash=${hash} size=${size}`;
    const connectedLine = (block: Block) => `block connected: ${describe(block)} validated=true historical=false`;
    expect(await exporter.logs(/^block connected: /, 3)).toEqual(blocks.map(connectedLine));
    expect(blocks[0]!.size).toBeGreaterThan(60_000);
    for (const { height, hash } of blocks) expect(await node.cli<string>("getblockhash", height)).toBe(hash);

    await node.cli("invalidateblock", hashes[1]!);
    const disconnected = await exporter.logs(/^block disconnected: /, 2);
    expect(disconnected).toEqual([blocks[2]!, blocks[1]!].map((block) => `block disconnected: ${describe(block)}`));
    const [other] = await mine(node, 1, BRANCH_DESCRIPTOR);
    const lines = await exporter.logs(/^block connected: /, 4);
    expect(lines[3]).toBe(connectedLine(await node.cli<Block>("getblock", other!)));
    expect(await exporter.logs(/^block tip updated$/, 4)).toHaveLength(4);
  });

  test("flushes and polls", async () => {
    await using node = await BitcoinNode.start();
    await mine(node, 4);
    await using exporter = await debugging(node);
    await node.cli("gettxoutsetinfo");
    const flushes = await exporter.logs(/^chain state flushed/);
    expect(flushes).toEqual(["chain state flushed: validated=true historical=false"]);
    for (const poll of ["Chain.getHeight = 4", "Chain.isInitialBlockDownload = false", "Node.getNodeCount = 0"]) {
      expect(exporter.log).toContain(`poll: ${poll}`);
    }
  });

  test("coins: outpoints, values, heights", async () => {
    await using node = await BitcoinNode.start(["-checkmempool=0"]);
    const [coin] = await fund(node, 1);
    await using exporter = await debugging(node);
    await exporter.logs(/^tracing the UTXO cache$/);
    const transaction = spend([coin!], [coin!.value - 1_000]);
    const hash = await mineExactly(node, [transaction]);
    const { height } = await node.cli<Block>("getblock", hash);
    const coinbase = await coinbaseOf(node, hash);
    const outpoint = ({ txid, vout, value }: typeof coinbase) => `outpoint=${txid}:${vout} value=${value}`;
    const block = [
      `utxo cache add: ${outpoint(coinbase)} height=${height} coinbase=true`,
      `utxo cache spend: ${outpoint(coin!)} height=1 coinbase=true`,
      `utxo cache add: ${outpoint(transaction.coins[0]!)} height=${height} coinbase=false`,
    ];
    // This node mined the block itself, so it validated it before.
    const lines = await exporter.logs(/^utxo cache /, 2 * block.length);
    expect(lines.slice(-block.length)).toEqual(block);
  });
});

async function debugging(node: BitcoinNode): Promise<ExporterProcess> {
  const exporter = await ExporterProcess.start(node.socketPath, { args: ["--debug"] });
  await exporter.connected();
  await exporter.polled();
  return exporter;
}
