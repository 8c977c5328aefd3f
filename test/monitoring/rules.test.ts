// The rules as files: promtool checks and tests them, and each alert has its texts, tests and documents.

import { expect, test } from "bun:test";
import { selectorsOf } from "./selectors.ts";
import { dashboards, families, read, readYaml, ruleExpressions, ruleFiles, rules, ruleTestFiles } from "./sources.ts";

const PROMTOOL_DEADLINE_MS = 60_000;
const SEVERITIES = ["critical", "warning", "info"];
/** Metrics that Prometheus itself makes for each target. */
const OF_PROMETHEUS = ["up"];

interface RuleTests {
  readonly tests: readonly {
    readonly alert_rule_test?: readonly {
      readonly alertname: string;
      readonly exp_alerts: readonly { readonly exp_labels: Readonly<Record<string, string>> }[];
    }[];
    readonly promql_expr_test?: readonly { readonly expr: string; readonly exp_samples: readonly unknown[] }[];
  }[];
}

const ruleTests = ruleTestFiles.flatMap((file) => readYaml<RuleTests>(file).tests);
const alerts = rules.filter(({ alert }) => alert !== undefined);
const records = rules.filter(({ record }) => record !== undefined);

test.each([
  ["check", "rules", "--lint=all", "--lint-fatal", ...ruleFiles],
  ["test", "rules", ...ruleTestFiles],
])(
  "promtool %s %s",
  (...args) => {
    const promtool = Bun.spawnSync(["promtool", ...args]);
    expect(promtool.stderr.toString()).toBe("");
    expect(promtool.exitCode).toBe(0);
  },
  PROMTOOL_DEADLINE_MS,
);

test("every alert is tested, firing and not", () => {
  const checks = ruleTests.flatMap(({ alert_rule_test = [] }) => alert_rule_test);
  const key = (name: string, severity: string | undefined) => `${name} ${severity}`;
  const fired = checks.flatMap(({ alertname, exp_alerts }) =>
    exp_alerts.map(({ exp_labels }) => key(alertname, exp_labels["severity"])),
  );
  const silent = checks.filter(({ exp_alerts }) => exp_alerts.length === 0).map(({ alertname }) => alertname);
  expect(alerts).not.toBeEmpty();
  for (const { alert, labels } of alerts) {
    expect(fired).toContain(key(alert!, labels?.["severity"]));
    expect(silent).toContain(alert!);
  }
});

test("every recording rule is tested with values", () => {
  const checks = ruleTests
    .flatMap(({ promql_expr_test = [] }) => promql_expr_test)
    .filter(({ exp_samples }) => exp_samples.length > 0)
    .flatMap(({ expr }) => selectorsOf(expr).map(({ metric }) => metric));
  expect(records.map(({ record }) => record!).sort()).toEqual([...new Set(checks)].sort());
});

test("every alert has a severity, a summary, a description and a section in the runbooks", () => {
  const sections = [...read("docs/runbooks.md").matchAll(/^## (\w+)$/gm)].map((match) => match[1]!);
  for (const { alert, labels = {}, annotations = {} } of alerts) {
    expect(SEVERITIES).toContain(labels["severity"]!);
    expect(annotations["summary"] ?? "").toContain("$labels.");
    expect(annotations["description"] ?? "").not.toBe("");
    expect(annotations["runbook_url"] ?? "").toEndWith(`/docs/runbooks.md#${alert!.toLowerCase()}`);
  }
  expect(sections.sort()).toEqual([...new Set(alerts.map(({ alert }) => alert!))].sort());
});

test("the runbooks name panels that the dashboard has", () => {
  const { panels, annotations } = dashboards["bitcoin-node.json"]!;
  const titles = new Set([
    ...panels.map(({ title }) => title),
    ...annotations.list.map(({ name }) => name),
    "Bitcoin node",
  ]);
  const named = [...read("docs/runbooks.md").matchAll(/"([A-Z][^"]*)"/g)].map(([, name]) =>
    name!.replaceAll("\n", " "),
  );
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((name) => !titles.has(name))).toEqual([]);
});

test("rules read no metric that METRICS.md does not have", () => {
  const unknown = ruleExpressions().flatMap(({ place, expr }) =>
    selectorsOf(expr)
      .filter(({ metric }) => !families.has(metric) && !OF_PROMETHEUS.includes(metric))
      .map(({ metric }) => `${place}: ${metric}`),
  );
  expect(unknown).toEqual([]);
});
