// The dashboards as files. prometheus.test.ts evaluates their expressions.

import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { selectorsOf } from "./selectors.ts";
import { dashboardExpressions, dashboards, families, type GridPos, ROOT, read, readYaml } from "./sources.ts";

const PANEL_TYPES = ["row", "timeseries", "stat", "bargauge", "table", "state-timeline"];

/** Those of rates follow the scrapes; the others are what the panel's title or description says. */
const RANGES = ["$__rate_interval", "1h", "1d", "7d", "30d"];

test("there is one for a node and one for many", () => {
  expect(
    Object.entries(dashboards)
      .map(([file, { uid }]) => [file, uid])
      .sort(),
  ).toEqual([
    ["bitcoin-node.json", "bitcoin-node"],
    ["bitcoin-nodes.json", "bitcoin-nodes"],
  ]);
});

/** What is on no dashboard, and why. */
const NOT_SHOWN: Readonly<Record<string, string>> = {
  bitcoin_block_height: "bitcoin_chain_height is the same except after invalidateblock",
  bitcoin_last_block_height: "bitcoin_chain_height is the same",
  bitcoin_utxo_set_height: "bitcoin_chain_height is the same",
  bitcoin_chain_transactions: "its rate is shown",
  bitcoin_block_arrival_seconds_sum: "quantiles are shown",
  bitcoin_block_arrival_seconds_count: "blocks are counted elsewhere",
  bitcoin_mempool_tx_added_size_bytes_count: "transactions are counted elsewhere",
  bitcoin_last_block_size_bytes: "the weight is shown, which is what is limited",
  bitcoin_tip_median_timestamp_seconds: "for an alert",
  bitcoin_test_chain: "for alerts; the chain is shown by name",
  bitcoin_upload_target_reached: "for an alert; what is left is shown",
  bitcoin_pruned: "the first block on disk is shown",
  bitcoin_snapshot_height: "the progress is shown",
  bitcoin_background_validation_height: "the progress is shown",
  bitcoin_mempool_max_cluster_transactions: "a setting",
  bitcoin_mempool_max_cluster_vsize_bytes: "a setting",
  bitcoin_local_addresses: "a setting",
  bitcoin_local_services_info: "a setting",
  process_virtual_memory_bytes: "most of it is reserved address space",
  process_virtual_memory_max_bytes: "most of it is reserved address space",
  process_start_time_seconds: "the node's uptime is shown",
};

test("every metric of METRICS.md is on a dashboard or listed with a reason", () => {
  const queries = Object.keys(dashboards).flatMap((file) => dashboardExpressions(file));
  const shown = new Set(queries.flatMap(({ expr }) => selectorsOf(expr).map(({ metric }) => metric)));
  expect([...families].filter((metric) => !shown.has(metric)).sort()).toEqual(Object.keys(NOT_SHOWN).sort());
});

