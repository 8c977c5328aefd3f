// Builds the reference node's executable, once for each state of its sources and the schema; it is kept under
// node_modules/.cache. Called by ReferenceNode.start, and by tests that want the wait outside their own deadline.

import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join, relative } from "node:path";

const sourceDir = join(import.meta.dir, "cpp");
const schemaDir = join(import.meta.dir, "../../schema");
const cacheDir = join(import.meta.dir, "../../node_modules/.cache/reference-node");

/** A cold build takes 20 s on an idle core. */
export const buildTimeoutMs = 300_000;

const flags = ["-std=c++17", "-O2", "-Wall", "-Wextra"];
const remedy = "sudo apt install g++ capnproto libcapnp-dev";
const libraries = ["-lcapnp-rpc", "-lcapnp-json", "-lcapnp", "-lkj-async", "-lkj"];

let built: Promise<string> | undefined;

/** The path of the executable. Throws, naming the packages, when the compilers or the library are missing. */
export function buildReferenceNode(): Promise<string> {
  built ??= build();
  return built;
}

async function build(): Promise<string> {
  const schema = glob("**/*.capnp", schemaDir);
  const ownSchema = glob("*.capnp", sourceDir);
  const sources = [...glob("*.{cpp,h,capnp}", sourceDir), join(import.meta.dir, "build.ts")];
  const executable = join(cacheDir, await digest([...schema, ...sources]));
  if (await Bun.file(executable).exists()) return executable;

  await mkdir(cacheDir, { recursive: true });
  const workDir = await mkdtemp(join(cacheDir, "build-"));
  try {
    await run(["capnp", "compile", `-oc++:${workDir}`, `--src-prefix=${schemaDir}`, ...schema]);
    await run(["capnp", "compile", `-oc++:${workDir}`, `--src-prefix=${sourceDir}`, `-I${schemaDir}`, ...ownSchema]);
    // All in one translation unit: the headers of Cap'n Proto cost more than everything else. What is generated is
    // included as system headers are, so that the warnings are about our own sources.
    const generated = glob("**/*.capnp.c++", workDir).map((file) => `#include <${relative(workDir, file)}>\n`);
    const ours = glob("*.cpp", sourceDir).map((file) => `#include "${file}"\n`);
    const all = join(workDir, "all.cpp");
    await Bun.write(all, [...generated, ...ours].join(""));
    const output = join(workDir, "reference-node");
    await run(["g++", ...flags, "-isystem", workDir, "-I", sourceDir, all, "-o", output, ...libraries]);
    await rename(output, executable);
  } finally {
    await rm(workDir, { recursive: true });
  }
  return executable;
}

function glob(pattern: string, cwd: string): string[] {
  return [...new Bun.Glob(pattern).scanSync({ cwd, absolute: true })].sort();
}

// The compiler's version is part of it: an executable does not run with the library of another one.
async function digest(files: string[]): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  hash.update(await run(["capnp", "--version"]));
  for (const file of files) hash.update(await Bun.file(file).bytes());
  return hash.digest("hex").slice(0, 16);
}

async function run(command: [string, ...string[]]): Promise<string> {
  const [program] = command;
  if (Bun.which(program) === null) throw new Error(`cannot build the reference node: no ${program}; ${remedy}`);
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (child.exitCode === 0) {
    if (stderr !== "") console.error(stderr); // warnings
    return stdout;
  }
  const missing = stderr.includes("No such file or directory") ? `; ${remedy}` : "";
  throw new Error(`cannot build the reference node: ${program} failed${missing}\n${stderr}`);
}
