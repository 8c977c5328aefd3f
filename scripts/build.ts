// Compiles the exporter into one executable: `bun run build` makes dist/bitcoind-ipc-exporter.
// `--target bun-linux-arm64` and the like compile for another machine, where Bun's runtime for it is at hand.

import { join } from "node:path";
import { parseArgs } from "node:util";

const ROOT = join(import.meta.dirname, "..");

const { values } = parseArgs({
  options: {
    target: { type: "string" },
    outfile: { type: "string", default: join(ROOT, "dist", "bitcoind-ipc-exporter") },
    revision: { type: "string", default: gitRevision() },
  },
});

const result = await Bun.build({
  entrypoints: [join(ROOT, "src", "main.ts")],
  minify: { whitespace: true, syntax: true, identifiers: false },
  define: { BUILD_REVISION: JSON.stringify(values.revision) },
  compile: {
    outfile: values.outfile,
    ...(values.target === undefined ? {} : { target: values.target as Bun.Build.CompileTarget }),
    // The executable is started in folders that others may write to: what lies there must not become part of it.
    autoloadDotenv: false,
    autoloadBunfig: false,
    autoloadTsconfig: false,
    autoloadPackageJson: false,
  },
});
for (const message of result.logs) console.error(message);
if (!result.success) process.exit(1);
console.log(`built ${values.outfile} (revision ${values.revision})`);

/** The commit that is built, with a mark when the tree differs from it, or "unknown" outside a repository. */
function gitRevision(): string {
  const git = (...args: string[]) => Bun.spawnSync(["git", "-C", ROOT, ...args], { stderr: "ignore" });
  const head = git("rev-parse", "--short=12", "HEAD");
  if (!head.success) return "unknown";
  const dirty = git("status", "--porcelain", "--untracked-files=no").stdout.length > 0;
  return head.stdout.toString().trim() + (dirty ? "-dirty" : "");
}
