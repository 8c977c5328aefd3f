// Ours and the original exporter on one busy node: `bun run parity` finds no mismatch.

import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { isMismatch } from "../../scripts/parity/agreement.ts";
import type { Row } from "../../scripts/parity/compare.ts";
import { MAPS } from "../../scripts/parity/maps.ts";
import { eventually } from "../eventually.ts";
import { ExporterProcess } from "../exporter-process.ts";
import { BitcoinNode } from "./bitcoin-node.ts";
import { describeLive, ORIGINAL_EXPORTER, PR_TRACE } from "./executables.ts";
import { OriginalExporter } from "./original-exporter.ts";
import { type Coin, fund, mine, mineExactly, send, spend, split } from "./transactions.ts";

const PARITY = join(import.meta.dirname, "..", "..", "scripts", "parity.ts");

/** The original polls once a minute, which cannot be changed: the scrapes span one of its polls. */
const SAMPLES = 15;
const INTERVAL_S = 5;
/**
 * The node is idle during the first and the last scrape, and at the original's poll, a minute after its start. Then both
 * exporters show the same values, to the last digit.
 */
const REST_MS = 3_000;
const BUSY_MS = 45_000;
const COINS = 60;

setDefaultTimeout(180_000);

/** Values that change on an idle node. */
const DRIFTING = ["bitcoin_verification_progress", "bitcoin_bytes_recv_total", "bitcoin_bytes_sent_total"];
/** Not in this version of it. */
const GONE = ["bitcoin_chain_height"];

describeLive(
  "parity",
  () => {
    test("with the original: blocks, reorganizations, a mempool, flushes and coins", async () => {
      // The original is slow, and regtest's checks of the mempool report many coins.
      await using peer = await BitcoinNode.start(["-checkmempool=0"], { listens: true });
      await using node = await BitcoinNode.start(["-checkmempool=0"]);
      const coins = await fund(node, COINS);
      // From now on, the coins are on the disk only.
      await node.restart();
      await connect(node, peer);
      await using ours = await ExporterProcess.start(node.socketPath, { args: ["--poll-interval", "1"] });
      await ours.connected();
      await using theirs = await OriginalExporter.start(node.socketPath);

      const comparison = parity(ours, theirs);
      await Bun.sleep(REST_MS);
      await keepBusy(node, coins);
      const { exitCode, stderr, rows } = await comparison;
      const mismatches = rows.filter(isMismatch);
      expect({ exitCode, stderr, mismatches }).toEqual({ exitCode: 0, stderr: "", mismatches: [] });

      const families = MAPS["original"]!.entries.map(({ theirs }) => theirs).filter((name) => !GONE.includes(name));
      const compared = rows.filter(({ outcome }) => outcome === "equal" || outcome === "within");
      expect(compared.map((row) => row.theirs).sort()).toEqual(families.sort());
      const last = compared.filter((row) => !DRIFTING.includes(row.theirs!)).flatMap(({ series }) => series);
      expect(last.map((one) => one.theirs)).toEqual(last.map((one) => one.ours));
      // And values were not 0.
      const still = compared.filter(({ series }) => series.every((one) => Number(one.theirs) === 0));
      expect(still.map((row) => row.theirs)).toEqual(["bitcoin_ibd"]);
      await node.expectAlive();
    });
  },
  PR_TRACE,
  [ORIGINAL_EXPORTER],
);

/** Runs `bun run parity`; no rows when it could not compare. */
async function parity(ours: ExporterProcess, theirs: OriginalExporter) {
  const options = ["--samples", String(SAMPLES), "--interval", String(INTERVAL_S), "--json"];
  const command = [process.execPath, PARITY, "--ours", ours.url, "--theirs", theirs.url, ...options];
  const run = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, exitCode] = await Promise.all([run.stdout.text(), run.stderr.text(), run.exited]);
  const rows: readonly Row[] = stdout === "" ? [] : JSON.parse(stdout).rows;
  return { exitCode, stderr, rows };
}

async function connect(node: BitcoinNode, peer: BitcoinNode): Promise<void> {
  await node.cli("addnode", peer.p2pAddress, "onetry");
  const height = await node.cli<number>("getblockcount");
  await eventually("the peer has all blocks", async () => (await peer.cli<number>("getblockcount")) === height);
}

/** Bout after bout, each with a coin that was not touched before. Leaves some transactions in the mempool. */
async function keepBusy(node: BitcoinNode, coins: readonly Coin[]): Promise<void> {
  const end = performance.now() + BUSY_MS;
  for (const coin of coins) {
    if (performance.now() > end) return;
    await bout(node, coin);
    await Bun.sleep(BUSY_MS / coins.length);
  }
}

async function bout(node: BitcoinNode, coin: Coin): Promise<void> {
  // Without a fee it is refused, and the node removes its coin from the cache again.
  await expect(send(node, spend([coin], [coin.value]))).rejects.toThrow("min relay fee not met");
  const parent = split(coin, 20, 10_000);
  await send(node, parent);
  const [first, second, ...others] = parent.coins;
  await send(node, spend([first!], [first!.value - 1_000]));
  await send(node, spend([first!], [first!.value - 5_000]));
  await mine(node, 2);
  // One that the next block contains, one that conflicts with it, and some that stay.
  await send(node, spend([second!], [second!.value - 1_000]));
  for (const output of others) await send(node, spend([output], [output.value - 1_000]));
  await mineExactly(node, [spend([second!], [second!.value - 2_000])]);
  // Two empty blocks replace these two, whose transactions return to the mempool.
  const [fork] = await mine(node, 2);
  await node.cli("invalidateblock", fork!);
  await mineExactly(node, []);
  await mineExactly(node, []);
  await node.cli("gettxoutsetinfo");
}
