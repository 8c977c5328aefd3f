// Holds every alert against nodes of every chain: promtool evaluates all rules on one node per chain and fault, and the
// severities that fire are those of the table.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../temporary-folder.ts";
import { read, ruleFiles, rules } from "./sources.ts";

const PROMTOOL_DEADLINE_MS = 60_000;
const HOURS = 4;
const END = HOURS * 60;
const EVALUATED_EVERY = "5m";
/** When a node or an exporter goes. */
const GONE = 60;
/** Of the alert that looks back the longest. */
const LONG_HOURS = 26;

interface Chain {
  /** The label `chain` of bitcoin_node_info; undefined on a node that does not report it. */
  readonly name?: string;
  /** bitcoin_test_chain; undefined before the exporter has read it. */
  readonly isTest?: boolean;
}

const CHAINS = {
  main: { name: "main", isTest: false },
  test: { name: "test", isTest: true },
  testnet4: { name: "testnet4", isTest: true },
  signet: { name: "signet", isTest: true },
  regtest: { name: "regtest", isTest: true },
  "v31 main": { isTest: false },
  "v31 test chain": { isTest: true },
  unknown: {},
} as const satisfies Record<string, Chain>;
type ChainName = keyof typeof CHAINS;

/** Severities on mainnet, on known test chains, on regtest, and on a test chain that v31 does not name. */
const SEVERITIES: Readonly<Record<string, Readonly<Record<"main" | "test" | "regtest" | "v31 test chain", string>>>> = {
  BitcoinExporterDown: { main: "critical", test: "warning", regtest: "warning", "v31 test chain": "warning" },
  BitcoinNodeUnreachable: { main: "critical", test: "warning", regtest: "warning", "v31 test chain": "warning" },
  BitcoinNodeFlapping: { main: "warning", test: "warning", regtest: "warning", "v31 test chain": "warning" },
  BitcoinNodeRestarted: { main: "info", test: "info", regtest: "info", "v31 test chain": "info" },
  BitcoinTipStuck: { main: "warning critical", test: "info", regtest: "", "v31 test chain": "" },
  BitcoinBehindHeaders: { main: "warning", test: "warning", regtest: "warning", "v31 test chain": "warning" },
  BitcoinBackInIbd: { main: "warning", test: "info", regtest: "", "v31 test chain": "" },
  BitcoinDeepReorg: { main: "critical", test: "info", regtest: "", "v31 test chain": "info" },
  BitcoinFewPeers: { main: "warning", test: "warning", regtest: "", "v31 test chain": "warning" },
  BitcoinNoOutboundPeers: { main: "critical", test: "warning", regtest: "", "v31 test chain": "warning" },
  BitcoinNetworkInactive: { main: "critical", test: "warning", regtest: "", "v31 test chain": "warning" },
  BitcoinFewerPeersThanUsual: { main: "warning", test: "warning", regtest: "", "v31 test chain": "warning" },
  BitcoinNoHighBandwidthPeer: { main: "info", test: "", regtest: "", "v31 test chain": "" },
  BitcoinMempoolFull: { main: "info", test: "info", regtest: "info", "v31 test chain": "info" },
  BitcoinMempoolEmpty: { main: "warning", test: "", regtest: "", "v31 test chain": "" },
  BitcoinRelayBacklog: { main: "warning", test: "warning", regtest: "", "v31 test chain": "warning" },
  BitcoinUploadTargetReached: { main: "info", test: "info", regtest: "info", "v31 test chain": "info" },
  BitcoinNodeWarns: { main: "warning", test: "warning", regtest: "warning", "v31 test chain": "warning" },
  BitcoinClockOff: { main: "warning", test: "warning", regtest: "warning", "v31 test chain": "warning" },
  BitcoinUtxoTraceInactive: { main: "warning", test: "warning", regtest: "warning", "v31 test chain": "warning" },
  BitcoinDiskGrowth: { main: "warning", test: "warning", regtest: "warning", "v31 test chain": "warning" },
  BitcoinIndexNotSynced: { main: "warning", test: "warning", regtest: "warning", "v31 test chain": "warning" },
  BitcoinPollsLate: { main: "warning", test: "warning", regtest: "warning", "v31 test chain": "warning" },
  BitcoinCallsFail: { main: "warning", test: "warning", regtest: "warning", "v31 test chain": "warning" },
  BitcoinCallsSlow: { main: "warning", test: "warning", regtest: "warning", "v31 test chain": "warning" },
};

