// The JSON-RPC methods that the exporter calls, with the fields that it reads, from the same state as Chain and Node.
// test/fixtures/rpc has whole answers of real nodes.

import type { RpcMethod } from "../../src/node/calls.ts";
import { displayHash } from "../../src/node/hash.ts";
import type { Block, Transaction } from "./chain.ts";
import { MEMPOOL_MAX_BYTES, type NodeState } from "./state.ts";

/** Error codes of Bitcoin Core: RPC_IN_WARMUP, RPC_METHOD_NOT_FOUND, RPC_INVALID_PARAMETER, RPC_INVALID_ADDRESS_OR_KEY. */
const IN_WARMUP = -28;
const METHOD_NOT_FOUND = -32601;
const INVALID_PARAMETER = -8;
const NOT_FOUND = -5;

/** Regtest's. */
const DIFFICULTY = 4.656542373906925e-10;
const MEDIAN_TIME_BLOCKS = 11;
const WEIGHT_PER_BYTE = 4;
const SATOSHIS = 100_000_000;
/** In satoshis per 1000 virtual bytes. */
const MIN_RELAY_FEE_RATE = 100;
const VERSION = 310_000;
const PROTOCOL_VERSION = 70_016;

/** An error answer of a method. */
export class RpcFailure extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

type Answer = (state: NodeState, params: readonly unknown[]) => unknown;

const ANSWERS: Readonly<Partial<Record<RpcMethod, Answer>>> = {
  estimatesmartfee: ({ chain }, [target]) => ({ feerate: feeRate(chain.mempool, Number(target)), blocks: target }),
  getaddrmaninfo: () => ({
    ipv4: { new: 41_312, tried: 5_127 },
    ipv6: { new: 7_934, tried: 1_010 },
    onion: { new: 12_480, tried: 1_733 },
    i2p: { new: 1_204, tried: 311 },
    cjdns: { new: 4, tried: 2 },
  }),
  getblockchaininfo: (state) => ({
    chain: "regtest",
    blocks: state.chain.tip.height,
    headers: state.headerHeight,
    bestblockhash: displayHash(state.chain.tip.hash),
    difficulty: DIFFICULTY,
    time: state.chain.tip.time,
    mediantime: medianTime(state),
    verificationprogress: state.verificationProgress,
    initialblockdownload: state.isInitialBlockDownload,
    size_on_disk: state.diskBytes,
    pruned: false,
    warnings: [],
  }),
  getblockhash({ chain }, [height]) {
    const block = chain.block(Number(height));
    if (block === undefined) throw new RpcFailure(INVALID_PARAMETER, "Block height out of range");
    return displayHash(block.hash);
  },
  getblockheader(state, [hash]) {
    const { height, time, prevHash } = blockOf(state, hash);
    return { hash, height, time, ...(height > 0 && { previousblockhash: displayHash(prevHash) }) };
  },
  getblockstats(state, [hash]) {
    const { height, transactions } = blockOf(state, hash);
    const spending = transactions.slice(1);
    return {
      height,
      txs: transactions.length,
      total_size: sizeOf(spending),
      total_weight: sizeOf(spending) * WEIGHT_PER_BYTE,
      ins: spending.reduce((sum, { inputs }) => sum + inputs.length, 0),
      outs: transactions.reduce((sum, { outputs }) => sum + outputs.length, 0),
      totalfee: Number(feeOf(spending)),
    };
  },
  getchaintips: ({ forks }) => [
    { status: "active" },
    ...Array.from({ length: forks }, () => ({ status: "valid-fork" })),
  ],
  getchaintxstats: (state) => ({ txcount: state.confirmedTransactions, txrate: transactionRate(state) }),
  getindexinfo: ({ chain: { tip } }) => ({
    txindex: { synced: true, best_block_height: tip.height },
    "basic block filter index": { synced: true, best_block_height: tip.height },
  }),
  getmempoolinfo: ({ chain: { mempool }, mempoolUsageBytes }) => ({
    size: mempool.length,
    bytes: sizeOf(mempool),
    usage: mempoolUsageBytes,
    total_fee: Number(feeOf(mempool)) / SATOSHIS,
    maxmempool: MEMPOOL_MAX_BYTES,
    mempoolminfee: MIN_RELAY_FEE_RATE / SATOSHIS,
    minrelaytxfee: MIN_RELAY_FEE_RATE / SATOSHIS,
    unbroadcastcount: 0,
  }),
  getnettotals: ({ receivedBytes, sentBytes }) => ({ totalbytesrecv: receivedBytes, totalbytessent: sentBytes }),
  getnetworkinfo: ({ peers }) => ({
    version: VERSION,
    subversion: "/Satoshi:31.0.0(simulated)/",
    protocolversion: PROTOCOL_VERSION,
    networkactive: true,
    connections: peers.length,
  }),
  getpeerinfo: ({ peers, chain }) =>
    peers.map(({ isInbound, network, type, transport, minPingS }, index) => ({
      inbound: isInbound,
      network,
      connection_type: type,
      transport_protocol_type: transport,
      // Up to half above the minimum, different at each block.
      pingtime: minPingS * (1 + ((chain.tip.height + index) % 6) / 10),
      minping: minPingS,
    })),
  getprivatebroadcastinfo: () => ({ transactions: [] }),
  getrpcinfo: () => ({ active_commands: [{ method: "getrpcinfo", duration: 30 }] }),
  listbanned: () => [],
  uptime: ({ uptimeS }) => uptimeS,
};

