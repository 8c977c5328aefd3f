// Answers of a busy mainnet node to the JSON-RPC methods that the exporter polls: the recorded answers of test/fixtures/rpc,
// scaled to a size. Made here instead of recorded, as they are up to 30 MB.

import { join } from "node:path";
import type { ReferenceNode } from "../test/reference-node/reference-node.ts";

export interface MainnetSize {
  readonly peers: number;
  readonly bans: number;
  readonly tips: number;
}

export const USUAL: MainnetSize = { peers: 125, bans: 200, tips: 40 };

type Answer = Readonly<Record<string, unknown>>;

const RECORDED = join(import.meta.dirname, "../test/fixtures/rpc");
const NOW = 1_795_358_606;
const HEIGHT = 924_612;
const MEMPOOL_TRANSACTIONS = 81_234;
const NETWORKS = ["ipv4", "ipv4", "ipv6", "onion", "i2p", "cjdns"];
/** The outbound connections of a node; all others are inbound. */
const OUTBOUND = [
  ...Array<string>(8).fill("outbound-full-relay"),
  "block-relay-only",
  "block-relay-only",
  "manual",
  "feeler",
];
const TIP_STATUSES = ["valid-fork", "valid-headers", "headers-only", "invalid"];
const MESSAGES = [
  ...[
    "addr",
    "addrv2",
    "block",
    "blocktxn",
    "cmpctblock",
    "feefilter",
    "getaddr",
    "getblocktxn",
    "getdata",
    "getheaders",
  ],
  ...[
    "headers",
    "inv",
    "notfound",
    "ping",
    "pong",
    "sendaddrv2",
    "sendcmpct",
    "sendheaders",
    "sendtxrcncl",
    "tx",
    "verack",
  ],
  ...["version", "wtxidrelay", "*other*"],
];

/** Sets every answer; resolves when the node has them. */
export async function answerAsMainnet(node: ReferenceNode, size: MainnetSize): Promise<void> {
  const network = await recorded<Answer>("getnetworkinfo");
  const answers = {
    getblockchaininfo: {
      ...(await recorded<Answer>("getblockchaininfo")),
      chain: "main",
      blocks: HEIGHT,
      warnings: [],
    },
    getmempoolinfo: {
      ...(await recorded<Answer>("getmempoolinfo")),
      size: 81_234,
      bytes: 41_234_567,
      usage: 212_345_678,
    },
    getnetworkinfo: { ...network, connections: size.peers, warnings: [] },
    ...(await allRecorded("getnettotals", "getchaintxstats", "getindexinfo", "getrpcinfo", "getaddrmaninfo")),
    ...(await allRecorded("getprivatebroadcastinfo", "getblockstats")),
    getblockhash: tip(0)["hash"],
    getblockheader: { time: NOW, previousblockhash: tip(1)["hash"] },
    getpeerinfo: await peers(size.peers),
    listbanned: Array.from({ length: size.bans }, (_, index) => ban(index)),
    getchaintips: Array.from({ length: size.tips }, (_, index) => tip(index)),
    estimatesmartfee: { feerate: 0.00012345, blocks: 2 },
  };
  for (const [method, answer] of Object.entries(answers)) await node.rpc(method, answer);
  // pr/trace has methods of its own for these.
  await node.answer("Node.getNodeCount", { result: size.peers });
  await node.answer("Node.getMempoolSize", { result: MEMPOOL_TRANSACTIONS });
  await node.tip({ hash: tip(0)["hash"] as string, height: HEIGHT });
}

async function recorded<Result>(method: string): Promise<Result> {
  const byNode = (await Bun.file(join(RECORDED, `${method}.json`)).json()) as Record<string, Result>;
  return byNode["v32"]!;
}

async function allRecorded(...methods: readonly string[]): Promise<Record<string, unknown>> {
  return Object.fromEntries(
    await Promise.all(methods.map(async (method) => [method, await recorded(method)] as const)),
  );
}

async function peers(count: number): Promise<Answer[]> {
  const [peer] = await recorded<Answer[]>("getpeerinfo");
  return Array.from({ length: count }, (_, id) => {
    const type = OUTBOUND[id] ?? "inbound";
    const perMessage = (factor: number) =>
      Object.fromEntries(MESSAGES.map((message, index) => [message, (index + 1) * (id + 1) * factor]));
    return {
      ...peer,
      id,
      addr: `203.0.113.${id % 256}:${8333 + id}`,
      network: NETWORKS[id % NETWORKS.length],
      inbound: type === "inbound",
      connection_type: type,
      transport_protocol_type: id % 4 === 0 ? "v1" : "v2",
      subver: `/Satoshi:${20 + (id % 12)}.${id % 3}.0/`,
      relaytxes: type !== "block-relay-only",
      pingtime: 0.01 + id / 250,
      minping: 0.009 + id / 300,
      timeoffset: (id % 7) - 3,
      inv_to_send: id % 50,
      inflight: id < 3 ? [HEIGHT + 1, HEIGHT + 2] : [],
      bytessent_per_msg: perMessage(1_000),
      bytesrecv_per_msg: perMessage(700),
    };
  });
}

function ban(index: number): Answer {
  const address = [...new Uint8Array(new Uint32Array([0x0a000000 + index]).buffer)].reverse().join(".");
  const ban_created = NOW - index;
  return {
    address: `${address}/32`,
    ban_created,
    banned_until: ban_created + 86_400,
    ban_duration: 86_400,
    time_remaining: 60,
  };
}

function tip(index: number): Answer {
  const hash = index.toString(16).padStart(64, "0");
  if (index === 0) return { height: HEIGHT, hash, branchlen: 0, status: "active" };
  return { height: HEIGHT - 100 * index, hash, branchlen: 1, status: TIP_STATUSES[index % TIP_STATUSES.length] };
}
