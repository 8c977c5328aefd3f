// Which executables the live tests run: the nodes' and the original exporter's, named by the environment, and ours, compiled
// by then. Where one is missing its tests are skipped, and their names say why.

import { beforeAll, describe } from "bun:test";
import type { LayoutName } from "../../src/node/layouts.ts";
import { COMPILE_DEADLINE_MS, compiledExporter } from "../exporter-command.ts";

/** A node of Bitcoin Core, built from one source or another. */
export interface NodeBuild {
  /** What the exporter has to find out about it. */
  readonly layout: LayoutName;
  /** The variables of the environment that name its executables. */
  readonly node: string;
  readonly cli: string;
}

export const PR_TRACE: NodeBuild = { layout: "pr/trace", node: "BITCOIN_NODE", cli: "BITCOIN_CLI" };
export const V32: NodeBuild = { layout: "v32", node: "BITCOIN_NODE_MASTER", cli: "BITCOIN_CLI_MASTER" };

/** The path that an environment variable names. For tests that run. */
export function fromEnvironment(variable: string): string {
  const path = process.env[variable];
  if (!path) throw new Error(`${variable} is not set`);
  return path;
}

/** ipc-exporter-rust, which this exporter replaces. */
export const ORIGINAL_EXPORTER = "ORIGINAL_EXPORTER";

/**
 * Tests that need a real node, and the executables that further variables name: skipped, with the reason in the name, where
 * the environment does not name them all.
 */
export function describeLive(name: string, tests: () => void, build = PR_TRACE, further: readonly string[] = []): void {
  const variables = [build.node, build.cli, ...further];
  const missing = variables.filter((variable) => !process.env[variable]);
  const reason = missing.length === 0 ? "" : ` (skipped: ${missing.join(" and ")} not set)`;
  describe.skipIf(missing.length > 0)(name + reason, () => {
    beforeAll(() => prepare(variables), COMPILE_DEADLINE_MS);
    tests();
  });
}

/** The same tests for each build, as far as the environment names it. */
export function describeEachBuild(name: string, tests: (build: NodeBuild) => void): void {
  for (const build of [PR_TRACE, V32]) describeLive(`${build.layout}: ${name}`, () => tests(build), build);
}

async function prepare(variables: readonly string[]): Promise<void> {
  for (const variable of variables) {
    const path = fromEnvironment(variable);
    if (Bun.which(path) === null) throw new Error(`${variable} names no executable: ${path}`);
  }
  await compiledExporter();
}
