// Which executables the live tests run: the node's, named by the environment, and the exporter's, compiled by then. Without
// a node the tests are skipped, and their names say why.

import { beforeAll, describe } from "bun:test";
import { COMPILE_DEADLINE_MS, compiledExporter } from "../exporter-command.ts";

const VARIABLES = ["BITCOIN_NODE", "BITCOIN_CLI"] as const;

/** The path that an environment variable names. For tests that run. */
export function fromEnvironment(variable: (typeof VARIABLES)[number]): string {
  const path = process.env[variable];
  if (!path) throw new Error(`${variable} is not set`);
  return path;
}

/** Tests that need a real node: skipped, with the reason in the name, where the environment names none. */
export function describeLive(name: string, tests: () => void): void {
  const missing = VARIABLES.filter((variable) => !process.env[variable]);
  const reason = missing.length === 0 ? "" : ` (skipped: ${missing.join(" and ")} not set)`;
  describe.skipIf(missing.length > 0)(name + reason, () => {
    beforeAll(prepare, COMPILE_DEADLINE_MS);
    tests();
  });
}

async function prepare(): Promise<void> {
  for (const variable of VARIABLES) {
    const path = fromEnvironment(variable);
    if (Bun.which(path) === null) throw new Error(`${variable} names no executable: ${path}`);
  }
  await compiledExporter();
}
