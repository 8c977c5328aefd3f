// The same node on each layout: the families that the layout supports have the same values.

import { describe, expect, test } from "bun:test";
import { readPage } from "../../src/metrics/text-format-reader.ts";
import type { LayoutName } from "../../src/node/layouts.ts";
import { raw } from "../builders/json.ts";
import { eventually } from "../eventually.ts";
import { compileFirst, leave } from "../executable/sessions.ts";
import { type ExporterProcess, failedCalls } from "../exporter-process.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import { BLOCK_INTERVAL_S, NodeChain } from "./node-chain.ts";
import { LAYOUT_NAMES, nodeUntil, SUPPORTED, session, shownLayouts, startExporter } from "./sessions.ts";

compileFirst();

/** The values that every node has here, whatever the source. */
const SEEDS = {
  bitcoin_chain_height: "7",
  bitcoin_header_height: "7",
  bitcoin_test_chain: "1",
  bitcoin_ibd: "0",
  bitcoin_verification_progress: "1",
  bitcoin_mempool_size: "51234",
  bitcoin_mempool_bytes: "123456789",
  bitcoin_mempool_max_bytes: "300000000",
  bitcoin_peers: "18",
  bitcoin_bytes_recv_total: "9007199254740993",
  bitcoin_bytes_sent_total: "9223372036854775807",
};

/** Those of them that Mining reports. */
const OF_MINING = ["bitcoin_chain_height", "bitcoin_ibd", "bitcoin_test_chain"] as const;

/** Some that only JSON-RPC reports. */
const OF_JSON_RPC = {
  bitcoin_uptime_seconds: "86400",
  bitcoin_mempool_total_fee_satoshis: "11928",
  bitcoin_mempool_vsize_bytes: "312",
  bitcoin_last_block_transactions: "1",
  bitcoin_last_block_interval_seconds: String(BLOCK_INTERVAL_S),
};

const PEER = {
  id: 0,
  mapped_as: 64496,
  servicesnames: ["NETWORK", "WITNESS"],
  subver: "/Satoshi:31.99.0/",
  version: 70017,
  relaytxes: true,
  addr_processed: 12,
  addr_rate_limited: 0,
  inv_to_send: 3,
  minfeefilter: raw("0.00000100"),
  bytessent_per_msg: { inv: 122 },
  bytesrecv_per_msg: { "*other*": 24 },
  network: "ipv4",
  inbound: true,
  connection_type: "inbound",
  transport_protocol_type: "v2",
  pingtime: 0.025,
  minping: 0.02,
};

const BLOCK_STATS = {
  avgfee: 0,
  feerate_percentiles: [0, 0, 0, 0, 0],
  height: 7,
  ins: 0,
  medianfee: 0,
  outs: 1,
  subsidy: 5_000_000_000,
  swtxs: 0,
  total_out: 0,
  total_size: 0,
  total_weight: 0,
  totalfee: 0,
  txs: 1,
  utxo_increase_actual: 1,
};

describe.each(LAYOUT_NAMES)("a node of layout %s", (layout) => {
  const supported = SUPPORTED[layout];

  test("has samples of the families that it reports, and of no others", async () => {
    await using node = await start(layout);
    await using exporter = await session(node);
    await settled(exporter, layout);

    const samples = await exporter.samples();
    const expected = supported.jsonRpc === undefined ? pick(SEEDS, OF_MINING) : { ...SEEDS, ...OF_JSON_RPC };
    expect(Object.fromEntries(Object.keys(expected).map((name) => [name, samples.get(name)]))).toEqual(expected);

    const { sampled, empty } = families(await exporter.payload(), layout);
    if (supported.jsonRpc === undefined) expect(sampled).toEqual([...OF_MINING, "bitcoin_tip_updates_total"]);
    else expect(empty).toEqual([]);
  });

  test("has its layout in the metrics and in one line of the log", async () => {
    await using node = await start(layout);
    await using exporter = await session(node);
    const metrics = await exporter.metrics();
    expect(shownLayouts(metrics)).toEqual([layout]);
    const all = {
      notifications: supported.notifications,
      "utxo trace": supported.utxoTrace,
      "chain and node": supported.chainAndNode,
      "json-rpc": supported.jsonRpc !== undefined,
      mining: true,
    };
    const list = (wanted: boolean) => Object.entries(all).flatMap(([name, has]) => (has === wanted ? [name] : []));
    const not = list(false).length === 0 ? "" : `; not ${list(false).join(", ")}`;
    const remedy = supported.jsonRpc === undefined ? "; --rpc-url adds json-rpc" : "";
    expect(exporter.log.slice(1)).toEqual([
      `connected to the node at ${node.socketPath}: layout ${layout}, supports ${list(true).join(", ")}${not}${remedy}`,
    ]);
  });

  test("receives no call that fails, and runs on", async () => {
    await using node = await start(layout);
    await using exporter = await startExporter(node);
    await settled(exporter, layout);
    const stats = await nodeUntil("three polls", node, ({ calls, rpcCalls }) => {
      const polls =
        supported.jsonRpc === undefined ? calls["Mining.isInitialBlockDownload"] : rpcCalls["getnetworkinfo"];
      return (polls ?? 0) >= 3;
    });
    expect(stats).toMatchObject({ connections: 1, walletLoaderCalls: 0, threadViolations: 0 });
    expect(failedCalls(await exporter.metrics())).toEqual({});
    await leave(node, exporter);
  });
});

