// The chain: blocks as the node reports them, how far the node has come, and what the chain takes on its disk.

import type { Registry } from "../metrics/registry.ts";
import type { ChainEvents } from "../node/chain-notifications.ts";
import { type Collector, poll } from "./collector.ts";
import * as result from "./result.ts";
import { rpcPoll, seed, value } from "./rpc-poll.ts";

type Events = Pick<ChainEvents, "blockConnected" | "blockDisconnected" | "updatedBlockTip" | "chainStateFlushed">;

export interface ChainCollector extends Collector {
  readonly events: Events;
  /** For a node that tells its tip, but not the blocks on the way to it. */
  tipSeen(height: number): void;
  /** What the last poll read; undefined before it, or when it failed. */
  readonly initialBlockDownload: boolean | undefined;
}

export function chainCollector(registry: Registry): ChainCollector {
  const connected = registry.counter("bitcoin_blocks_connected_total", "Blocks connected to the active chain.");
  const disconnected = registry.counter(
    "bitcoin_blocks_disconnected_total",
    "Blocks disconnected from the active chain by reorganizations.",
  );
  const tipUpdates = registry.counter("bitcoin_tip_updates_total", "Changes of the active chain's tip.");
  const flushes = registry.counter("bitcoin_chain_state_flushes_total", "Flushes of the chain state to disk.");
  const blockHeight = registry.gauge("bitcoin_block_height", "Height of the block that was connected last.");

  const height = registry.gauge("bitcoin_chain_height", "Height of the active chain's tip.");
  const headerHeight = registry.gauge("bitcoin_header_height", "Height of the best known header.");
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

  return {
    events: {
      blockConnected(blockConnectedHeight) {
        connected.inc();
        // -1 is how a BlockInfo says that it has no height.
        if (blockConnectedHeight >= 0) blockHeight.set(blockConnectedHeight);
      },
      blockDisconnected: () => void disconnected.inc(),
      updatedBlockTip: () => void tipUpdates.inc(),
      chainStateFlushed: () => void flushes.inc(),
    },
    tipSeen: (tipHeight) => blockHeight.set(tipHeight),
    queryPolls: [
      poll("Chain.getHeight", height, (node) => node.getHeight()),
      poll("Node.getHeaderTip", headerHeight, (node) => node.getHeaderTip()),
      poll("Chain.isInitialBlockDownload", ibd, (node) => node.isInitialBlockDownload()),
      poll("Node.getVerificationProgress", progress, (node) => node.getVerificationProgress()),
    ],
    rpcPolls: [
      rpcPoll("getblockchaininfo", [
        seed(height, (info) => result.count(info, "blocks")),
        seed(headerHeight, (info) => result.height(info, "headers")),
        seed(ibd, (info) => result.flag(info, "initialblockdownload")),
        seed(progress, (info) => result.number(info, "verificationprogress")),
        value(difficulty, (info) => result.number(info, "difficulty")),
        value(tipTime, (info) => result.count(info, "time")),
        value(medianTime, (info) => result.count(info, "mediantime")),
        value(sizeOnDisk, (info) => result.count(info, "size_on_disk")),
        value(pruned, (info) => result.flag(info, "pruned")),
        value(pruneHeight, (info) => result.count(info, "pruneheight")),
      ]),
    ],
    miningPolls: [
      poll("Mining.getTip", height, async (mining) => (await mining.getTip())?.height),
      poll("Mining.isInitialBlockDownload", ibd, (mining) => mining.isInitialBlockDownload()),
    ],
    get initialBlockDownload() {
      const read = ibd.read();
      return read === undefined ? undefined : read === 1;
    },
  };
}
