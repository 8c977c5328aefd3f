// Every family of METRICS.md that a node reports is compared with bitcoin-cli: here those that have a value at any time, on nodes
// that together give each of them one. Families that count events have files of their own.

import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { eventually } from "../eventually.ts";
import { ExporterProcess, type Samples } from "../exporter-process.ts";
import { ACCEPTED, NO_PROMTOOL, promtoolCheck } from "../promtool.ts";
import { BitcoinNode } from "./bitcoin-node.ts";
import { describeEachBuild, type NodeBuild, PR_TRACE, V32, WITH_JSON_RPC, WITH_RPC_URL } from "./executables.ts";
import {
  ask,
  COINS,
  type DocumentedFamily,
  DRIFTING,
  documentedFamilies,
  type FamilySamples,
  IS_TRACED,
  NEVER,
  NEWER,
  NOTIFICATIONS,
  POLLED,
  SINCE_CONNECT,
  SNAPSHOT,
  samplesOf,
  shiftPoint,
  TIP_EVENTS,
} from "./families.ts";
import {
  BRANCH_DESCRIPTOR,
  type Coin,
  fund,
  headerOf,
  mine,
  mineExactly,
  OTHER_BRANCH_DESCRIPTOR,
  SNAPSHOT_HEIGHT,
  send,
  snapshotChain,
  spend,
  split,
} from "./transactions.ts";

setDefaultTimeout(60_000);

const METRICS_PAGE = join(import.meta.dirname, "../../METRICS.md");
const FEE_TARGETS = [1, 2, 6, 25, 1008];
const PRUNE_HEIGHT = "bitcoin_prune_height";

const always = (build: NodeBuild, hasRpcUrl = false) => {
  test("each family of METRICS.md that the node reports is compared with bitcoin-cli", async () => {
    const reported = (await documented(build, hasRpcUrl)).filter(({ isGiven }) => isGiven).map(({ name }) => name);
    const { connected, disconnected, ...tips } = TIP_EVENTS;
    const events = {
      ...tips,
      ...(WITH_JSON_RPC.includes(build) || hasRpcUrl ? { connected, disconnected, ...SINCE_CONNECT } : {}),
      ...(build === PR_TRACE ? { ...NOTIFICATIONS, ...COINS, IS_TRACED } : {}),
    };
    expect([...(await polledFamilies(build, hasRpcUrl)), ...Object.values(events)].sort()).toEqual(reported.sort());
  });

  test("of a node that has only its first block", async () => {
    await using node = await BitcoinNode.start([], { build });
    const compared = await expectAgreement(node, build, hasRpcUrl);
    expect(compared).toMatchObject({ bitcoin_chain_height: { "": "0" }, bitcoin_ibd: { "": "1" } });
    expect(compared["bitcoin_last_block_height"] ?? {}).toEqual({});
  });

  test("of a node with a few blocks", async () => {
    await using node = await BitcoinNode.start([], { build });
    await mine(node, 3);
    const compared = await expectAgreement(node, build, hasRpcUrl);
    expect(compared).toMatchObject({ bitcoin_chain_height: { "": "3" }, bitcoin_ibd: { "": "0" } });
  });

  test.skipIf(NO_PROMTOOL !== "")(`promtool reports nothing about the page${NO_PROMTOOL}`, async () => {
    await using node = await BitcoinNode.start([], { build });
    await mine(node);
    await using exporter = await ExporterProcess.start(node.socketPath, { args: rpcUrl(node, hasRpcUrl) });
    await exporter.polled();
    expect(promtoolCheck(await exporter.payload())).toEqual(ACCEPTED);
  });
};
describeEachBuild("every family equals bitcoin-cli", (build) => always(build));

