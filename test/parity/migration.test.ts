// The guide says what the maps say, its PromQL is PromQL, and Prometheus makes of it what parity makes of it.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isCompared } from "../../scripts/parity/exporter-map.ts";
import { MAPS } from "../../scripts/parity/maps.ts";
import { GUIDE, recordingRules, recordings, withGenerated } from "../../scripts/parity/migration.ts";
import { labelText, type Page, type Sample } from "../../scripts/text-format.ts";
import { familyNames, OUR_FAMILIES } from "./our-families.ts";
import { EXPORTERS, ourFixture, theirFixture } from "./pages.ts";

/** Queries that are not ours to compare, and yet exact. */
const EXACT_QUERIES = ["bitcoind_block_inputs", "bitcoin_latest_block_utxo_increase"];

const guide = readFileSync(GUIDE, "utf8");
const promtool = Bun.which("promtool");
const folder = mkdtempSync(join(tmpdir(), "parity-rules-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Rows of the tables `query there | query here`: the first code in the second cell. */
const rewrites = [...guide.matchAll(/^\| `[^`]+` *\| `([^`]+)`[^|]*\|$/gm)].map(([, query]) =>
  query!.replaceAll("$__rate_interval", "5m"),
);

function promtoolRun(...args: string[]): { exitCode: number; output: string } {
  const run = Bun.spawnSync([promtool!, ...args], { cwd: folder });
  return { exitCode: run.exitCode, output: run.stdout.toString() + run.stderr.toString() };
}

test("its tables and rules are those of the maps", () => {
  expect(withGenerated(guide)).toBe(guide);
  for (const name of Object.keys(MAPS)) expect(guide).toContain(`<!-- table: ${name} -->`);
});

test("a place for a map that there is not is refused", () => {
  expect(() => withGenerated("<!-- table: nobody -->\n<!-- end -->")).toThrow("no map for <!-- table: nobody -->");
});

test("its rewritten queries ask for families that there are", () => {
  expect(rewrites.length).toBeGreaterThan(15);
  expect(rewrites.flatMap(familyNames).filter((name) => !OUR_FAMILIES.has(name))).toEqual([]);
});

test.skipIf(!promtool)("its rewritten queries are PromQL", () => {
  const rules = rewrites.map((query, index) => ({ record: `query:${index}`, expr: query }));
  writeFileSync(join(folder, "rewrites.json"), JSON.stringify({ groups: [{ name: "rewrites", rules }] }));
  expect(promtoolRun("check", "rules", "rewrites.json")).toMatchObject({ exitCode: 0 });
});

test("a rule gives no name that a family of ours has", () => {
  const records = Object.values(MAPS).flatMap((map) => recordings(map).map(({ record }) => record));
  expect(records.filter((record) => OUR_FAMILIES.has(record))).toEqual([]);
  expect(recordings(MAPS["original"]!)).toEqual([]);
});

test("a query converts units and renames labels", () => {
  const entries = [
    { theirs: "a", kind: "unit", ours: "b", factor: 1e-8, note: "BTC" },
    { theirs: "c", kind: "unit", ours: "d", factor: 1000, note: "ms" },
    { theirs: "e", kind: "same", ours: "f", labels: { way: "direction" } },
    { theirs: "g_<n>", kind: "same", ours: "h{target='<n>'}", values: ["2", "3"] },
    { theirs: "i", kind: "none", query: "j - k", note: "near" },
    { theirs: "l", kind: "none", note: "no source" },
  ] as const;
  expect(recordings({ exporter: "a test", source: "none", entries })).toEqual([
    { record: "a", query: "b / 1e8" },
    { record: "c", query: "d * 1000" },
    { record: "e", query: 'label_replace(f, "direction", "$1", "way", "(.*)")' },
    { record: "g_2", query: "h{target='2'}" },
    { record: "g_3", query: "h{target='3'}" },
    { record: "i", query: "j - k" },
  ]);
});

describe.skipIf(!promtool).each(EXPORTERS.filter((name) => name !== "original"))("the rules for %s", (exporter) => {
  const map = MAPS[exporter]!;
  const rulesFile = `${exporter}.yml`;
  writeFileSync(join(folder, rulesFile), recordingRules(exporter, map));

  test("are rules", () => {
    expect(promtoolRun("check", "rules", rulesFile)).toMatchObject({ exitCode: 0 });
  });

  test("make their values of ours, by Prometheus's own reckoning", () => {
    const entries = map.entries.filter((entry) => isCompared(entry) || EXACT_QUERIES.includes(entry.theirs));
    const records = new Set(recordings({ ...map, entries }).map(({ record }) => record));
    // What leaves the mempool in a block is not reported over IPC.
    const expected = samplesOf(theirFixture(exporter)).filter(
      ({ name, labels }) => records.has(name) && labels.get("reason") !== "block",
    );
    expect(new Set(expected.map(({ name }) => name))).toEqual(records);
    writeFileSync(join(folder, `${exporter}-test.json`), JSON.stringify(ruleTest(rulesFile, expected)));
    expect(promtoolRun("test", "rules", `${exporter}-test.json`)).toMatchObject({ exitCode: 0 });
  });
});

/** A test for promtool: that the rules make `expected` of the fixture of ours. */
function ruleTest(rulesFile: string, expected: readonly Sample[]) {
  const input = samplesOf(ourFixture()).map(({ name, labels, value }) => ({
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
