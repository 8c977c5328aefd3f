// Builds the programs of the benches, once for each state of their sources and the schema, in node_modules/.cache.

import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join, relative } from "node:path";

const SOURCE_DIR = import.meta.dirname;
const SCHEMA_DIR = join(SOURCE_DIR, "../../schema");
const CACHE_DIR = join(SOURCE_DIR, "../../node_modules/.cache/bench");

const REMEDY = "sudo apt install gcc g++ capnproto libcapnp-dev";
const C_FLAGS = ["-O2", "-Wall", "-Wextra"];
const CPP_FLAGS = ["-std=c++17", ...C_FLAGS];
const LIBRARIES = ["-lcapnp-rpc", "-lcapnp", "-lkj-async", "-lkj"];

/** Paths of executables. */
export interface NativePrograms {
  readonly floor: string;
  readonly cpp: string;
  readonly pacedScrapes: string;
}

/** Takes 15 s on an idle core without a cache. Throws with the names of the packages when a compiler is missing. */
export async function buildNativePrograms(): Promise<NativePrograms> {
  await mkdir(CACHE_DIR, { recursive: true });
  return {
    floor: await built("floor.c", [], compileC),
    cpp: await built("capnp-subscriber.cpp", filesIn(SCHEMA_DIR, "**/*.capnp"), compileCpp),
    pacedScrapes: await built("paced-scrapes.c", [], compileC),
  };
}

type Compile = (source: string, output: string, workDir: string) => Promise<void>;

/** The executable of one source file and its generated sources. */
async function built(name: string, schema: readonly string[], compile: Compile): Promise<string> {
  const source = join(SOURCE_DIR, name);
  const executable = join(CACHE_DIR, await digest([source, ...schema, import.meta.filename]));
  if (await Bun.file(executable).exists()) return executable;
  const workDir = await mkdtemp(join(CACHE_DIR, "build-"));
  try {
    const output = join(workDir, "program");
    await compile(source, output, workDir);
    await rename(output, executable);
  } finally {
    await rm(workDir, { recursive: true });
  }
  return executable;
}

async function compileC(source: string, output: string): Promise<void> {
  await run(["gcc", ...C_FLAGS, source, "-o", output]);
}

/** One translation unit: the headers of Cap'n Proto take most of the time. */
async function compileCpp(source: string, output: string, workDir: string): Promise<void> {
  const schema = filesIn(SCHEMA_DIR, "**/*.capnp");
  await run(["capnp", "compile", `-oc++:${workDir}`, `--src-prefix=${SCHEMA_DIR}`, ...schema]);
  const generated = filesIn(workDir, "**/*.capnp.c++").map((file) => `#include <${relative(workDir, file)}>\n`);
  const all = join(workDir, "all.cpp");
  await Bun.write(all, [...generated, `#include "${source}"\n`].join(""));
  await run(["g++", ...CPP_FLAGS, "-isystem", workDir, all, "-o", output, ...LIBRARIES]);
}

function filesIn(folder: string, pattern: string): string[] {
  return [...new Bun.Glob(pattern).scanSync({ cwd: folder, absolute: true })].sort();
}

/** The key includes the library's version: an executable does not run with another one. */
async function digest(files: readonly string[]): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256").update(await run(["capnp", "--version"]));
  for (const file of files) hash.update(await Bun.file(file).bytes());
  return hash.digest("hex").slice(0, 16);
}

async function run(command: readonly [string, ...string[]]): Promise<string> {
  const [program] = command;
  if (Bun.which(program) === null) throw new Error(`cannot build the benches: no ${program}; ${REMEDY}`);
  const child = Bun.spawn([...command], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (child.exitCode !== 0) throw new Error(`cannot build the benches: ${program} failed; ${REMEDY}\n${stderr}`);
  if (stderr !== "") console.error(stderr); // warnings
  return stdout;
}
