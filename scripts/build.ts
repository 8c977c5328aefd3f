// Compiles the exporter into one executable: `bun run build` makes dist/bitcoind-ipc-exporter for this machine.
// `--target bun-linux-arm64-musl` and the like compile for another, with the runtime that npm has for it or that `--runtime`
// names.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { DIST, ROOT } from "./artefacts.ts";
import { fetchRuntime, RuntimeError, readTarget } from "./runtime.ts";

const { values } = parseArgs({
  options: {
    target: { type: "string" },
    runtime: { type: "string" },
    outfile: { type: "string", default: join(DIST, "bitcoind-ipc-exporter") },
    revision: { type: "string", default: gitRevision() },
  },
});

const machine = otherMachine();

const result = await Bun.build({
  entrypoints: [join(ROOT, "src", "main.ts")],
  // Parsed here, not at each start: the first scrape comes after 30 ms instead of 98. Bytecode asks for a named format, and
  // for the runtime that made it: one for musl crashes on that of one for glibc (oven-sh/bun#24144).
  format: "esm",
  bytecode: isThisRuntime(machine.executablePath),
  minify: { whitespace: true, syntax: true, identifiers: false },
  define: { BUILD_REVISION: JSON.stringify(values.revision) },
  compile: {
    outfile: values.outfile,
    ...machine,
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

/** What to compile for, and with which runtime, when that is not this machine and the Bun that runs here. */
function otherMachine(): { target?: Bun.Build.CompileTarget; executablePath?: string } {
  try {
    const target = values.target && readTarget(values.target);
    const executablePath = values.runtime ?? (target && fetchRuntime(target));
    if (executablePath && !existsSync(executablePath)) throw new RuntimeError(`no runtime at ${executablePath}`);
    return { ...(target && { target }), ...(executablePath && { executablePath }) };
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    console.error(`build: ${error.message}`);
    process.exit(1);
  }
}

/** Whether the runtime in a file, or that of this machine where none is named, is the one that compiles. */
function isThisRuntime(path: string | undefined): boolean {
  return path === undefined || readFileSync(path).equals(readFileSync(process.execPath));
}

/** The commit that is built, with a mark when the tree differs from it, or "unknown" outside a repository or without git. */
function gitRevision(): string {
  if (Bun.which("git") === null) return "unknown";
  const git = (...args: string[]) => Bun.spawnSync(["git", "-C", ROOT, ...args], { stderr: "ignore" });
  const head = git("rev-parse", "--short=12", "HEAD");
  if (!head.success) return "unknown";
  const dirty = git("status", "--porcelain", "--untracked-files=no").stdout.length > 0;
  return head.stdout.toString().trim() + (dirty ? "-dirty" : "");
}
