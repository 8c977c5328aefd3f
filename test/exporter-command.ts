// The commands that start the exporter: as one executable, compiled when a test run first needs it, or from its source.

import { existsSync, readFileSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
/** A folder for each test run, named by its process. */
const CACHE_DIR = join(ROOT, "node_modules/.cache/exporter");

/** Compiling takes half a second on an idle core. */
export const COMPILE_DEADLINE_MS = 60_000;

let compiled: Promise<readonly string[]> | undefined;

/** The command of the compiled executable. Test files call this in beforeAll, so the compilation is outside of their tests. */
export function compiledExporter(): Promise<readonly string[]> {
  compiled ??= compile();
  return compiled;
}

/** The command that starts the exporter from its source, after the file `preload`. */
export function exporterFromSource(preload: string): readonly string[] {
  return [process.execPath, "--preload", preload, join(ROOT, "src", "main.ts")];
}

/** The environment in which the compiled executable runs the file `preload` first. */
export function preloading(preload: string): Readonly<Record<string, string>> {
  return { BUN_OPTIONS: `--preload=${preload}` };
}

/** File under src/ without its extension → constant → its value. */
export type Constants = Readonly<Record<string, Readonly<Record<string, number>>>>;

/**
 * How to start the exporter from its source with other values of these constants, such as a deadline of half a second.
 * @throws Error when the product has no such constant.
 */
export function exporterWith(constants: Constants) {
  for (const [file, values] of Object.entries(constants)) {
    const source = readFileSync(join(ROOT, "src", `${file}.ts`), "utf8");
    for (const name of Object.keys(values)) {
      if (!declarationOf(name).test(source)) throw new Error(`src/${file}.ts has no constant ${name}`);
    }
  }
  return {
    command: exporterFromSource(join(import.meta.dirname, "constants.ts")),
    env: { EXPORTER_CONSTANTS: JSON.stringify(constants) },
  };
}

/** Matches the declaration of a numeric constant; the first group is all before the value. */
export function declarationOf(name: string): RegExp {
  return new RegExp(`^((?:export )?const ${name}(?:: number)? = )[^;]+;`, "m");
}

async function compile(): Promise<readonly string[]> {
  await mkdir(CACHE_DIR, { recursive: true });
  for (const pid of await readdir(CACHE_DIR)) {
    if (!existsSync(`/proc/${pid}`)) await rm(join(CACHE_DIR, pid), { recursive: true, force: true });
  }
  const executable = join(CACHE_DIR, String(process.pid), "bitcoind-ipc-exporter");
  const build = Bun.spawn([process.execPath, join(ROOT, "scripts", "build.ts"), "--outfile", executable], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  if ((await build.exited) !== 0) throw new Error(`cannot compile the exporter: ${await build.stderr.text()}`);
  return [executable];
}