const withJsonRpc = (build: NodeBuild, hasRpcUrl = false) => {
  test("of a node with a long history", async () => {
    await using miner = await BitcoinNode.start([], { build });
    await using node = await BitcoinNode.start(
      [
        "-txindex=1",
        "-blockfilterindex=1",
        "-coinstatsindex=1",
        "-minrelaytxfee=0.00001234",
        "-maxmempool=50",
        "-maxuploadtarget=1000",
      ],
      { build, listens: true },
    );
    const coins = await fund(node, 4);
    await makeFeeHistory(node, coins[0]!);
    await makeBranches(node, miner);
    await makeBlockOfThree(node, coins[1]!);
    // Before there are peers, so that no peer requests them.
    await fillMempool(node, coins.slice(2));
    await node.cli("setban", "192.0.2.0/24", "add");
    await node.cli("setban", "198.51.100.7", "add");
    await using first = await BitcoinNode.start([], { build, listens: true });
    await using second = await BitcoinNode.start([], { build, listens: true });
    await connectPeers(node, first, second);

    const compared = await expectAgreement(node, build, hasRpcUrl);
    // A node that keeps all its blocks has no prune height.
    const missing = [PRUNE_HEIGHT, ...SNAPSHOT, ...NEVER, ...(build === V32 ? [] : NEWER)];
    const expected = Object.keys(POLLED).filter((name) => !missing.includes(name));
    expect(namesOf(compared)).toEqual(expect.arrayContaining(expected));
    expect(compared).toMatchObject({
      bitcoin_chain_tips: {
        '{status="active"}': "1",
        '{status="valid-fork"}': "1",
        '{status="valid-headers"}': "1",
        '{status="headers-only"}': "1",
        '{status="invalid"}': "1",
      },
      bitcoin_mempool_size: { "": "4" },
      bitcoin_mempool_total_fee_satoshis: { "": "34567" },
      bitcoin_mempool_min_fee_rate_satoshis_per_vbyte: { "": "1.234" },
      bitcoin_mempool_unbroadcast_transactions: { "": "4" },
      bitcoin_last_block_transactions: { "": "4" },
      bitcoin_last_block_total_fee_satoshis: { "": "12345" },
      bitcoin_last_block_interval_seconds: { "": "77" },
      bitcoin_banned_subnets: { "": "2" },
      bitcoin_peers: { "": "3" },
    });
    expect(Object.keys(compared["bitcoin_index_height"]!)).toHaveLength(3);
    expect(Object.keys(compared["bitcoin_fee_estimate_satoshis_per_vbyte"]!)).toHaveLength(FEE_TARGETS.length);
  });

  test("of a node that has headers of blocks that it does not have", async () => {
    await using miner = await BitcoinNode.start([], { build });
    await using node = await BitcoinNode.start([], { build });
    for (const hash of await mine(miner, 3)) {
      await node.cli("submitheader", await miner.cli<string>("getblockheader", hash, false));
    }
    const compared = await expectAgreement(node, build, hasRpcUrl);
    expect(compared).toMatchObject({ bitcoin_chain_height: { "": "0" }, bitcoin_header_height: { "": "3" } });
  });

  test("of each new block", async () => {
    await using node = await BitcoinNode.start([], { build });
    const [coin] = await fund(node, 1);
    // No value comes from a poll.
    await using exporter = await ExporterProcess.start(node.socketPath, {
      args: ["--poll-interval", "3600", ...rpcUrl(node, hasRpcUrl)],
    });
    await exporter.waitUntil("the first block", (page) => page.has(LAST_BLOCK));
    const { time } = await node.cli<{ time: number }>("getblockheader", await node.cli<string>("getbestblockhash"));
    const families = Object.keys(POLLED).filter((name) => name.startsWith("bitcoin_last_block_"));
    expect(families).toHaveLength(15);
    const many = split(coin!, 30, 23_456);
    const one = spend(many.coins.slice(0, 10), [many.coins[0]!.value], 200);
    const two = spend(many.coins.slice(10, 12), [many.coins[10]!.value, 1_000_003]);
    // The second block comes before the first, by their times.
    for (const [transactions, seconds] of [
      [[many], 900],
      [[one, two], -60],
      [[], 61],
    ] as const) {
      await node.cli("setmocktime", time + seconds);
      await mineExactly(node, transactions);
      const wanted = pick(await expected(node), families);
      expect(wanted["bitcoin_last_block_transactions"]).toEqual({ "": String(1 + transactions.length) });
      const page = await eventually("the block", async () => {
        const page = await exporter.samples();
        return samplesOf(page, LAST_BLOCK)[""] === wanted[LAST_BLOCK]![""] && page;
      });
      expect(samplesOfAll(page, families)).toEqual(wanted);
    }
    expect((await exporter.metrics()).get(`${SINCE_CONNECT.arrival}_count`)).toBe(3);
  });

  test("of the traffic with a peer that connects, and of the peers when it disconnects", async () => {
    await using node = await BitcoinNode.start([], { build, listens: true });
    await mine(node);
    await using exporter = await ExporterProcess.start(node.socketPath, { args: rpcUrl(node, hasRpcUrl) });
    await exporter.polled();
    await using peer = await BitcoinNode.start([], { build });
    await peer.cli("addnode", node.p2pAddress, "onetry");
    await eventually("all bytes are counted", async () => {
      const before = await messageBytes(node);
      await exporter.polled();
      const counted = samplesOf(await exporter.samples(), SINCE_CONNECT.traffic);
      const after = await messageBytes(node);
      if (Object.keys(before).length === 0 || !Bun.deepEquals(before, after)) return false;
      const present = Object.fromEntries(Object.entries(counted).filter(([, bytes]) => bytes !== "0"));
      expect(present).toEqual(before);
      return true;
    });
    await exporter.waitFor("bitcoin_peers", 1);
    await peer.cli("disconnectnode", node.p2pAddress);
    await exporter.waitFor("bitcoin_peers", 0);
  });

  test("of the exporter's own calls, by the node's log", async () => {
    await using node = await BitcoinNode.start(["-debug=rpc", "-debug=ipc"], { build });
    await mine(node, 2);
    const before = await loggedCalls(node);
    const args = ["--poll-interval", "1", ...rpcUrl(node, hasRpcUrl)];
    await using exporter = await ExporterProcess.start(node.socketPath, { args });
    await exporter.polled();
    await exporter.polled();
    await eventually("all calls are counted", async () => {
      const counted = countedCalls(await exporter.samples());
      const logged = await loggedCalls(node);
      for (const [method, calls] of Object.entries(before)) logged[method]! -= calls;
      const expected = Object.entries(logged).filter(([, calls]) => calls > 0);
      return Bun.deepEquals(counted, Object.fromEntries(expected));
    });
    const page = await exporter.metrics();
    const hasBatches = build !== PR_TRACE;
    expect(page.has(`bitcoin_ipc_calls_total{method="batch"}`)).toBe(hasBatches);
    expect(page.get(`bitcoin_ipc_calls_total{method="getpeerinfo"}`)).toBeGreaterThanOrEqual(2);
    const timed = hasBatches ? "batch" : "getpeerinfo";
    expect(page.get(`bitcoin_ipc_call_seconds_total{method="${timed}"}`)).toBeWithin(0, 60);
    expect(page.get("bitcoin_ipc_polls_missed_total")).toBe(0);

    /** By method, those of JSON-RPC, Node and Chain. The log of pr/trace shows the first as calls of executeRpc. */
    function countedCalls(page: Samples): Record<string, number> {
      const counts: Record<string, number> = {};
      for (const [labels, calls] of Object.entries(samplesOf(page, "bitcoin_ipc_calls_total"))) {
        const method = /"(.*)"/.exec(labels)![1]!;
        const isJsonRpc = !method.includes(".") && method !== "batch";
        const name = isJsonRpc && build === PR_TRACE ? "Node.executeRpc" : method;
        // Others have no Chain: what asks for it while connecting is not logged.
        const isLogged = isJsonRpc || (build === PR_TRACE && /^(Node|Chain)\./.test(method));
        if (isLogged) counts[name] = (counts[name] ?? 0) + Number(calls);
      }
      return counts;
    }
  });

  test("of a pruned node that is cut off", async () => {
    await using node = await BitcoinNode.start(["-prune=1", "-fastprune"], { build });
    await mine(node, 700);
    await node.cli("pruneblockchain", 400);
    await node.cli("setnetworkactive", false);
    const compared = await expectAgreement(node, build, hasRpcUrl);
    expect(Number(compared[PRUNE_HEIGHT]![""])).toBeGreaterThan(1);
    expect(compared).toMatchObject({ bitcoin_pruned: { "": "1" }, bitcoin_network_active: { "": "0" } });
    // The node has no history to estimate from.
    expect(compared["bitcoin_fee_estimate_satoshis_per_vbyte"]).toEqual({});
  });

  test("of a node that loaded a snapshot, which connects no block, until the blocks below it are validated", async () => {
    await using miner = await BitcoinNode.start([], { build });
    await using node = await BitcoinNode.start([], { build });
    const chain = snapshotChain(SNAPSHOT_HEIGHT + 1);
    const blocks = chain.slice(0, SNAPSHOT_HEIGHT);
    await submit(miner, blocks);
    for (const block of blocks) await node.rpc("submitheader", headerOf(block));
    const { path } = await miner.cli<{ path: string }>("dumptxoutset", "utxo.dat", "latest");
    await using exporter = await ExporterProcess.start(node.socketPath, { args: rpcUrl(node, hasRpcUrl) });
    // The exporter reads the tip before its second poll.
    for (let poll = 1; poll <= 2; poll++) await exporter.polled();
    const expectPage = async (connected: number, samples: Record<string, FamilySamples>) => {
      await exporter.polled();
      const page = await exporter.samples();
      expect(samplesOf(page, TIP_EVENTS.connected)).toEqual({ "": String(connected) });
      expect(samplesOfAll(page, SNAPSHOT)).toEqual(samples);
    };
    const none = Object.fromEntries(SNAPSHOT.map((name) => [name, {}]));
    /** With so many blocks validated; the progress includes block 0. */
    const validated = (count: number) => {
      if (build !== V32) return none;
      const values = [count, SNAPSHOT_HEIGHT, (count + 1) / (SNAPSHOT_HEIGHT + 1)];
      return Object.fromEntries(SNAPSHOT.map((name, index) => [name, { "": String(values[index]) }]));
    };

    await expectPage(0, none);
    await node.cli("loadtxoutset", path);
    await expectPage(0, validated(0));
    await submit(node, chain.slice(SNAPSHOT_HEIGHT));
    await exporter.waitFor(TIP_EVENTS.height, SNAPSHOT_HEIGHT + 1);
    await expectPage(1, validated(0));
    await submit(node, blocks.slice(0, 120));
    expect(pick(await expectAgreement(node, build, hasRpcUrl), SNAPSHOT)).toEqual(validated(120));
    await expectPage(1, validated(120));
    await submit(node, blocks.slice(120));
    expect(pick(await expectAgreement(node, build, hasRpcUrl), SNAPSHOT)).toEqual(none);
    await expectPage(1, none);
  });
};
describeEachBuild("every family of JSON-RPC equals bitcoin-cli", (build) => withJsonRpc(build), WITH_JSON_RPC);

