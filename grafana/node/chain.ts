// The chain: its tip, its branches, what is on disk, and the indexes.

import { mappedSeries, type Row, stateTimeline, timeseries } from "../dashboard.ts";
import { ACTIVE, CONNECTED, SYNCING, TIP_AGE_STEPS } from "../states.ts";
import { increase, of, tipAge } from "./queries.ts";

export const chainRow: Row = {
  title: "Chain",
  panels: [
    timeseries({
      title: "Height and headers",
      description: "Height of the tip and of the best header. They differ while the node catches up.",
      unit: "none",
      width: 8,
      queries: [
        { expr: of("bitcoin_header_height"), legend: "headers" },
        { expr: of("bitcoin_chain_height"), legend: "blocks" },
      ],
    }),
    timeseries({
      title: "Block age",
      description: "Time since the timestamp in the tip's header. Negative if the miner's clock is ahead.",
      unit: "s",
      width: 8,
      showSteps: true,
      steps: TIP_AGE_STEPS,
      queries: [{ expr: tipAge, legend: "block age" }],
    }),
    stateTimeline({
      title: "State",
      description: "Connection to the node, initial block download, networking, and UTXO trace (pr/trace only).",
      unit: "none",
      width: 8,
      steps: [{ color: "red" }, { color: "green", value: 1 }],
      queries: [
        { expr: of("bitcoin_ipc_up"), legend: "connected" },
        { expr: of("bitcoin_ibd"), legend: "initial download" },
        { expr: of("bitcoin_network_active"), legend: "network" },
        { expr: of("bitcoin_utxo_trace_active"), legend: "utxo trace" },
      ],
      overrides: [
        mappedSeries("connected", CONNECTED),
        mappedSeries("initial download", SYNCING),
        mappedSeries("network", ACTIVE),
        mappedSeries("utxo trace", ACTIVE),
      ],
    }),
    timeseries({
      title: "Reorganizations",
      description: "Blocks disconnected from the active chain. One at a time is normal on mainnet, three are not.",
      unit: "none",
      width: 8,
      min: 0,
      bars: true,
      steps: [{ color: "green" }, { color: "red", value: 3 }],
      queries: [{ expr: increase("bitcoin_blocks_disconnected_total"), legend: "disconnected" }],
    }),
    timeseries({
      title: "Chain tips",
      description: "Known chain tips other than the active one, by status. Read at every 10th poll.",
      unit: "none",
      width: 8,
      min: 0,
      stack: true,
      queries: [{ expr: of("bitcoin_chain_tips", 'status!="active"'), legend: "{{status}}" }],
    }),
    timeseries({
      title: "Tip changes and flushes",
      description:
        "Changes of the tip, and flushes of the chain state to disk. Several blocks connected at once are one change. The releases do not report flushes.",
      unit: "none",
      width: 8,
      min: 0,
      queries: [
        { expr: increase("bitcoin_tip_updates_total", "1h"), legend: "tip changes per hour" },
        { expr: increase("bitcoin_chain_state_flushes_total", "1h"), legend: "flushes per hour" },
      ],
    }),
    timeseries({
      title: "Block files",
      description: "Size of block and undo files on disk.",
      unit: "decbytes",
      width: 8,
      queries: [{ expr: of("bitcoin_size_on_disk_bytes"), legend: "on disk" }],
    }),
    timeseries({
      title: "Transactions in the chain",
      description: "Transactions per second, averaged by the node over the last 30 days of blocks.",
      unit: "suffix: /s",
      width: 8,
      min: 0,
      queries: [{ expr: of("bitcoin_chain_transactions_per_second"), legend: "transactions" }],
    }),
    timeseries({
      title: "Indexes behind the tip",
      description: "Blocks that each index still has to process. Empty on a node without indexes.",
      unit: "none",
      width: 8,
      min: 0,
      queries: [
        {
          expr: `clamp_min(${of("bitcoin_chain_height")} - on (instance) group_right () ${of("bitcoin_index_height")}, 0)`,
          legend: "{{index}}",
        },
      ],
    }),
    stateTimeline({
      title: "Indexes",
      description: "Whether each index has reached the tip. Empty on a node without indexes.",
      unit: "none",
      width: 8,
      mappings: { 0: { text: "building", color: "blue" }, 1: { text: "synced", color: "green" } },
      steps: [{ color: "blue" }, { color: "green", value: 1 }],
      queries: [{ expr: of("bitcoin_index_synced"), legend: "{{index}}" }],
    }),
    timeseries({
      title: "Validation below the snapshot",
      description:
        "Validated share of the chain below the snapshot that the node started from. Empty on a node without a snapshot, and once all of it is validated.",
      unit: "percentunit",
      width: 8,
      min: 0,
      max: 1,
      queries: [{ expr: of("bitcoin_background_validation_progress"), legend: "validated" }],
    }),
    timeseries({
      title: "First block on disk",
      description: "Height of the first block that a pruned node still has. Empty on other nodes.",
      unit: "none",
      width: 8,
      queries: [{ expr: of("bitcoin_prune_height"), legend: "height" }],
    }),
  ],
};
