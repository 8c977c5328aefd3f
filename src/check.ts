// The report of --check: what a node reports, what killing the exporter does to it, and how to get more.

import { COLLECTOR_NAMES, type CollectorName, costOf, DEFAULT_COLLECTORS } from "./collectors/catalogue.ts";
import { escapeUnprintable } from "./log.ts";
import { type Page, readPage } from "./metrics/text-format-reader.ts";
import type { NodeClient } from "./node/client.ts";
import type { PolledNode } from "./one-poll.ts";
import type { Options } from "./options.ts";
import { reportedBy } from "./session/supported.ts";

type CheckOptions = Pick<Options, "socketPath" | "subscribe" | "utxoTrace" | "collectors" | "rpc">;

/** Of more names than these only the number is printed. */
const MAX_NAMED = 3;

const NOT_REPORTED = "not reported";

/** Several lines for a person. Sections without content are omitted. */
export function checkReport(node: PolledNode, options: CheckOptions): string {
  const { client, collectors, registry } = node;
  const reported = reportedBy(client, options);
  // The poll is over: this shows the event counters as a session of the server has them from its start.
  collectors.startSession(reported);
  collectors.setUtxoTraceActive(reported.utxoTrace || undefined);
  const page = readPage(new TextDecoder().decode(registry.render()));
  const sections: readonly (readonly [title: string, lines: readonly string[]])[] = [
    [`${options.socketPath}: the node has started`, identity(client, page)],
    ["interfaces", table(interfaces(client))],
    ["families with samples, by collector", table(samples(node, page))],
    ["remarks", remarks(node)],
    ["if the exporter is killed (SIGKILL)", [killEffect(client, options)]],
    ["how to get more", table(additions(client, options))],
  ];
  return sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => [title, ...lines.map((line) => `  ${line}`), ""].map(escapeUnprintable).join("\n"))
    .join("\n");
}

type Row = readonly [name: string, text: string];

function table(rows: readonly Row[]): string[] {
  const width = Math.max(0, ...rows.map(([name]) => name.length)) + 2;
  return rows.map(([name, text]) => name.padEnd(width) + text);
}

function identity({ layout }: NodeClient, page: Page): string[] {
  const only = (family: string) => page.get(family)?.samples[0];
  const info = only("bitcoin_node_info")?.labels;
  const version = info?.get("version");
  const value = (family: string, names: Readonly<Record<string, string>> = {}) => {
    const text = only(family)?.text ?? NOT_REPORTED;
    return names[text] ?? text;
  };
  return table([
    ["layout", layout],
    ["version", version === undefined ? NOT_REPORTED : `${version} ${info?.get("subversion")}`],
    ["chain", info?.get("chain") ?? value("bitcoin_test_chain", { 0: "main", 1: "a test chain" })],
    ["height", value("bitcoin_chain_height")],
    ["initial block download", value("bitcoin_ibd", { 0: "over", 1: "active" })],
  ]);
}

function interfaces(client: NodeClient): Row[] {
  const yes = (isSupported: boolean, what: string) => (isSupported ? `yes: ${what}` : "no");
  return [
    ["mining", "yes: the tip and initial block download"],
    [
      "json-rpc",
      yes(client.jsonRpc !== undefined, client.isJsonRpcOverHttp ? "over HTTP, by --rpc-url" : "over the socket"),
    ],
    ["chain and node", yes(client.queries !== undefined, "some values without JSON-RPC")],
    ["notifications", yes(client.hasNotifications, "blocks, mempool changes and flushes as they happen")],
    ["utxo trace", yes(client.hasUtxoTrace, "coins of the UTXO cache as they happen")],
  ];
}

/** Collectors with all their families together, then those with some, then those with none. */
function samples({ collectors }: PolledNode, page: Page): Row[] {
  const hasSamples = (family: string) => (page.get(family)?.samples.length ?? 0) > 0;
  const counts = [...collectors.families].map(([collector, families]) => {
    const missing = families.filter((name) => !hasSamples(name));
    return { collector, missing, total: families.length, count: families.length - missing.length };
  });
  const complete = counts.filter(({ missing }) => missing.length === 0);
  const empty = counts.filter(({ count }) => count === 0);
  const some = counts.filter(({ missing, count }) => missing.length > 0 && count > 0);
  const rows: Row[] = [
    ["all", complete.map(({ collector, total }) => `${collector} ${total}`).join(", ")],
    ...some.map(
      ({ collector, missing, count, total }): Row => [collector, `${count} of ${total}, not ${few(missing)}`],
    ),
    ["none", empty.map(({ collector }) => collector).join(", ")],
  ];
  return rows.filter(([, text]) => text !== "");
}

function few(names: readonly string[]): string {
  const named = names.slice(0, MAX_NAMED).join(", ");
  return names.length > MAX_NAMED ? `${named} and ${names.length - MAX_NAMED} more` : named;
}

/** Not the lines on the wait, which is over, and not those of --debug. */
function remarks({ remarks: lines, failedMethods }: PolledNode): string[] {
  const about = lines.filter((line) => line.includes("have no sample"));
  return failedMethods.size === 0 ? about : [...about, `failed calls: ${few([...failedMethods])}`];
}

/** As described in docs/node-safety.md. */
function killEffect({ layout, hasNotifications }: NodeClient, { subscribe }: CheckOptions): string {
  if (!hasNotifications) return "the node survives";
  if (layout !== "pr/trace") return "the node may crash, as a pr/trace node does; stop the exporter with SIGTERM";
  return subscribe
    ? "the node crashes; stop the exporter with SIGTERM, or set --no-subscribe"
    : "the node survives, unless a call is under way; stop the exporter with SIGTERM";
}

function additions(client: NodeClient, { collectors, subscribe, utxoTrace }: CheckOptions): Row[] {
  const rows: Row[] = [];
  if (client.jsonRpc === undefined) {
    rows.push(
      ["--rpc-url http://127.0.0.1:8332", "everything that JSON-RPC reports; the port depends on the chain"],
      ["Bitcoin Core v32", "the same over the socket, without a password"],
    );
  }
  if (client.hasNotifications && !subscribe)
    rows.push(["without --no-subscribe", "blocks, mempool changes and flushes as they happen"]);
  if (client.hasUtxoTrace && subscribe && !utxoTrace)
    rows.push(["without --no-utxo-trace", "coins of the UTXO cache as they happen"]);
  // Those that do not run by default read JSON-RPC alone.
  const others = client.jsonRpc === undefined ? [] : COLLECTOR_NAMES.filter((name) => !collectors.includes(name));
  const flag = (name: CollectorName) =>
    DEFAULT_COLLECTORS.includes(name) ? `collector ${name}` : `--collectors default,${name}`;
  return [...rows, ...others.map((name): Row => [flag(name), `cost to the node: ${costOf(name)}`])];
}