describeEachBuild(
  "every family equals bitcoin-cli, with --rpc-url",
  (build) => {
    always(build, true);
    withJsonRpc(build, true);
  },
  WITH_RPC_URL,
);

function rpcUrl(node: BitcoinNode, isWanted: boolean): string[] {
  return isWanted ? ["--rpc-url", node.rpcUrl] : [];
}

/** JSON-RPC prints 16 digits, the exporter as many as the double needs. */
const ROUNDING = 1e-12;

/**
 * Compares a page with bitcoin-cli's answers, equal before and after its poll, and returns them by family. The exporter is a
 * new one: its first poll makes every call.
 */
async function expectAgreement(
  node: BitcoinNode,
  build: NodeBuild,
  hasRpcUrl: boolean,
): Promise<Record<string, FamilySamples>> {
  const collectors = "default,feerates,utxoset";
  const options = ["--fee-targets", FEE_TARGETS.join(), "--poll-interval", "0.5", "--collectors", collectors];
  const args = [...options, ...rpcUrl(node, hasRpcUrl)];
  await using exporter = await ExporterProcess.start(node.socketPath, { args });
  const families = await polledFamilies(build, hasRpcUrl);
  const others = (await documented(build, hasRpcUrl)).filter(({ isGiven }) => !isGiven);
  let moving: string[] = [];
  const ask = async () => {
    const before = pick(await expected(node), families);
    await exporter.polled();
    const hasLastBlock = families.includes(LAST_BLOCK) && before["bitcoin_ibd"]![""] === "0";
    if (hasLastBlock) await exporter.waitUntil("the last block", (page) => page.has(LAST_BLOCK));
    const estimates = Object.keys(before[ESTIMATORS] ?? {}).map((labels) => ESTIMATORS + labels);
    await exporter.waitUntil("all estimators", (page) => estimates.every((series) => page.has(series)));
    const page = await exporter.samples();
    const after = pick(await expected(node), families);
    const still = families.filter((name) => !DRIFTING.includes(name));
    moving = still.filter((name) => !Bun.deepEquals(before[name], after[name]));
    if (moving.length > 0) return false;
    expect(samplesOfAll(page, still)).toEqual(pick(after, still));
    for (const name of families.filter((name) => DRIFTING.includes(name))) {
      const shown = samplesOf(page, name);
      expect(Object.keys(shown), name).toEqual(Object.keys(before[name]!));
      for (const [labels, value] of Object.entries(shown)) {
        const bounds = [before, after].map((samples) => Number(samples[name]![labels])).sort((a, b) => a - b);
        expect(Number(value), name).toBeGreaterThanOrEqual(bounds[0]! * (1 - ROUNDING));
        expect(Number(value), name).toBeLessThanOrEqual(bounds[1]! * (1 + ROUNDING));
      }
    }
    // A family that the node does not report has no sample, not even 0 where it is a counter.
    for (const { name } of others) expect({ [name]: samplesOf(page, name) }).toEqual({ [name]: {} });
    expect(samplesOf(page, "bitcoin_ipc_layout_info")).toEqual({ [`{layout="${build.layout}"}`]: "1" });
    expect(samplesOf(page, "bitcoin_ipc_call_errors_total")).toEqual({});
    return after;
  };
  return await eventually("a quiet moment", ask, { describe: () => `moving: ${moving.join(", ")}` });
}

