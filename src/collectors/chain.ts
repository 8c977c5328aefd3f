// The chain: blocks as the node reports them, heights, and how far the node has come.

import type { Registry } from "../metrics/registry.ts";
import type { ChainEvents } from "../node/chain-notifications.ts";
import { type Collector, poll } from "./collector.ts";

type Events = Pick<ChainEvents, "blockConnected" | "blockDisconnected" | "updatedBlockTip" | "chainStateFlushed">;

export interface ChainCollector extends Collector {
  readonly events: Events;
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
    polls: [
      poll("Chain.getHeight", height, (node) => node.getHeight()),
      poll("Node.getHeaderTip", headerHeight, (node) => node.getHeaderTip()),
      poll("Chain.isInitialBlockDownload", ibd, (node) => node.isInitialBlockDownload()),
      poll("Node.getVerificationProgress", progress, (node) => node.getVerificationProgress()),
    ],
    get initialBlockDownload() {
      const value = ibd.read();
      return value === undefined ? undefined : value === 1;
    },
  };
}
