// Writes dashboards/*.json: `bun run dashboards`. With --check it writes nothing, names the outdated files and exits with 1.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bitcoinNode } from "./bitcoin-node.ts";
import { bitcoinNodes } from "./bitcoin-nodes.ts";

const FILES = { "bitcoin-node.json": bitcoinNode, "bitcoin-nodes.json": bitcoinNodes };

const isCheck = process.argv.includes("--check");
for (const [name, dashboard] of Object.entries(FILES)) {
  const file = join(import.meta.dirname, "dashboards", name);
  const text = `${JSON.stringify(dashboard, null, 2)}\n`;
  if (!isCheck) {
    writeFileSync(file, text);
  } else if (readFileSync(file, "utf8") !== text) {
    console.error(`grafana/dashboards/${name}: not up to date; run: bun run dashboards`);
    process.exitCode = 1;
  }
}