const COLUMNS: Readonly<Record<ChainName, "main" | "test" | "regtest" | "v31 test chain">> = {
  main: "main",
  test: "test",
  testnet4: "test",
  signet: "test",
  regtest: "regtest",
  "v31 main": "main",
  "v31 test chain": "v31 test chain",
  unknown: "main",
};

/** Series of a node with every fault that a connected node can have at the same time, one value a minute. */
const FAULTS: Readonly<Record<string, string>> = {
  up: `1x${END}`,
  bitcoin_ipc_up: `1x${END}`,
  bitcoin_ipc_connects_total: `0+1x${END}`,
  bitcoin_chain_height: `840000x${END}`,
  bitcoin_header_height: `840010x${END}`,
  bitcoin_ibd: `0x${END}`,
  bitcoin_blocks_disconnected_total: `0x${END - 4} 3x3`,
  bitcoin_peers: `1x${END}`,
  'bitcoin_connections direction="outbound"': `0x${END}`,
  'bitcoin_connections direction="inbound"': `20x${END - 60} 1x59`,
  bitcoin_uptime_seconds: `1e6+60x${END - 10} 5e5+60x9`,
  bitcoin_network_active: `0x${END}`,
  'bitcoin_peers_high_bandwidth selected_by="node"': `3x${END - 180} 0x179`,
  bitcoin_mempool_size: `9x${END - 60} 0x59`,
  bitcoin_mempool_loaded: `1x${END}`,
  'bitcoin_relay_backlog_transactions direction="inbound"': `6e4x${END}`,
  bitcoin_relay_target_transactions_per_second: `14x${END}`,
  bitcoin_upload_target_reached: `1x${END}`,
  'bitcoin_ipc_calls_total method="getpeerinfo"': `0+1x${END}`,
  'bitcoin_ipc_call_seconds_total method="getpeerinfo"': `0+6x${END}`,
  bitcoin_mempool_bytes: `300e6x${END}`,
  bitcoin_mempool_max_bytes: `300e6x${END}`,
  bitcoin_warnings: `1x${END}`,
  bitcoin_tip_median_timestamp_seconds: `600+60x${END}`,
  bitcoin_utxo_trace_active: `0x${END}`,
  bitcoin_size_on_disk_bytes: `0+1e8x${END}`,
  bitcoin_ipc_last_poll_timestamp_seconds: `0x${END}`,
  'bitcoin_ipc_call_errors_total method="getpeerinfo"': `0+1x${END}`,
};

/** Series of a node that restarted with an old tip. */
const SYNCING = { bitcoin_ibd: `0x${GONE} 1x${END - GONE - 1}` };

/** Series of a node that was connected and then is not. */
const UNREACHABLE = { up: `1x${END}`, bitcoin_ipc_up: `1x${GONE} 0x${END - GONE - 1}` };

/** Series of an exporter that was scraped and then cannot be. */
const DOWN = { up: `1x${GONE} 0x${END - GONE - 1}`, bitcoin_ipc_exporter_build_info: `1x${GONE}` };

/** Series of a node with an index that is never synced, one value an hour. */
const UNSYNCED = { 'bitcoin_index_synced index="txindex"': `0x${LONG_HOURS}`, bitcoin_ibd: `0x${LONG_HOURS}` };

const folder = temporaryFolder();

function series(instance: string, values: Readonly<Record<string, string>>, { name, isTest }: Chain, minutes: number) {
  const all = {
    ...values,
    ...(name !== undefined && { [`bitcoin_node_info chain="${name}"`]: `1x${minutes}` }),
    ...(isTest !== undefined && { bitcoin_test_chain: `${Number(isTest)}x${minutes}` }),
  };
  return Object.entries(all).map(([selector, samples]) => {
    const [family, label] = selector.split(" ");
    const labels = [`job="bitcoin"`, `instance="${instance}"`, ...(label === undefined ? [] : [label])];
    return { series: `${family}{${labels.join(", ")}}`, values: samples };
  });
}

