// Relay of transactions, and traffic with peers.

import { type Row, stat, timeseries } from "../dashboard.ts";
import { of, rate } from "./queries.ts";

const byMessage = (direction: string) => ({
  expr: `${rate("bitcoin_peer_message_bytes_total", `direction="${direction}"`)} > 0`,
  legend: "{{message}}",
});
const TARGET = "Empty without `-maxuploadtarget`.";

export const trafficRow: Row = {
  title: "Relay and traffic",
  panels: [
    timeseries({
      title: "Announcements that wait",
      description:
        "Transactions that wait to be announced to inbound and outbound peers, because there are more than the node announces at once. v32 and later.",
      unit: "short",
      width: 8,
      min: 0,
      queries: [{ expr: of("bitcoin_relay_backlog_transactions"), legend: "{{direction}}" }],
    }),
    timeseries({
      title: "Announcements left",
      description:
        "Transactions that the node may announce at once. Below zero it waits. The number grows by `-txsendrate` per second. v32 and later.",
      unit: "short",
      width: 8,
      queries: [
        { expr: of("bitcoin_relay_transaction_tokens"), legend: "{{direction}}" },
        { expr: of("bitcoin_relay_target_transactions_per_second"), legend: "gained per second" },
      ],
    }),
    timeseries({
      title: "Bytes left to announce",
      description: "Bytes of transactions that the node may announce at once. v32 and later.",
      unit: "decbytes",
      width: 8,
      queries: [{ expr: of("bitcoin_relay_byte_tokens"), legend: "{{direction}}" }],
    }),
    timeseries({
      title: "Received by message",
      description:
        "Bytes received from peers by message type. Bytes of a peer between its last poll and its disconnect are missing.",
      unit: "Bps",
      width: 8,
      min: 0,
      stack: true,
      queries: [byMessage("received")],
    }),
    timeseries({
      title: "Sent by message",
      description:
        "Bytes sent to peers by message type. Bytes of a peer between its last poll and its disconnect are missing.",
      unit: "Bps",
      width: 8,
      min: 0,
      stack: true,
      queries: [byMessage("sent")],
    }),
    timeseries({
      title: "Bandwidth",
      description: "Bytes received from peers, and bytes sent to them as negative values.",
      unit: "Bps",
      width: 8,
      queries: [
        { expr: rate("bitcoin_bytes_recv_total"), legend: "received" },
        { expr: `-${rate("bitcoin_bytes_sent_total")}`, legend: "sent" },
      ],
    }),
    timeseries({
      title: "Announcement queues",
      description: "Transactions to announce, over all peers and to the peer with the longest queue. v31 and later.",
      unit: "short",
      width: 8,
      min: 0,
      queries: [
        { expr: of("bitcoin_peer_announcement_queue_transactions"), legend: "all peers" },
        { expr: of("bitcoin_peer_announcement_queue_max_transactions"), legend: "longest" },
      ],
    }),
    timeseries({
      title: "Private broadcast",
      description:
        "The node's own transactions that it sends over separate connections, and those without attempts left. Needs v31 and `-privatebroadcast`.",
      unit: "none",
      width: 8,
      min: 0,
      queries: [
        { expr: of("bitcoin_private_broadcast_transactions"), legend: "queued" },
        { expr: of("bitcoin_private_broadcast_exhausted_transactions"), legend: "no attempts left" },
      ],
    }),
    stat({
      title: "Upload left",
      description: `Share of the upload target that is left in this cycle of a day. ${TARGET}`,
      unit: "percentunit",
      width: 4,
      height: 8,
      decimals: 1,
      graph: true,
      steps: [{ color: "red" }, { color: "yellow", value: 0.1 }, { color: "green", value: 0.25 }],
      queries: [{ expr: `${of("bitcoin_upload_target_left_bytes")} / ${of("bitcoin_upload_target_bytes")}` }],
    }),
    stat({
      title: "Upload cycle",
      description: `Time until the next cycle. Once the target is reached, the node serves no old blocks until then. ${TARGET}`,
      unit: "s",
      width: 4,
      height: 8,
      steps: [{ color: "text" }],
      queries: [{ expr: of("bitcoin_upload_target_cycle_left_seconds") }],
    }),
  ],
};