test("the panels by fee rate have a query and a color for each band of METRICS.md, in that order", () => {
  const [, text] = /The bands are ([^.]*(?:\.\d[^.]*)*)\. /s.exec(read("METRICS.md"))!;
  const bands = [...text!.matchAll(/`([^`]+)`/g)].map(([, band]) => band!);
  expect(bands).toHaveLength(19);
  const panels = dashboards["bitcoin-node.json"]!.panels.filter(({ targets = [] }) => targets.length === bands.length);
  expect(panels).toHaveLength(2);
  for (const { targets, fieldConfig } of panels) {
    expect(targets!.map(({ legendFormat }) => legendFormat)).toEqual(bands);
    for (const [index, { expr }] of targets!.entries()) expect(expr).toContain(`band="${bands[index]}"`);
    const colors = fieldConfig!.overrides.map(({ matcher, properties }) => [matcher.options, properties[0]!.value]);
    expect(colors.map(([band]) => band)).toEqual(bands);
    expect(new Set(colors.map(([, color]) => JSON.stringify(color))).size).toBe(bands.length);
  }
});

test("the JSON files are up to date", () => {
  const check = Bun.spawnSync([process.execPath, join(ROOT, "grafana/write.ts"), "--check"]);
  expect(check.stderr.toString()).toBe("");
  expect(check.exitCode).toBe(0);
});

describe.each(Object.entries(dashboards))("%s", (file, dashboard) => {
  const panels = dashboard.panels.filter(({ type }) => type !== "row");

  test("has panels of types that current Grafana versions support", () => {
    expect(panels.length).toBeGreaterThan(15);
    for (const { type } of dashboard.panels) expect(PANEL_TYPES).toContain(type);
  });

  test.each(panels)("$title: has a title, a description, a unit and the chosen data source", (panel) => {
    expect(panel.title).not.toBe("");
    expect(panel.description ?? "").toEndWith(".");
    expect(panel.fieldConfig?.defaults.unit ?? "").not.toBe("");
    expect(panel.datasource?.uid).toBe("$datasource");
    expect(panel.targets).not.toBeEmpty();
    for (const { datasource } of panel.targets!) expect(datasource.uid).toBe("$datasource");
  });

  test("reads no metric that METRICS.md does not have", () => {
    const unknown = dashboardExpressions(file).flatMap(({ place, expr }) =>
      selectorsOf(expr)
        .filter(({ metric }) => !families.has(metric))
        .map(({ metric }) => `${place}: ${metric}`),
    );
    expect(unknown).toEqual([]);
  });

  test("reads chosen nodes only, over ranges that fit the scrapes", () => {
    for (const { place, expr } of dashboardExpressions(file)) {
      for (const { text } of selectorsOf(expr)) expect(`${place}: ${text}`).toMatch(/instance=~?"\$instance"/);
      for (const [, range] of expr.matchAll(/\[([^\]]+)\]/g)) expect(RANGES).toContain(range!);
    }
  });

  test("numbers its panels and places them without overlap", () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [index, { title, gridPos }] of dashboard.panels.entries()) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      const others = dashboard.panels.slice(index + 1).filter((other) => overlap(gridPos, other.gridPos));
      expect(others.map((other) => `${title} and ${other.title}`)).toEqual([]);
    }
  });

  test("has variables for data source, chain and nodes, and links to the documents", () => {
    expect(dashboard.templating.list.map(({ name }) => name)).toEqual(["datasource", "chain", "instance"]);
    const chain = dashboard.templating.list[1]!;
    expect([chain.multi, chain.allValue]).toEqual([true, ".*"]);
    for (const document of ["METRICS.md", "docs/runbooks.md"]) {
      expect(existsSync(join(ROOT, document))).toBe(true);
      expect(dashboard.links.some(({ url }) => url.endsWith(`/${document}`))).toBe(true);
    }
  });
});

test("provisioning names a data source and the folder that the compose file mounts", () => {
  const folder = join(ROOT, "grafana/provisioning");
  const { datasources } = readYaml<{ datasources: { type: string }[] }>(join(folder, "datasources/prometheus.yaml"));
  expect(datasources.map(({ type }) => type)).toEqual(["prometheus"]);
  const { providers } = readYaml<{ providers: { options: { path: string } }[] }>(
    join(folder, "dashboards/bitcoin.yaml"),
  );
  const compose = readYaml<{ services: Record<string, { volumes: string[] }> }>(join(ROOT, "packaging/compose.yaml"));
  const mounts = new Map(
    compose.services["grafana"]!.volumes.map((volume) => volume.split(":") as [string, string]).map(([from, to]) => [
      to,
      join(ROOT, "packaging", from),
    ]),
  );
  expect(providers.map(({ options }) => mounts.get(options.path))).toEqual([join(ROOT, "grafana/dashboards")]);
  for (const part of ["datasources", "dashboards"])
    expect(mounts.get(`/etc/grafana/provisioning/${part}`)).toBe(join(folder, part));
});

function overlap(a: GridPos, b: GridPos): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}
