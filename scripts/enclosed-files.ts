// The files of the repository that an archive of a release has, at the same paths, so that the commands of its documents work.

import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { filesBelow, ROOT, withLinks, withRepository } from "./artefacts.ts";

/** Files and directories beside the executable. */
export const BESIDE_EXECUTABLE = [
  ...["LICENSE", "README.md", "METRICS.md", "CHANGELOG.md", "SECURITY.md", "docs"],
  ...["packaging/systemd", "packaging/man", "packaging/completions"],
];
/** Of the archive for a host with Prometheus and Grafana. */
export const MONITORING = [
  ...["LICENSE", "docs/dashboards.md", "docs/runbooks.md", "docs/screens"],
  ...["grafana/dashboards", "grafana/provisioning", "packaging/kubernetes"],
  ...["alerts", "recording"].map((name) => `prometheus/bitcoin-node.${name}.rules.yml`),
];

/** Writes `enclosed` to `folder`. Links to other files of the repository lead to `repository`, which is OWNER/NAME. */
export function writeEnclosed(folder: string, enclosed: readonly string[], repository: string | undefined): void {
  const files = enclosed.flatMap((path) =>
    statSync(join(ROOT, path)).isDirectory() ? filesBelow(join(ROOT, path)).map((file) => join(path, file)) : [path],
  );
  for (const file of files) {
    const content = readFileSync(join(ROOT, file));
    const copy = join(folder, file);
    mkdirSync(dirname(copy), { recursive: true });
    const isEnclosed = (target: string) => files.includes(target) || enclosed.includes(target);
    if (file.endsWith(".png")) writeFileSync(copy, content);
    else writeFileSync(copy, withRepository(withLinks(String(content), file, isEnclosed), repository));
  }
}
