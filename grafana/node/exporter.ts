// The cost of the exporter to the node, and its own state.

import { type Row, stat, timeseries } from "../dashboard.ts";
import { increase, of, rate } from "./queries.ts";

export const exporterRow: Row = {
  title: "Exporter and its cost to the node",
  panels: [
    timeseries({
      title: "Events",
      description:
        "Events per second. Each is a callback that a thread of the node waits for, except for blocks of v30, v31 and v32.",
      unit: "suffix: /s",
      width: 6,
      min: 0,
      stack: true,
      queries: [
        {
          expr: [
            rate("bitcoin_utxo_cache_add_total"),
            rate("bitcoin_utxo_cache_spend_total"),
            rate("bitcoin_utxo_cache_uncache_total"),
          ].join(" + "),
          legend: "coins",
        },
        {
          expr: [rate("bitcoin_mempool_tx_added_total"), rate("bitcoin_mempool_tx_removed_total")].join(" + "),
          legend: "transactions",
        },
        {
          expr: [rate("bitcoin_blocks_connected_total"), rate("bitcoin_blocks_disconnected_total")].join(" + "),
          legend: "blocks",
        },
      ],
    }),
    timeseries({
      title: "Callback load",
      description:
        "Share of time that the node spent in callbacks. Above --trace-budget the exporter pauses the UTXO trace.",
      unit: "percentunit",
      width: 6,
      min: 0,
      queries: [{ expr: rate("bitcoin_ipc_callback_busy_seconds_total"), legend: "busy" }],
    }),
    timeseries({
      title: "Polls",
      description: "Duration of the last poll, and time since it ended.",
      unit: "s",
      width: 6,
      min: 0,
      queries: [
        { expr: of("bitcoin_ipc_poll_duration_seconds"), legend: "duration" },
        { expr: `time() - ${of("bitcoin_ipc_last_poll_timestamp_seconds")}`, legend: "time since" },
      ],
    }),
    timeseries({
      title: "Failed calls",
      description: "Failed calls by method. Empty if no call has failed.",
      unit: "none",
      width: 6,
      min: 0,
      bars: true,
      queries: [{ expr: increase("bitcoin_ipc_call_errors_total"), legend: "{{method}}" }],
    }),
    timeseries({
      title: "Time of calls",
      description:
        "Time that the node takes for the exporter's calls, per second: the ten methods that take the most. A batch of JSON-RPC methods is one call.",
      unit: "percentunit",
      width: 8,
      min: 0,
      stack: true,
      legendAt: "right",
      queries: [{ expr: `topk(10, ${rate("bitcoin_ipc_call_seconds_total")} > 0)`, legend: "{{method}}" }],
    }),
    timeseries({
      title: "Time per call",
      description:
        "Average time of the exporter's calls: the ten slowest methods. A method in a batch has none of its own.",
      unit: "s",
      width: 8,
      min: 0,
      legendAt: "right",
      queries: [
        {
          expr: `topk(10, ${rate("bitcoin_ipc_call_seconds_total")} / ${rate("bitcoin_ipc_calls_total")} > 0)`,
          legend: "{{method}}",
        },
      ],
    }),
    timeseries({
      title: "Calls",
      description: "The exporter's calls: the ten most frequent methods.",
      unit: "suffix: /s",
      width: 8,
      min: 0,
      stack: true,
      legendAt: "right",
      queries: [{ expr: `topk(10, ${rate("bitcoin_ipc_calls_total")} > 0)`, legend: "{{method}}" }],
    }),
    timeseries({
      title: "CPU",
      description: "CPU time of the exporter, relative to one core.",
      unit: "percentunit",
      width: 6,
      min: 0,
      queries: [{ expr: rate("process_cpu_seconds_total"), legend: "CPU" }],
    }),
    timeseries({
      title: "Memory",
      description: "Resident memory of the exporter.",
      unit: "bytes",
      width: 6,
      min: 0,
      queries: [{ expr: of("process_resident_memory_bytes"), legend: "resident" }],
    }),
    timeseries({
      title: "Connections, missed polls, dropped lines",
      description:
        "Connections to the node, polls that were due while another one ran, and log lines that stderr did not accept, within the last hour.",
      unit: "none",
      width: 6,
      min: 0,
      queries: [
        { expr: increase("bitcoin_ipc_connects_total", "1h"), legend: "connections" },
        { expr: increase("bitcoin_ipc_polls_missed_total", "1h"), legend: "missed polls" },
        { expr: increase("bitcoin_ipc_exporter_log_lines_dropped_total", "1h"), legend: "lines" },
      ],
    }),
    stat({
      title: "Exporter",
      description: "Version and revision of the exporter.",
      unit: "none",
      width: 3,
      height: 8,
      show: "name",
      steps: [{ color: "text" }],
      queries: [{ expr: of("bitcoin_ipc_exporter_build_info"), legend: "{{version}} {{revision}}" }],
    }),
    stat({
      title: "Open files",
      description: "File descriptors that the exporter has open, relative to its limit.",
      unit: "percentunit",
      width: 3,
      height: 8,
      steps: [{ color: "green" }, { color: "red", value: 0.8 }],
      queries: [{ expr: `${of("process_open_fds")} / ${of("process_max_fds")}` }],
    }),
  ],
};
