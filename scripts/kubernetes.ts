// Writes packaging/kubernetes/prometheus-rule.yaml, the rules of prometheus/ for Prometheus Operator: `bun run kubernetes`.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { filesBelow, ROOT } from "./artefacts.ts";

const FILE = join(ROOT, "packaging/kubernetes/prometheus-rule.yaml");
const RULES = join(ROOT, "prometheus");
const HEADER = `# Made from prometheus/*.rules.yml by \`bun run kubernetes\`. The label \`release\` selects the Prometheus.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: bitcoin-node
  labels:
    release: prometheus
spec:
  groups:
`;

const ruleFiles = filesBelow(RULES).filter((file) => file.endsWith(".rules.yml"));
const groups = ruleFiles.map((file) => {
  const [, body] = readFileSync(join(RULES, file), "utf8").split(/^groups:\n/m);
  if (body === undefined) throw new Error(`prometheus/${file} has no groups`);
  return body.replace(/^(?=.)/gm, "  ");
});
writeFileSync(FILE, HEADER + groups.join(""));
