// The JSON-RPC methods that the exporter calls, with the fields that it reads, from the same state as Chain and Node.
// test/fixtures/rpc has whole answers of real nodes.

import type { RpcMethod } from "../../src/node/calls.ts";
import { displayHash } from "../../src/node/hash.ts";
import { blockHash, blockHeader, blockStats } from "./block-answers.ts";
import { SUBSIDY_SAT } from "./chain.ts";
import { mempoolFeeRateDiagram, mempoolInfo, smartFee } from "./mempool-answers.ts";
import { addrmanInfo, netTotals, networkInfo, peerInfo, privateBroadcastInfo } from "./network-answers.ts";
import { RpcFailure } from "./rpc-failure.ts";
import type { NodeState } from "./state.ts";

/** Error codes of Bitcoin Core: RPC_IN_WARMUP, RPC_METHOD_NOT_FOUND. */
const IN_WARMUP = -28;
const METHOD_NOT_FOUND = -32601;

/** Regtest's. */
const DIFFICULTY = 4.656542373906925e-10;
const MEDIAN_TIME_BLOCKS = 11;
const SATOSHIS = 100_000_000;
/** GetBogoSize of Bitcoin Core, for an output with a script of 22 bytes. */
const BOGO_SIZE = 72;
const MICROSECONDS = 1_000_000;
/** Another client's short command runs for a part of the time. */
const SHORT_EVERY_S = 20;
const SHORT_US = 4000;

type Answer = (state: NodeState, params: readonly unknown[]) => unknown;

const ANSWERS: Readonly<Partial<Record<RpcMethod, Answer>>> = {
  estimatesmartfee: smartFee,
  getaddrmaninfo: addrmanInfo,
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
  getblockhash: blockHash,
  getblockheader: blockHeader,
  getblockstats: blockStats,
  getchaintips: ({ forks }) => [
    { status: "active" },
    ...Array.from({ length: forks }, () => ({ status: "valid-fork" })),
  ],
  getchaintxstats: (state) => ({ txcount: state.confirmedTransactions, txrate: transactionRate(state) }),
  getindexinfo: ({ chain: { tip } }) => ({
    txindex: { synced: true, best_block_height: tip.height },
    coinstatsindex: { synced: true, best_block_height: tip.height },
    "basic block filter index": { synced: true, best_block_height: tip.height },
  }),
  getmempoolfeeratediagram: mempoolFeeRateDiagram,
  getmempoolinfo: mempoolInfo,
  getnettotals: netTotals,
  getnetworkinfo: networkInfo,
  getpeerinfo: peerInfo,
  getprivatebroadcastinfo: privateBroadcastInfo,
  getrpcinfo: rpcInfo,
  gettxoutsetinfo: ({ chain: { tip }, unspentOutputs }) => ({
    height: tip.height,
    txouts: unspentOutputs,
    total_amount: (tip.height + 1) * (Number(SUBSIDY_SAT) / SATOSHIS),
    bogosize: unspentOutputs * BOGO_SIZE,
  }),
  listbanned: ({ forks }) => Array.from({ length: Math.min(forks, 3) }, () => ({})),
  uptime: ({ uptimeS }) => uptimeS,
};

/** The methods that it answers: those of all collectors, as exporter-on-simulated-node.test.ts shows. */
export const ANSWERED_METHODS = Object.keys(ANSWERS) as RpcMethod[];

/** @throws RpcFailure when the node's answer is an error */
export function answerRpc(state: NodeState, method: string, params: readonly unknown[]): unknown {
  // As in a real node, before it looks the method up.
  if (state.startStep !== undefined) throw new RpcFailure(IN_WARMUP, state.startStep);
  const answer = Object.hasOwn(ANSWERS, method) ? ANSWERS[method as RpcMethod] : undefined;
  if (answer === undefined) throw new RpcFailure(METHOD_NOT_FOUND, "Method not found");
  return answer(state, params);
}

/** One command of another client runs since the node started, as one that hangs. */
function rpcInfo({ uptimeS }: NodeState) {
  const hanging = { method: "scantxoutset", duration: uptimeS * MICROSECONDS };
  const short = uptimeS % SHORT_EVERY_S < SHORT_EVERY_S / 2 ? [{ method: "getblock", duration: SHORT_US }] : [];
  return { active_commands: [{ method: "getrpcinfo", duration: 30 }, hanging, ...short] };
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
