// docs/migration.md has what the maps say, its queries are PromQL, and Prometheus evaluates them as parity does.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MAPS } from "../../scripts/parity/maps.ts";
import { GUIDE, recordingRules, recordings, withGenerated } from "../../scripts/parity/migration.ts";
import { labelText, type Page, type Sample } from "../../src/metrics/text-format-reader.ts";
import { lacking } from "../skipped.ts";
import { EXPORTERS, fixture, isCompared, OUR_FAMILIES, theirFixture, unknownFamilies } from "./pages.ts";

/** Queries that are exact although parity does not compare them. */
const EXACT_QUERIES = [
  "bitcoind_block_inputs",
  "bitcoin_latest_block_utxo_increase",
  "peerobserver_rpc_peer_info_transport_protocol_type_peers",
  "peerobserver_rpc_peer_info_protocol_version_peers",
];

const guide = readFileSync(GUIDE, "utf8");
const promtool = lacking("promtool");
const converted = EXPORTERS.filter((name) => name !== "original");
const folder = mkdtempSync(join(tmpdir(), "parity-rules-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Rows of the tables `query there | query here`: the first code in the second cell. */
const rewrites = [...guide.matchAll(/^\| `[^`]+` *\| `([^`]+)`[^|]*\|$/gm)].map(([, query]) =>
  query!.replaceAll("$__rate_interval", "5m"),
);

function promtoolRun(...args: string[]): { exitCode: number; output: string } {
  const run = Bun.spawnSync(["promtool", ...args], { cwd: folder });
  return { exitCode: run.exitCode, output: run.stdout.toString() + run.stderr.toString() };
}

test("its tables and rules are those of the maps", () => {
  expect(withGenerated(guide)).toBe(guide);
  for (const name of Object.keys(MAPS)) expect(guide).toContain(`<!-- table: ${name} -->`);
});

test("a place for an unknown map is refused", () => {
  expect(() => withGenerated("<!-- table: unknown -->\n<!-- end -->")).toThrow("no map for <!-- table: unknown -->");
});

test("its rewritten queries name families that exist", () => {
  expect(rewrites.length).toBeGreaterThan(15);
  expect(rewrites.flatMap(unknownFamilies)).toEqual([]);
});

test.skipIf(promtool !== "")(`its rewritten queries are PromQL${promtool}`, () => {
  const rules = rewrites.map((query, index) => ({ record: `query:${index}`, expr: query }));
  writeFileSync(join(folder, "rewrites.json"), JSON.stringify({ groups: [{ name: "rewrites", rules }] }));
  expect(promtoolRun("check", "rules", "rewrites.json")).toMatchObject({ exitCode: 0 });
});

test("no rule records under the name of a family of this exporter", () => {
  const records = Object.values(MAPS).flatMap((map) => recordings(map).map(({ record }) => record));
  expect(records.filter((record) => OUR_FAMILIES.has(record))).toEqual([]);
  expect(recordings(MAPS["original"]!)).toEqual([]);
});

test("a query converts units and fills in placeholders", () => {
  const entries = [
    { theirs: "a", ours: "b", conversion: "/ 1e8" },
    { theirs: "c", ours: "d", conversion: "* 1000" },
    { theirs: "e", ours: "f" },
    { theirs: "g_<n>", ours: "h{target='<n>'}", values: ["2", "3"] },
    { theirs: "i", query: "j - k" },
    { theirs: "l" },
    { theirs: "m", ours: "f", differs: true, query: "f + 1" },
    { theirs: "b", ours: "b" },
  ] as const;
  expect(recordings({ entries })).toEqual([
    { record: "a", query: "b / 1e8" },
    { record: "c", query: "d * 1000" },
    { record: "e", query: "f" },
    { record: "g_2", query: "h{target='2'}" },
    { record: "g_3", query: "h{target='3'}" },
    { record: "i", query: "j - k" },
    { record: "m", query: "f + 1" },
  ]);
});

describe.skipIf(promtool !== "").each(converted)(`the rules for %s${promtool}`, (exporter) => {
  const map = MAPS[exporter]!;
  const rulesFile = `${exporter}.yml`;
  writeFileSync(join(folder, rulesFile), recordingRules(exporter, map));

  test("are rules", () => {
    expect(promtoolRun("check", "rules", rulesFile)).toMatchObject({ exitCode: 0 });
  });

  test("make their values from ours when Prometheus evaluates them", () => {
    const entries = map.entries.filter((entry) => isCompared(entry) || EXACT_QUERIES.includes(entry.theirs));
    const records = new Set(recordings({ ...map, entries }).map(({ record }) => record));
    // The node does not report over IPC a transaction that leaves the mempool in a block.
    const expected = samplesOf(theirFixture(exporter)).filter(
      ({ name, labels }) => records.has(name) && labels.get("reason") !== "block",
    );
    expect(new Set(expected.map(({ name }) => name))).toEqual(records);
    writeFileSync(join(folder, `${exporter}-test.json`), JSON.stringify(ruleTest(rulesFile, expected)));
    expect(promtoolRun("test", "rules", `${exporter}-test.json`)).toMatchObject({ exitCode: 0 });
  });
});

/** A promtool test: the rules make `expected` from our fixture. */
function ruleTest(rulesFile: string, expected: readonly Sample[]) {
  const input = samplesOf(fixture("ours")).map(({ name, labels, value }) => ({
    series: name + labelText(labels),
    values: `${value}+0x2`,
  }));
  const checks = expected.map(({ name, labels, value }) => ({
    expr: `count(abs(${name}${labelText(labels)} - ${value}) <= 1e-9 * ${Math.abs(value)})`,
    eval_time: "1m",
    exp_samples: [{ value: 1 }],
  }));
  return {
    rule_files: [rulesFile],
    evaluation_interval: "1m",
    tests: [{ interval: "1m", input_series: input, promql_expr_test: checks }],
  };
}

function samplesOf(page: Page): Sample[] {
  return [...page.values()].flatMap(({ samples }) => samples);
}
