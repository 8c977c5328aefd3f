// The chain: blocks connected and disconnected, validation progress, and size on disk.

import type { Registry } from "../metrics/registry.ts";
import type { ChainEvents } from "../node/chain-notifications.ts";
import type { JsonValue } from "../node/json.ts";
import type { TipChange } from "../node/tip-changes.ts";
import type { Reported } from "./collector.ts";
import {
  type Collector,
  followingTip,
  fromMining,
  fromNode,
  fromRpc,
  polled,
  polledInto,
  setOrClear,
} from "./collector.ts";
import * as result from "./result.ts";

type Events = Pick<ChainEvents, "blockConnected" | "blockDisconnected" | "updatedBlockTip" | "chainStateFlushed">;

/** `unknown` until the node has answered in this session. `over` is final until the node restarts. */
export type InitialBlockDownload = "unknown" | "active" | "over";

export interface ChainCollector extends Collector {
  readonly events: Events;
  /** Starts the counters of blocks on a node without notifications whose blocks between two tips can be counted. */
  startCountingBlocks(): void;
  /** Counts the blocks between two tips, for a node without notifications. `height` is that of the new tip. */
  blocksCounted(change: TipChange, height: number): void;
  /** Shows the height of a tip to which blocks cannot be counted. `heightBefore` is that of the tip before. */
  tipSeen(height: number, heightBefore: number): void;
  /** The node's last answer in this session. A failed poll does not change it. */
  readonly initialBlockDownload: InitialBlockDownload;
  startSession(reported: Reported): void;
  endSession(): void;
}

const blockchainInfo = fromRpc("getblockchaininfo");

/** Bitcoin Core calls mainnet "main" (src/util/chaintype.cpp). */
function isTestChain(info: JsonValue, name: string): boolean | undefined {
  const chain = result.text(info, name);
  return chain === undefined ? undefined : chain !== "main";
}

export function chainCollector(registry: Registry): ChainCollector {
  const connected = registry.eventCounter("bitcoin_blocks_connected_total", "Blocks connected to the active chain.");
  const disconnected = registry.eventCounter(
    "bitcoin_blocks_disconnected_total",
    "Blocks disconnected from the active chain by reorganizations.",
  );
  const tipUpdates = registry.eventCounter("bitcoin_tip_updates_total", "Changes of the active chain's tip.");
  const flushes = registry.eventCounter("bitcoin_chain_state_flushes_total", "Flushes of the chain state to disk.");
  const blockHeight = registry.gauge("bitcoin_block_height", "Height of the last connected block.");

  const height = registry.gauge("bitcoin_chain_height", "Height of the active chain's tip.");
  const headerHeight = registry.gauge("bitcoin_header_height", "Height of the best known header.");
  const testChain = registry.gauge("bitcoin_test_chain", "1 on a test chain, 0 on mainnet.");
  const ibd = registry.gauge("bitcoin_ibd", "1 while the node is in initial block download, else 0.");
  const progress = registry.gauge(
    "bitcoin_verification_progress",
    "Share of the chain that is verified, from 0 to 1, as the node estimates it.",
  );

  const difficulty = registry.gauge("bitcoin_difficulty", "Difficulty of the active chain's tip.");
  const tipTime = registry.gauge("bitcoin_tip_timestamp_seconds", "Time in the tip's header, in Unix time.");
  const medianTime = registry.gauge(
    "bitcoin_tip_median_timestamp_seconds",
    "Median time of the last 11 blocks, in Unix time.",
  );
  const sizeOnDisk = registry.gauge("bitcoin_size_on_disk_bytes", "Size of the block and undo files, in bytes.");
  const pruned = registry.gauge("bitcoin_pruned", "1 if the node deletes old blocks, else 0.");
  const pruneHeight = registry.gauge("bitcoin_prune_height", "Height of the first block that a pruned node still has.");

  let initialBlockDownload: InitialBlockDownload = "unknown";

  function setInitialBlockDownload(isActive: boolean | undefined): void {
    setOrClear(ibd, isActive);
    if (isActive !== undefined) initialBlockDownload = isActive ? "active" : "over";
  }

  const startCountingBlocks = () => {
    connected.start();
    disconnected.start();
  };

  return {
    events: {
      blockConnected(blockConnectedHeight) {
        connected.inc();
        // A BlockInfo without a height has -1.
        if (blockConnectedHeight >= 0) blockHeight.set(blockConnectedHeight);
      },
      blockDisconnected: () => void disconnected.inc(),
      updatedBlockTip: () => void tipUpdates.inc(),
      chainStateFlushed: () => void flushes.inc(),
    },
    startCountingBlocks,
    blocksCounted(change, tipHeight) {
      connected.add(change.connected);
      disconnected.add(change.disconnected);
      if (change.connected > 0) blockHeight.set(tipHeight);
    },
    // A lower tip means that blocks were disconnected, any other that one was connected.
    tipSeen(tipHeight, heightBefore) {
      if (tipHeight >= heightBefore) blockHeight.set(tipHeight);
    },
    polled: followingTip([
      polled(
        height,
        fromNode("Chain", "getHeight"),
        // Before JSON-RPC, which may be refused or unreachable on a node that exposes Mining.
        fromMining("Mining.getTip", async (mining) => (await mining.getTip())?.height),
        blockchainInfo(result.count, "blocks"),
      ),
      polled(headerHeight, fromNode("Node", "getHeaderTip"), blockchainInfo(result.height, "headers")),
      polled(
        testChain,
        fromMining("Mining.isTestChain", (mining) => mining.isTestChain()),
        blockchainInfo(isTestChain, "chain"),
      ),
      polledInto(
        { set: setInitialBlockDownload, clear: () => ibd.clear() },
        fromNode("Chain", "isInitialBlockDownload"),
        fromMining("Mining.isInitialBlockDownload", (mining) => mining.isInitialBlockDownload()),
        blockchainInfo(result.flag, "initialblockdownload"),
      ),
      polled(
        progress,
        fromNode("Node", "getVerificationProgress"),
        blockchainInfo(result.number, "verificationprogress"),
      ),
      polled(difficulty, blockchainInfo(result.number, "difficulty")),
      polled(tipTime, blockchainInfo(result.count, "time")),
      polled(medianTime, blockchainInfo(result.count, "mediantime")),
      polled(sizeOnDisk, blockchainInfo(result.count, "size_on_disk")),
      polled(pruned, blockchainInfo(result.flag, "pruned")),
      polled(pruneHeight, blockchainInfo(result.count, "pruneheight")),
    ]),
    startSession(reported) {
      initialBlockDownload = "unknown";
      tipUpdates.start();
      if (!reported.notifications) return;
      startCountingBlocks();
      flushes.start();
    },
    endSession: () => blockHeight.clear(),
    get initialBlockDownload() {
      return initialBlockDownload;
    },
  };
}