/** Called once the first poll has shown that the node has several. */
const ESTIMATORS = "bitcoin_fee_estimate_by_estimator_satoshis_per_vbyte";
const LAST_BLOCK = "bitcoin_last_block_interval_seconds";

/** Calls of all clients by method, in the log of a node with -debug=rpc and -debug=ipc: those of JSON-RPC, Node and Chain. */
async function loggedCalls(node: BitcoinNode): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const calls = /ThreadRPCServer method=(\w+) user=|server recv request +#\d+ ((?:Node|Chain)\.\w+)\$Params/g;
  for (const [, rpcMethod, method = rpcMethod!] of (await node.debugLog()).matchAll(calls)) {
    counts[method] = (counts[method] ?? 0) + 1;
  }
  return counts;
}

/** What bitcoin-cli counts by direction and message type, of the peers that are connected. */
async function messageBytes(node: BitcoinNode): Promise<FamilySamples> {
  const peers = await node.cli<readonly Record<string, Record<string, number>>[]>("getpeerinfo");
  const samples: Record<string, string> = {};
  for (const peer of peers) {
    for (const direction of ["received", "sent"]) {
      const counts = peer[direction === "sent" ? "bytessent_per_msg" : "bytesrecv_per_msg"]!;
      for (const [message, bytes] of Object.entries(counts)) {
        samples[`{direction="${direction}",message="${message}"}`] = String(bytes);
      }
    }
  }
  return samples;
}

