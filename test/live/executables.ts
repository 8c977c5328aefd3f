// The executables that the live tests run: nodes by version and the original exporter, named by the environment, and ours,
// compiled before the first test. Tests whose executable is missing are skipped, and their names say which variable is not set.

import { beforeAll, describe } from "bun:test";
import type { LayoutName } from "../../src/node/layouts.ts";
import { COMPILE_DEADLINE_MS, compiledExporter } from "../exporter-command.ts";
import { unless } from "../skipped.ts";

/** A node of Bitcoin Core of one version, and how the exporter reaches it. */
export interface NodeBuild {
  /** The layout that the exporter has to detect. */
  readonly layout: LayoutName;
  /** The environment variables that name its executables. */
  readonly node: string;
  readonly cli: string;
  /** Whether the exporter is started with --rpc-url. */
  readonly hasRpcUrl: boolean;
}

export const V32 = build("v32", "_V32", "_MASTER");
export const V31 = build("v31", "_V31");
export const V30 = build("v30", "_V30");
export const PR_TRACE = build("pr/trace", "_PR_TRACE", "");
export const BUILDS: readonly NodeBuild[] = [V32, V31, V30, PR_TRACE];

/** Releases that a crash or SIGKILL of the exporter cannot harm: nothing is subscribed on them. */
export const RELEASES: readonly NodeBuild[] = [V32, V31, V30];

/** Nodes that answer JSON-RPC methods on the socket. */
export const WITH_JSON_RPC: readonly NodeBuild[] = [V32, PR_TRACE];

/** Nodes that answer them over HTTP only: with --rpc-url. */
export const WITH_RPC_URL: readonly NodeBuild[] = [V31, V30].map((build) => ({ ...build, hasRpcUrl: true }));

/** Each node in each way that the exporter reaches it. */
export const EVERY_WAY: readonly NodeBuild[] = [...BUILDS, ...WITH_RPC_URL];

/** Whether JSON-RPC methods answer the exporter, over IPC or HTTP. */
export function hasJsonRpc(build: NodeBuild): boolean {
  return build.hasRpcUrl || WITH_JSON_RPC.includes(build);
}

function build(layout: LayoutName, suffix: string, alias = suffix): NodeBuild {
  const name = (program: string) => {
    const [variable, other] = [`${program}${suffix}`, `${program}${alias}`];
    return isNamed(variable) || !isNamed(other) ? variable : other;
  };
  return { layout, node: name("BITCOIN_NODE"), cli: name("BITCOIN_CLI"), hasRpcUrl: false };
}

/** Whether an environment variable names an executable. */
export function isNamed(variable: string): boolean {
  return Boolean(process.env[variable]);
}

/** The path that an environment variable names. Throws when it is not set. */
export function fromEnvironment(variable: string): string {
  const path = process.env[variable];
  if (!path) throw new Error(`${variable} is not set`);
  return path;
}

/** ipc-exporter-rust, which this exporter replaces. */
export const ORIGINAL_EXPORTER = "ORIGINAL_EXPORTER";

/** Tests that need a real node and the executables that further variables name. */
export function describeLive(name: string, tests: () => void, build = PR_TRACE, further: readonly string[] = []): void {
  const variables = [build.node, build.cli, ...further];
  const missing = variables.filter((variable) => !isNamed(variable));
  const reason = unless(missing.length === 0, `${missing.join(" and ")} not set`);
  describe.skipIf(reason !== "")(name + reason, () => {
    beforeAll(() => prepare(variables), COMPILE_DEADLINE_MS);
    tests();
  });
}

/** The same tests for each build. */
export function describeEachBuild(name: string, tests: (build: NodeBuild) => void, builds = BUILDS): void {
  for (const build of builds) {
    const way = build.hasRpcUrl ? " with --rpc-url" : "";
    describeLive(`${build.layout}${way}: ${name}`, () => tests(build), build);
  }
}

async function prepare(variables: readonly string[]): Promise<void> {
  for (const variable of variables) {
    const path = fromEnvironment(variable);
    if (Bun.which(path) === null) throw new Error(`${variable} names no executable: ${path}`);
  }
  await compiledExporter();
}