/** What fires, as the labels that `expr` groups by. */
function expected(isWanted: (alert: string) => boolean): string[] {
  const wanted = Object.entries(SEVERITIES).filter(([alert]) => isWanted(alert));
  return wanted.flatMap(([alert, severities]) =>
    Object.entries(COLUMNS).flatMap(([chain, column]) => {
      const instance =
        alert === "BitcoinExporterDown"
          ? `${chain}, down`
          : alert === "BitcoinNodeUnreachable"
            ? `${chain}, gone`
            : alert === "BitcoinBackInIbd"
              ? `${chain}, syncing`
              : chain;
      return severities[column]
        .split(" ")
        .filter((severity) => severity !== "")
        .map((severity) => `{alertname="${alert}", instance="${instance}", severity="${severity}"}`);
    }),
  );
}

test("the table has every alert", () => {
  expect(Object.keys(SEVERITIES).sort()).toEqual([...new Set(rules.flatMap(({ alert }) => alert ?? []))].sort());
});

test("docs/runbooks.md lists every alert in the order of the rules, with the severities of the table", () => {
  const listed = [...read("docs/runbooks.md").matchAll(/^\| `(Bitcoin\w+)` \| (.+?) \| (.+?) \| (.+?) \|/gm)];
  const cell = (severities: string) => severities.replaceAll(" ", ", ") || "–";
  const expected = [...new Set(rules.flatMap(({ alert }) => alert ?? []))].map((alert) => {
    const { main, test, regtest } = SEVERITIES[alert]!;
    return [alert, cell(main), cell(test), cell(regtest)];
  });
  expect(listed.map(([, ...cells]) => cells)).toEqual(expected);
});

test("nothing is critical on a test chain", () => {
  const onTestChains = Object.values(SEVERITIES).flatMap(({ main: _, ...others }) => Object.values(others));
  expect(onTestChains.filter((severity) => severity.includes("critical"))).toEqual([]);
});

/** Writes a test that the alerts with `isWanted` names fire at the end, and no others. JSON is YAML too. */
function writeTest(
  minutes: number,
  interval: string,
  input_series: readonly object[],
  isWanted: (alert: string) => boolean,
) {
  const firing = {
    expr: 'group by (alertname, instance, severity) (ALERTS{alertstate="firing"})',
    eval_time: `${minutes}m`,
    exp_samples: expected(isWanted).map((labels) => ({ labels, value: 1 })),
  };
  const file = join(folder, `${interval}.test.yml`);
  const tests = [{ interval, input_series, promql_expr_test: [firing] }];
  writeFileSync(file, JSON.stringify({ rule_files: ruleFiles, evaluation_interval: EVALUATED_EVERY, tests }));
  return file;
}

test(
  "every alert fires on every chain with the severity of the table",
  () => {
    const short = Object.entries<Chain>(CHAINS).flatMap(([chain, of]) => [
      ...series(chain, FAULTS, of, END),
      ...series(`${chain}, syncing`, SYNCING, of, END),
      ...series(`${chain}, gone`, UNREACHABLE, of, GONE),
      ...series(`${chain}, down`, DOWN, of, GONE),
    ]);
    const long = Object.entries<Chain>(CHAINS).flatMap(([chain, of]) => series(chain, UNSYNCED, of, LONG_HOURS));
    const isLong = (alert: string) => alert === "BitcoinIndexNotSynced";
    const files = [
      writeTest(END, "1m", short, (alert) => !isLong(alert)),
      writeTest(LONG_HOURS * 60, "60m", long, isLong),
    ];
    const promtool = Bun.spawnSync(["promtool", "test", "rules", ...files]);
    expect(promtool.stderr.toString()).toBe("");
    expect(promtool.exitCode).toBe(0);
  },
  PROMTOOL_DEADLINE_MS,
);