test("JSON-RPC uses batches where the node accepts them", async () => {
  for (const layout of LAYOUT_NAMES) {
    const { jsonRpc } = SUPPORTED[layout];
    if (jsonRpc === undefined) continue;
    await using node = await start(layout);
    // One poll only. The calls for the tip are separate.
    await using exporter = await startExporter(node, {
      args: ["--poll-interval", "3600", "--no-collector", "blockstats"],
    });
    await settled(exporter, layout);
    const { calls, rpcCalls } = await node.stats();
    const requests = Object.values(rpcCalls).reduce((sum, count) => sum + count, 0);
    expect(requests).toBeGreaterThan(15);
    // One call detects the layout. A method is called alone until it was answered, fee estimates always. The rest of the poll is
    // one batch.
    const methods = Object.keys(rpcCalls).length;
    expect(requests).toBeGreaterThan(methods + 5);
    expect(calls[jsonRpc]).toBe(jsonRpc === "Rpc.executeRpc" ? 1 + methods + rpcCalls["estimatesmartfee"]! : requests);
  }
});

/** A node with a value for every family. */
async function start(layout: LayoutName): Promise<ReferenceNode> {
  const node = await ReferenceNode.start({ layout });
  await NodeChain.on(node, Number(SEEDS.bitcoin_chain_height));
  await node.answer("Node.getMempoolSize", { result: SEEDS.bitcoin_mempool_size });
  await node.answer("Node.getMempoolDynamicUsage", { result: SEEDS.bitcoin_mempool_bytes });
  await node.answer("Node.getMempoolMaxUsage", { result: SEEDS.bitcoin_mempool_max_bytes });
  await node.answer("Node.getNodeCount", { result: SEEDS.bitcoin_peers });
  await node.answer("Node.getTotalBytesRecv", { result: SEEDS.bitcoin_bytes_recv_total });
  await node.answer("Node.getTotalBytesSent", { result: SEEDS.bitcoin_bytes_sent_total });
  await node.rpc("uptime", 86_400);
  await node.rpc("getmempoolinfo", {
    loaded: true,
    size: raw(SEEDS.bitcoin_mempool_size),
    bytes: 312,
    usage: raw(SEEDS.bitcoin_mempool_bytes),
    total_fee: raw("0.00011928"),
    maxmempool: raw(SEEDS.bitcoin_mempool_max_bytes),
    mempoolminfee: raw("0.00000100"),
    minrelaytxfee: raw("0.00000100"),
    incrementalrelayfee: raw("0.00000100"),
    unbroadcastcount: 0,
    limitclustercount: 64,
    limitclustersize: 101_000,
    optimal: true,
  });
  await node.rpc("getnettotals", {
    totalbytesrecv: raw(SEEDS.bitcoin_bytes_recv_total),
    totalbytessent: raw(SEEDS.bitcoin_bytes_sent_total),
    uploadtarget: { target: 1000, target_reached: false, bytes_left_in_cycle: 400, time_left_in_cycle: 3600 },
  });
  await node.rpc("getnetworkinfo", {
    version: 319900,
    subversion: "/Satoshi:31.99.0/",
    protocolversion: 70017,
    networkactive: true,
    localservicesnames: ["NETWORK", "WITNESS"],
    timeoffset: -1,
    tx_send_rate: 14,
    inv_buckets: { inbound: { backlog: 2, count_tok: 418, size_tok: raw("12000000.5") } },
    networks: [{ name: "onion", reachable: true }],
    localaddresses: [{ address: "192.0.2.1" }],
    connections: Number(SEEDS.bitcoin_peers),
    relayfee: raw("0.00000100"),
    warnings: ["This is a test"],
  });
  await node.rpc("getblockstats", BLOCK_STATS);
  await node.rpc("getrpcinfo", {
    active_commands: ["getrpcinfo", "getblock"].map((method) => ({ method, duration: 9 })),
  });
  await node.rpc("getpeerinfo", [PEER]);
  await node.rpc("getindexinfo", { txindex: { synced: true, best_block_height: 7 } });
  await node.rpc("estimatesmartfee", { feerate: raw("0.00002000"), blocks: 2 });
  return node;
}

/** Waits until all calls of the first poll and for the tip are answered. */
async function settled(exporter: ExporterProcess, layout: LayoutName): Promise<void> {
  let waitsFor: string[] = [];
  const { jsonRpc } = SUPPORTED[layout];
  await eventually(
    "all families have samples",
    async () => {
      const { sampled, empty } = families(await exporter.payload(), layout);
      waitsFor = jsonRpc === undefined ? OF_MINING.filter((name) => !sampled.includes(name)) : empty;
      return waitsFor.length === 0;
    },
    { describe: () => [...waitsFor, ...exporter.log].join("\n") },
  );
}

/**
 * Families of the node, as the page declares them: those with samples and those without. In neither are those that a node of
 * this layout cannot report, and bitcoin_block_height, which has a sample after the first block of the session.
 */
function families(page: string, layout: LayoutName): { sampled: string[]; empty: string[] } {
  const { utxoTrace, notifications } = SUPPORTED[layout];
  const isOther = (name: string) =>
    name === "bitcoin_block_height" ||
    (!utxoTrace && name.startsWith("bitcoin_utxo_")) ||
    (!notifications && /^bitcoin_(mempool_tx|chain_state_flushes)_/.test(name));
  const own = [...readPage(page).values()]
    .filter(({ name }) => /^bitcoin_(?!ipc_)/.test(name) && !isOther(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const named = (isEmpty: boolean) =>
    own.filter(({ samples }) => (samples.length === 0) === isEmpty).map((one) => one.name);
  return { sampled: named(false), empty: named(true) };
}

function pick<Key extends string>(values: Record<Key | string, string>, keys: readonly Key[]): Record<string, string> {
  return Object.fromEntries(keys.map((key) => [key, values[key]!]));
}