/** The methods that it answers: those of the default collectors, as exporter-on-simulated-node.test.ts shows. */
export const ANSWERED_METHODS = Object.keys(ANSWERS) as RpcMethod[];

/** @throws RpcFailure when the node's answer is an error */
export function answerRpc(state: NodeState, method: string, params: readonly unknown[]): unknown {
  // As in a real node, before it looks the method up.
  if (state.startStep !== undefined) throw new RpcFailure(IN_WARMUP, state.startStep);
  const answer = Object.hasOwn(ANSWERS, method) ? ANSWERS[method as RpcMethod] : undefined;
  if (answer === undefined) throw new RpcFailure(METHOD_NOT_FOUND, "Method not found");
  return answer(state, params);
}

function blockOf({ chain }: NodeState, hash: unknown): Block {
  const block = chain.findBlock((block) => displayHash(block.hash) === hash);
  if (block === undefined) throw new RpcFailure(NOT_FOUND, "Block not found");
  return block;
}

function medianTime({ chain }: NodeState): number {
  const times: number[] = [];
  for (let height = chain.tip.height; times.length < MEDIAN_TIME_BLOCKS; height--) {
    times.push(chain.block(height)!.time);
  }
  return times.sort((a, b) => a - b)[times.length >> 1]!;
}

/** Transactions per second in the blocks of the median time. */
function transactionRate({ chain }: NodeState): number {
  const { height, time } = chain.tip;
  const first = chain.block(height - MEDIAN_TIME_BLOCKS)!;
  let transactions = 0;
  for (let next = first.height + 1; next <= height; next++) transactions += chain.block(next)!.transactions.length;
  // Simulated blocks may all be of one second.
  return transactions / Math.max(time - first.time, 1);
}

/**
 * A fee rate in bitcoin per 1000 virtual bytes: a rank among the mempool's, the higher the fewer blocks `target` is. A real
 * node estimates differently.
 */
function feeRate(mempool: readonly Transaction[], target: number): number {
  const rates = mempool.map(({ feeSat, bytes }) => Math.floor((Number(feeSat) * 1000) / bytes.length));
  const sorted = rates.sort((a, b) => b - a);
  const rank = Math.floor(sorted.length * (1 - 1 / Math.sqrt(target)));
  return Math.max(sorted[rank] ?? 0, MIN_RELAY_FEE_RATE) / SATOSHIS;
}

/** Without witnesses bytes and virtual bytes are the same. */
function sizeOf(transactions: readonly Transaction[]): number {
  return transactions.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

function feeOf(transactions: readonly Transaction[]): bigint {
  return transactions.reduce((sum, { feeSat }) => sum + feeSat, 0n);
}
