// Makes the root of the container image in dist/image: the executable, its loader and its libraries. packaging/Containerfile
// makes an image of it. `bun run image`.

import { chmodSync, copyFileSync, mkdirSync, realpathSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";

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

if (import.meta.main) {
  const dist = join(import.meta.dirname, "..", "dist");
  const root = join(dist, "image");
  let total = 0;
  for (const file of makeRoot(join(dist, "bitcoind-ipc-exporter"), root)) {
    const { size } = statSync(join(root, file));
    total += size;
    console.log(`${String(size).padStart(11)}  ${file}`);
  }
  console.log(`${String(total).padStart(11)}  bytes in all, in ${root}`);
}
