// Reads the dashboards and rules of this repository for the tests: every expression with its place.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "../..");

export interface GridPos {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

export interface PanelJson {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: GridPos;
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly {
    readonly expr: string;
    readonly refId: string;
    readonly legendFormat: string;
    readonly datasource: { uid: string };
  }[];
  readonly fieldConfig?: {
    readonly defaults: { readonly unit?: string };
    readonly overrides: readonly {
      readonly matcher: { readonly options: string };
      readonly properties: readonly { readonly value: unknown }[];
    }[];
  };
}

export interface VariableJson {
  readonly name: string;
  readonly type: string;
  readonly query: string | { readonly query: string };
  readonly regex?: string;
  readonly allValue?: string;
  readonly multi?: boolean;
}

export interface DashboardJson {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly PanelJson[];
  readonly annotations: { readonly list: readonly { readonly name: string; readonly expr: string }[] };
  readonly templating: { readonly list: readonly VariableJson[] };
  readonly links: readonly { readonly url: string }[];
}

export interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** An expression and its place: a panel's query or a rule. */
export interface Expression {
  readonly place: string;
  readonly expr: string;
}

/** By file name. */
export const dashboards: Readonly<Record<string, DashboardJson>> = Object.fromEntries(
  readdirSync(join(ROOT, "grafana/dashboards")).map((file) => [file, JSON.parse(read(`grafana/dashboards/${file}`))]),
);

export const ruleFiles = readdirSync(join(ROOT, "prometheus"))
  .filter((file) => file.endsWith(".rules.yml"))
  .map((file) => join(ROOT, "prometheus", file));

export const ruleTestFiles = readdirSync(join(ROOT, "prometheus/tests")).map((file) =>
  join(ROOT, "prometheus/tests", file),
);

export const rules: readonly Rule[] = ruleFiles.flatMap((file) => {
  const { groups } = readYaml<{ groups: { rules: Rule[] }[] }>(file);
  return groups.flatMap((group) => group.rules);
});

/** What queries may read: the families in METRICS.md, and of histograms their parts. */
export const families: ReadonlySet<string> = new Set(
  [...read("METRICS.md").matchAll(/^\| `((?:bitcoin|process)_\w+)` \| (\w+) \|/gm)].flatMap(([, name, type]) =>
    type === "histogram" ? ["_bucket", "_sum", "_count"].map((part) => name + part) : name!,
  ),
);

/** Of all panels and annotations. */
export function dashboardExpressions(file: string, dashboard = dashboards[file]!): Expression[] {
  let row = "";
  const ofPanels = dashboard.panels.flatMap(({ type, title, targets = [] }) => {
    if (type === "row") row = title;
    return targets.map(({ expr, refId }) => ({ place: `${file}: ${row}: ${title}: ${refId}`, expr }));
  });
  const ofAnnotations = dashboard.annotations.list.map(({ name, expr }) => ({ place: `${file}: mark: ${name}`, expr }));
  return [...ofPanels, ...ofAnnotations];
}

export function ruleExpressions(): Expression[] {
  return rules.map(({ alert, record, labels, expr }) => ({
    place: alert === undefined ? record! : `${alert} (${labels?.["severity"]})`,
    expr,
  }));
}

export function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

export function readYaml<T>(file: string): T {
  return Bun.YAML.parse(readFileSync(file, "utf8")) as T;
}
