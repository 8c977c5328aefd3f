// Bun's runtime for the machines that the exporter is released for. It comes from the npm package that carries it, of the
// version and with the checksum that bun.lock states. Called by build.ts, release.ts and sbom.ts.

import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const CACHE = join(ROOT, "node_modules", ".cache", "runtime");

/** By Bun's name of the target: what its package is called, and what `bun install` has to be told to take it. */
export const RUNTIMES = {
  "bun-linux-x64": { packageName: "@oven/bun-linux-x64", cpu: "x64", libc: "glibc" },
  "bun-linux-x64-musl": { packageName: "@oven/bun-linux-x64-musl", cpu: "x64", libc: "musl" },
  "bun-linux-arm64": { packageName: "@oven/bun-linux-aarch64", cpu: "arm64", libc: "glibc" },
  "bun-linux-arm64-musl": { packageName: "@oven/bun-linux-aarch64-musl", cpu: "arm64", libc: "musl" },
} as const;

export type Target = keyof typeof RUNTIMES;

export const TARGETS = Object.keys(RUNTIMES) as Target[];

export class RuntimeError extends Error {}

/** @throws RuntimeError when it is none that the exporter is released for. */
export function readTarget(text: string): Target {
  const target = TARGETS.find((name) => name === text);
  if (target === undefined) throw new RuntimeError(`unknown target "${text}": give one of ${TARGETS.join(", ")}`);
  return target;
}

/**
 * The path of the runtime for `target`, fetched unless it is there from the last time.
 * @throws RuntimeError when it cannot be had.
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
  // To Bun it is an optional package: one that is missing or has another checksum is left out without an error.
  if (install.success && existsSync(runtime)) return runtime;
  const reason = /error: (.*)/.exec(install.stderr.toString())?.[1] ?? "missing, or not the one that bun.lock names";
  throw new RuntimeError(`cannot fetch ${packageName}: ${reason}; --runtime FILE takes a Bun executable for ${target}`);
}
