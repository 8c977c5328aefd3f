// Makes a release in dist/: for each target an archive with the executable and its documents, a bill of materials, and the
// checksums of all. A commit always makes the same bytes on the same kind of host: only the target that equals the host has
// bytecode (build.ts).

import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import packageJson from "../package.json" with { type: "json" };
import { TARGETS, type Target } from "./runtime.ts";
import { sbom } from "./sbom.ts";

const ROOT = join(import.meta.dirname, "..");
const DIST = join(ROOT, "dist");
const { name: NAME, version: VERSION } = packageJson;

const ENCLOSED = ["LICENSE", "README.md", "METRICS.md", "packaging/systemd", "packaging/man", "packaging/completions"];

mkdirSync(DIST, { recursive: true });
const sums: string[] = [];
for (const target of TARGETS) {
  for (const file of await release(target)) sums.push(`${await sha256(file)}  ${basename(file)}\n`);
}
writeFileSync(join(DIST, "SHA256SUMS"), sums.join(""));
console.log(`${sums.join("")}in ${DIST}`);

/** Makes the files of one target; resolves to their paths. */
async function release(target: Target): Promise<string[]> {
  const title = `${NAME}-${VERSION}-${target.replace("bun-", "")}`;
  const folder = join(DIST, title);
  const archive = `${folder}.tar.gz`;
  const bill = `${folder}.cdx.json`;
  rmSync(folder, { recursive: true, force: true });
  // Bun compiles the file name into the executable, so every release uses the same name.
  const executable = join(folder, NAME);
  run("bun", join(import.meta.dirname, "build.ts"), "--target", target, "--outfile", executable);
  for (const file of ENCLOSED) cpSync(join(ROOT, file), join(folder, basename(file)), { recursive: true });
  writeFileSync(bill, `${JSON.stringify(sbom(target, await sha256(executable)), null, 2)}\n`);
  cpSync(bill, join(folder, "sbom.cdx.json"));
  run(
    ...["tar", "--create", "--gzip", "--file", archive, "--directory", DIST],
    ...["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--mode=u+w,go-w", title],
  );
  rmSync(folder, { recursive: true });
  return [archive, bill];
}

async function sha256(path: string): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  for await (const chunk of Bun.file(path).stream()) hasher.update(chunk);
  return hasher.digest("hex");
}

function run(...command: string[]): void {
  const { success } = Bun.spawnSync(command, { stdio: ["ignore", "ignore", "inherit"] });
  if (!success) process.exit(1);
}