async function documented(build: NodeBuild, hasRpcUrl: boolean): Promise<DocumentedFamily[]> {
  return documentedFamilies(await Bun.file(METRICS_PAGE).text(), build, hasRpcUrl);
}

/** The families of `POLLED` that the node reports, by METRICS.md. */
async function polledFamilies(build: NodeBuild, hasRpcUrl: boolean): Promise<string[]> {
  const reported = (await documented(build, hasRpcUrl)).filter(({ isGiven }) => isGiven).map(({ name }) => name);
  return Object.keys(POLLED).filter((name) => reported.includes(name));
}

async function expected(node: BitcoinNode): Promise<Record<string, FamilySamples>> {
  const answers = await ask(node, FEE_TARGETS);
  return Object.fromEntries(Object.entries(POLLED).map(([name, read]) => [name, read(answers)]));
}

function samplesOfAll(page: Samples, families: readonly string[]): Record<string, FamilySamples> {
  return Object.fromEntries(families.map((name) => [name, samplesOf(page, name)]));
}

function pick<T>(record: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T> {
  return Object.fromEntries(names.map((name) => [name, record[name]!]));
}

/** The families that have a sample. */
function namesOf(samples: Readonly<Record<string, FamilySamples>>): string[] {
  return Object.keys(samples).filter((name) => Object.keys(samples[name]!).length > 0);
}

/** Enough transactions confirmed after one or two blocks for the node to estimate. */
async function makeFeeHistory(node: BitcoinNode, coin: Coin): Promise<void> {
  const outputs = split(coin, 120, 100_000);
  await mineExactly(node, [outputs]);
  // Fee rates that need all three decimals.
  for (const [index, output] of outputs.coins.entries()) {
    await send(node, spend([output], [output.value - 1_337 - 7 * index]));
    if (index % 4 === 3) await mine(node);
  }
}

/** A branch of each status: formerly active, invalid, too short, and without its blocks. */
async function makeBranches(node: BitcoinNode, miner: BitcoinNode): Promise<void> {
  const [left] = await mine(node, 2);
  await node.cli("invalidateblock", left!);
  await mine(node, 3, BRANCH_DESCRIPTOR);
  await node.cli("reconsiderblock", left!);
  const [refused] = await mine(node, 1, BRANCH_DESCRIPTOR);
  await node.cli("invalidateblock", refused!);
  const [short] = await mine(miner, 1, OTHER_BRANCH_DESCRIPTOR);
  expect(await node.cli<string>("submitblock", await miner.cli<string>("getblock", short!, 0))).toBe("inconclusive");
  await miner.cli("invalidateblock", short!);
  const [header] = await mine(miner, 1, BRANCH_DESCRIPTOR);
  await node.cli("submitheader", await miner.cli<string>("getblockheader", header!, false));
}

/** A last block of three transactions besides the coinbase, 77 seconds after the one before. */
async function makeBlockOfThree(node: BitcoinNode, coin: Coin): Promise<void> {
  const parent = split(coin, 2, 12_000);
  const children = parent.coins.map((output, index) => spend([output], [output.value - (index === 0 ? 300 : 45)]));
  await mine(node);
  const [hash] = await mine(node);
  const { time } = await node.cli<{ time: number }>("getblockheader", hash!);
  await node.cli("setmocktime", time + 77);
  await mineExactly(node, [parent, ...children]);
  await node.cli("setmocktime", 0);
}

/** Sends blocks that the node has to accept as valid. */
async function submit(node: BitcoinNode, blocks: readonly string[]): Promise<void> {
  for (const block of blocks) expect(await node.rpc("submitblock", block)).toBeNull();
}

/** Four transactions that pay 34,567 satoshis. */
async function fillMempool(node: BitcoinNode, coins: readonly Coin[]): Promise<void> {
  const parent = spend([coins[0]!], [1_000_000, coins[0]!.value - 1_000_000 - 30_001]);
  const pair = parent.coins.map((output) => spend([output], [output.value - 1_500]));
  const other = spend([coins[1]!], [coins[1]!.value - 1_566]);
  for (const transaction of [parent, ...pair, other]) await send(node, transaction);
}

/** One inbound and two outbound peers, over both transports. */
async function connectPeers(node: BitcoinNode, first: BitcoinNode, second: BitcoinNode): Promise<void> {
  await first.cli("addnode", node.p2pAddress, "onetry");
  await node.cli("addnode", first.p2pAddress, "onetry", false);
  await node.cli("addconnection", second.p2pAddress, "block-relay-only", true);
  await eventually("all peers were pinged", async () => {
    const peers = await node.cli<readonly { pingtime?: number }[]>("getpeerinfo");
    return peers.length === 3 && peers.every(({ pingtime }) => pingtime !== undefined);
  });
}

test("a decimal's point is shifted without a double", () => {
  expect(["0.00000100", "21000000.00000001", "0.00000000", "1"].map((text) => shiftPoint(text, 8))).toEqual([
    "100",
    "2100000000000001",
    "0",
    "100000000",
  ]);
  expect(["0.00001234", "0.00001000", "1.5"].map((text) => shiftPoint(text, 5))).toEqual(["1.234", "1", "150000"]);
});
