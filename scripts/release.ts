// Makes a release in dist/release: for each target an archive with the executable and its documents and a bill of materials, the
// Debian packages, the dashboards and rules, and the checksums of all. dist/notes.md has the version's part of CHANGELOG.md.
// `--repository OWNER/NAME` writes that address into the links. `--tag` fails for another tag than that of the version.
// A commit always makes the same bytes on the same kind of host: only the target that equals the host has bytecode (build.ts).

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import packageJson from "../package.json" with { type: "json" };
import { compile, DIST, ROOT, run, sha256 } from "./artefacts.ts";
import { ARCHITECTURES, type DebTarget, makeDeb } from "./deb.ts";
import { BESIDE_EXECUTABLE, MONITORING, writeEnclosed } from "./enclosed-files.ts";
import { TARGETS, type Target } from "./runtime.ts";
import { sbom } from "./sbom.ts";

const { name: NAME, version: VERSION } = packageJson;
const OUT = join(DIST, "release");

const { values } = parseArgs({ options: { repository: { type: "string" }, tag: { type: "string" } } });
if (values.tag !== undefined && values.tag !== `v${VERSION}`) {
  console.error(
    `release: tag ${values.tag} is not that of version ${VERSION}; change the version in package.json or the tag`,
  );
  process.exit(1);
}

rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT, { recursive: true });
const files = [archive("dashboards", MONITORING)];
for (const target of TARGETS) files.push(...(await release(target)));
const sums = await Promise.all(files.map(async (file) => `${await sha256(file)}  ${basename(file)}\n`));
writeFileSync(join(OUT, "SHA256SUMS"), sums.join(""));
writeFileSync(join(DIST, "notes.md"), notes());
console.log(`${sums.join("")}in ${OUT}`);

/** Makes the files of one target. Resolves to their paths. */
async function release(target: Target): Promise<string[]> {
  const title = target.replace("bun-", "");
  const folder = folderOf(title);
  // Bun compiles the file name into the executable, so every release uses the same name.
  const executable = join(folder, NAME);
  compile(target, executable);
  const bill = `${folder}.cdx.json`;
  const content = `${JSON.stringify(sbom(target, await sha256(executable)), null, 2)}\n`;
  for (const file of [bill, join(folder, "sbom.cdx.json")]) writeFileSync(file, content);
  const debs = target in ARCHITECTURES ? [await makeDeb(target as DebTarget, executable, OUT, values.repository)] : [];
  return [archive(title, BESIDE_EXECUTABLE), bill, ...debs];
}

function folderOf(title: string): string {
  return join(OUT, `${NAME}-${VERSION}-${title}`);
}

/** Adds files of the repository to the folder of `title`, and makes an archive of it. Returns the archive's path. */
function archive(title: string, enclosed: readonly string[]): string {
  const folder = folderOf(title);
  writeEnclosed(folder, enclosed, values.repository);
  run([
    ...["tar", "--create", "--gzip", "--file", `${folder}.tar.gz`, "--directory", OUT, "--sort=name", "--mtime=@0"],
    ...["--owner=0", "--group=0", "--numeric-owner", "--mode=u+w,go-w", basename(folder)],
  ]);
  rmSync(folder, { recursive: true });
  return `${folder}.tar.gz`;
}

/** @throws Error when CHANGELOG.md has no part for the version */
function notes(): string {
  const parts = readFileSync(join(ROOT, "CHANGELOG.md"), "utf8").split(/^## /m);
  const part = parts.find((text) => text.split(/\s/, 1)[0] === VERSION);
  if (part === undefined) throw new Error(`CHANGELOG.md has no part for version ${VERSION}`);
  return part.slice(part.indexOf("\n") + 1).trimStart();
}
