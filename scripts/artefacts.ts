// What deb.ts and release.ts share: compiling for a target, checksums, and the address of the repository in texts.

import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import packageJson from "../package.json" with { type: "json" };
import type { Target } from "./runtime.ts";

export const ROOT = join(import.meta.dirname, "..");
export const DIST = join(ROOT, "dist");

/** The repository in the links of documents, dashboards and rules, until a release names the owner. */
const PLACEHOLDER = "OWNER/bitcoind-ipc-exporter";
const REGISTRY = "ghcr.io/";

/** `repository` is OWNER/NAME. Without it the text keeps the placeholder. Registries accept lower case only. */
export function withRepository(text: string, repository: string | undefined): string {
  if (repository === undefined) return text;
  return text
    .replaceAll(REGISTRY + PLACEHOLDER, REGISTRY + repository.toLowerCase())
    .replaceAll(PLACEHOLDER, repository);
}

/**
 * The document at `path` of the repository for a place that has only some of its files: the relative links of Markdown to other
 * files lead to the repository at the tag of this version.
 */
export function withLinks(text: string, path: string, isEnclosed: (target: string) => boolean): string {
  if (!path.endsWith(".md")) return text;
  return text.replaceAll(/\]\((?!https?:)([^)\s#]+)/g, (link, target: string) => {
    const file = join(dirname(path), target);
    if (isEnclosed(file)) return link;
    const view = file.endsWith(".png") ? "raw" : "blob";
    return `](https://github.com/${PLACEHOLDER}/${view}/v${packageJson.version}/${file}`;
  });
}

/** Compiles the exporter for `target` with scripts/build.ts, and exits with status 1 when that fails. */
export function compile(target: Target, executable: string): void {
  run(["bun", join(import.meta.dirname, "build.ts"), "--target", target, "--outfile", executable]);
}

/** Runs a command. When it fails, its errors are on stderr, and this program exits with status 1. */
export function run(command: string[], env: Record<string, string> = {}): void {
  const { success } = Bun.spawnSync(command, {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, ...env },
  });
  if (!success) process.exit(1);
}

/** Seconds since 1970, of the commit that is built: the bytes do not depend on when. 0 outside a repository. */
export function commitTime(): number {
  return Number(Bun.spawnSync(["git", "-C", ROOT, "log", "-1", "--format=%ct"], { stderr: "ignore" }).stdout);
}

export async function sha256(path: string): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  for await (const chunk of Bun.file(path).stream()) hasher.update(chunk);
  return hasher.digest("hex");
}

/** Paths relative to `folder`, sorted. */
export function filesBelow(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)).sort();
}
