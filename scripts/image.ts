// Makes the root of the container image in dist/image: the executable, its loader and its libraries. packaging/Containerfile
// makes an image of it. `bun run image`. `--push docker://REGISTRY/OWNER/NAME` also builds the image with buildah, as root, and
// pushes it with the tag of the version; `--digest-file` stores its digest.

import { chmodSync, copyFileSync, mkdirSync, realpathSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { parseArgs } from "node:util";
import packageJson from "../package.json" with { type: "json" };
import { commitTime, DIST, ROOT, run } from "./artefacts.ts";

/** Replaces `root`, and returns the paths in it. */
export function makeRoot(executable: string, root: string): string[] {
  rmSync(root, { recursive: true, force: true });
  const files = new Map([[`/${basename(executable)}`, executable]]);
  for (const library of libraries(executable)) files.set(library, realpathSync(library));
  for (const [path, source] of files) {
    const target = join(root, path);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(source, target);
    chmodSync(target, 0o755);
  }
  return [...files.keys()].sort();
}

/** The paths of the loader and the libraries, from ldd. The vdso has no path. */
function libraries(executable: string): string[] {
  const ldd = Bun.spawnSync(["ldd", executable], { stderr: "pipe" });
  if (!ldd.success) throw new Error(`ldd ${executable}: ${ldd.stderr.toString().trim()}`);
  return Array.from(ldd.stdout.toString().matchAll(/(\/\S+) \(0x/g), ([, path]) => path!);
}

/** Builds and pushes the image. Its label links it to the repository OWNER/NAME. */
function push(root: string, destination: string, digestFile: string, repository = "OWNER/bitcoind-ipc-exporter"): void {
  const { name, version } = packageJson;
  // Registries accept lower case only.
  const target = `${destination.toLowerCase()}:${version}`;
  const labels = [`version=${version}`, `source=https://github.com/${repository}`];
  run([
    ...["buildah", "build", "--isolation", "chroot", "--timestamp", String(commitTime()), "--tag", name],
    ...labels.flatMap((label) => ["--label", `org.opencontainers.image.${label}`]),
    ...["--file", join(ROOT, "packaging", "Containerfile"), root],
  ]);
  run(["buildah", "push", "--digestfile", digestFile, name, target]);
  console.log(`pushed ${target}`);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      push: { type: "string" },
      repository: { type: "string" },
      "digest-file": { type: "string", default: join(DIST, "image.digest") },
    },
  });
  const root = join(DIST, "image");
  let total = 0;
  for (const file of makeRoot(join(DIST, packageJson.name), root)) {
    const { size } = statSync(join(root, file));
    total += size;
    console.log(`${String(size).padStart(11)}  ${file}`);
  }
  console.log(`${String(total).padStart(11)}  bytes in all, in ${root}`);
  if (values.push !== undefined) push(root, values.push, values["digest-file"], values.repository);
}
