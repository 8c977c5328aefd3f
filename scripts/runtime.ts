// Fetches Bun's runtime for each release target from its npm package, with the version and the checksum of bun.lock. Used by
// build.ts, release.ts and sbom.ts.

import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./artefacts.ts";

const CACHE = join(ROOT, "node_modules", ".cache", "runtime");

/** By Bun's name of the target: the package, and the flags with which `bun install` selects it. */
export const RUNTIMES = {
  "bun-linux-x64": { packageName: "@oven/bun-linux-x64", cpu: "x64", libc: "glibc" },
  "bun-linux-x64-musl": { packageName: "@oven/bun-linux-x64-musl", cpu: "x64", libc: "musl" },
  "bun-linux-arm64": { packageName: "@oven/bun-linux-aarch64", cpu: "arm64", libc: "glibc" },
  "bun-linux-arm64-musl": { packageName: "@oven/bun-linux-aarch64-musl", cpu: "arm64", libc: "musl" },
} as const;

export type Target = keyof typeof RUNTIMES;

export const TARGETS = Object.keys(RUNTIMES) as Target[];

/** Bun's names of the targets for older CPUs. Their packages on npm have the same file since Bun 1.4: it needs SSE4.2, not AVX2. */
const BASELINES: Readonly<Record<string, Target>> = {
  "bun-linux-x64-baseline": "bun-linux-x64",
  "bun-linux-x64-baseline-musl": "bun-linux-x64-musl",
};

export class RuntimeError extends Error {}

/** @throws RuntimeError when it is not a release target */
export function readTarget(text: string): Target {
  const target = BASELINES[text] ?? TARGETS.find((name) => name === text);
  if (target === undefined) throw new RuntimeError(`unknown target "${text}": expected one of ${TARGETS.join(", ")}`);
  return target;
}

/**
 * The path of the runtime for `target`, from the cache or npm.
 * @throws RuntimeError when it cannot be fetched
 */
export function fetchRuntime(target: Target): string {
  const { packageName, cpu, libc } = RUNTIMES[target];
  const folder = join(CACHE, target);
  mkdirSync(folder, { recursive: true });
  for (const file of ["package.json", "bun.lock"]) copyFileSync(join(ROOT, file), join(folder, file));
  const install = Bun.spawnSync(
    [
      process.execPath,
      "install",
      "--frozen-lockfile",
      "--ignore-scripts",
      "--os=linux",
      `--cpu=${cpu}`,
      `--libc=${libc}`,
    ],
    { cwd: folder, stdout: "ignore", stderr: "pipe" },
  );
  const runtime = join(folder, "node_modules", packageName, "bin", "bun");
  // The package is optional: bun install skips a missing one or one with another checksum without an error.
  if (install.success && existsSync(runtime)) return runtime;
  const reason =
    /error: (.*)/.exec(install.stderr.toString())?.[1] ?? "missing, or its checksum is not that of bun.lock";
  throw new RuntimeError(
    `cannot fetch ${packageName}: ${reason}; use --runtime FILE with a Bun executable for ${target}`,
  );
}
